"""Which categories of a COCO file are people, and what their keypoints are called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from blazepose_tf import documents, topology
from blazepose_tf.converters import names as names_lib

Id = int | str | None
_PEOPLE = frozenset({"person", "persons", "people", "human", "humans", "pedestrian", "body", "player", "athlete"})


@dataclass(frozen=True)
class Categories:
    """What the categories say.

    Attributes:
        names: the file's K keypoints.
        orders: category id -> names in the order of its annotations, where categories differ; else empty.
        things: ids of categories that are no people: a dog, a barbell with two points of its own.
        boxes: ids of categories of people without keypoints, beside others that have them.
        remarks: what was left out for that, in lines.
    """

    names: tuple[str, ...]
    orders: Mapping[Id, tuple[str, ...]] = field(default_factory=dict)
    things: frozenset = frozenset()
    boxes: frozenset = frozenset()
    remarks: tuple[str, ...] = ()

    @classmethod
    def of(cls, path: Path, annotations: Sequence, categories: object, given: tuple[str, ...]) -> Categories:
        """Reads them.

        Args:
            path: for messages.
            annotations: of the file.
            categories: of the file, whatever they are.
            given: names that the user gave, in the order of the numbers; they win.

        Raises:
            ValueError: no annotation has keypoints, or they have no names and no known number.
        """
        titles, named = _read(path, categories)
        labelled = [a for a in annotations if isinstance(a, dict) and isinstance(a.get("keypoints"), list)]
        labelled = [a for a in labelled if a["keypoints"]]
        used = Counter(documents.identity(a.get("category_id")) for a in labelled)
        people = _people(titles, named, used)
        things = frozenset(k for k in titles if k not in people and titles[k] not in _PEOPLE)
        boxes = frozenset(k for k in titles if k not in people and titles[k] in _PEOPLE)
        labelled = [a for a in labelled if documents.identity(a.get("category_id")) not in things | boxes]
        union = tuple(dict.fromkeys(name for k, names in named.items() if k in people for name in names))
        if not labelled and (annotations or not (given or union)):  # pictures without people have no annotations
            raise ValueError(f"{path}: no annotation has keypoints")
        orders = {k: named[k] for k in named if k in people}
        names, differ = _names(path, labelled, union, orders, given)
        return cls(names, orders if differ else {}, things, boxes, tuple(_remarks(path, annotations, titles, things)))


def _read(path: Path, categories: object) -> tuple[dict[Id, str], dict[Id, tuple[str, ...]]]:
    """Category id -> its name in lower case, and -> names of its keypoints where it has some."""
    titles, named = {}, {}
    for i, category in enumerate(categories if isinstance(categories, list) else ()):
        if not isinstance(category, dict):
            raise ValueError(f"{path}: categories[{i}]: expected an object. Received: {documents.show(category)}")
        identity = documents.identity(category.get("id"))
        titles[identity] = str(category.get("name") or "").strip().lower()
        names = category.get("keypoints")
        if not names:
            continue
        if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
            raise ValueError(f"{path}: categories[{i}]: keypoints must be a list of names. Received: {names!r:.80}")
        if len(set(names)) != len(names):
            doubled = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"{path}: categories[{i}]: the keypoint {doubled!r} is there twice")
        named[identity] = tuple(names)
    return titles, named


def _people(titles: Mapping[Id, str], named: Mapping[Id, tuple[str, ...]], used: Counter) -> set:
    """Ids of the categories whose annotations are people with keypoints.

    With names, it is the skeleton that has hips and shoulders (or is called a person's) and those that share a point
    with it; where there is none, all skeletons. Without names, all categories whose annotations have keypoints.
    """
    if not named:
        return {k for k in titles if used[k]} or set(titles)
    known = {k: set(map(names_lib.canonical, names)) for k, names in named.items()}
    likely = [k for k in named if names_lib.has_torso(known[k])] or [k for k in named if titles[k] in _PEOPLE]
    if not likely:
        return set(named)
    main = max(likely, key=lambda k: used[k])
    people, points = {main}, set(known[main])
    while joined := [k for k in named if k not in people and (known[k] & points or k in likely)]:
        people |= set(joined)
        points |= set().union(*(known[k] for k in joined))
    return people


def _names(
    path: Path, labelled: Sequence[dict], union: tuple[str, ...], orders: Mapping, given: tuple[str, ...]
) -> tuple[tuple[str, ...], bool]:
    """Names of the file's keypoints, and whether each category has an order of its own."""
    if given or not labelled:
        return given or union, False
    sizes = Counter(len(a["keypoints"]) for a in labelled)
    # A damaged one must not decide, not even where there are two.
    named = {3 * len(order) for order in orders.values()}
    usual = max(sizes, key=lambda size: (sizes[size], size in named))
    first = next(a for a in labelled if len(a["keypoints"]) == usual)
    if "lefthand_kpts" in first or "face_kpts" in first:
        return topology.KEYPOINT_SETS["coco_wholebody_133"], False
    count = len(first["keypoints"]) // 3
    own = orders.get(documents.identity(first.get("category_id")), ())
    if not own and len(set(orders.values())) == 1:  # annotations without a category, in a file of one skeleton
        own = next(iter(orders.values()))
    if len(own) == count:
        return union, len(set(orders.values())) > 1
    if count in names_lib.BY_COUNT:
        return topology.KEYPOINT_SETS[names_lib.BY_COUNT[count]], False
    raise ValueError(
        f"{path}: {count} keypoints per annotation and {len(own)} names in its category: name them in order with "
        f"--keypoints=a,b,c"
    )


def _remarks(path: Path, annotations: Sequence, titles: Mapping[Id, str], things: frozenset):
    count = Counter(documents.identity(a.get("category_id")) for a in annotations if isinstance(a, dict))
    for k in titles:
        if k in things and count[k]:
            title = titles[k] or f"category {k}"
            yield f"{path}: {count[k]} annotations of {title!r} left out: no people, with other keypoints or none"
