"""COCO keypoint json: COCO 17, 33-named, COCO-WholeBody, Halpe 26 and 136, CVAT's export, any own keypoint set.

The set is taken from `keypoints` of the categories where their number fits the annotations, else recognised from the
fields (WholeBody) or the number of keypoints. COCO's coordinates are integer pixel indices, so half a pixel is added;
this package's own files (they say so in `info.coordinates`), files of 33 named points and CVAT's and Label Studio's
exports are continuous already.

Reference: cocodataset.org, format-data; COCO-WholeBody data_format.md (Jin et al. 2020); Halpe-FullBody (Fang et al.
2022); CVAT manual, format COCO Keypoints.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from blazepose_tf import topology
from blazepose_tf.data.converters import names as names_lib
from blazepose_tf.data.converters.annotations import (
    MALFORMED,
    Damage,
    Person,
    Picture,
    Source,
    image_folder,
    keypoint_array,
    xywh_to_xyxy,
)

PIXEL_INDEX_OFFSET = 0.5
_WHOLEBODY_PARTS = (("foot", 6), ("face", 68), ("lefthand", 21), ("righthand", 21))
_KEPT_FIELDS = ("keypoint_source", "source_image", "face_visible")


def load_json(path: Path) -> object:
    """Parses a json file; ValueError names file, line and column of a mistake."""
    if path.is_dir():
        raise ValueError(f"{path} is a folder; this format needs the json file")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}:{error.lineno}:{error.colno}: not valid json: {error.msg}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: byte {error.start} is not UTF-8 text") from error


def read(
    path: Path,
    *,
    images: str | None = None,
    keypoints: Sequence[str] = (),
    offset: float | None = None,
    continuous: bool = False,
) -> Source:
    """Opens a COCO keypoint file.

    Args:
        path: the json.
        images: folder of the pictures; by default `images` beside the json, else its folder.
        keypoints: names in the order of the file, for files that do not name them.
        offset: added to coordinates; None: 0.5 for pixel indices and 0 for continuous coordinates, see the module.
        continuous: the tool that wrote the file uses continuous coordinates (CVAT, Label Studio).

    Raises:
        ValueError: not a COCO keypoint file, or its keypoints have no names and no known number.
    """
    content = load_json(path)
    if not isinstance(content, dict) or not all(isinstance(content.get(k), list) for k in ("images", "annotations")):
        raise ValueError(f"{path}: not a COCO file: it needs the lists images and annotations")
    annotations = content["annotations"]
    categories = _categories(path, content.get("categories"))
    names, by_category = _names(path, annotations, categories, tuple(keypoints))
    if offset is None:
        info = content.get("info")
        declared = isinstance(info, dict) and str(info.get("coordinates", "")).startswith("continuous")
        ours = declared or set(names) == set(topology.KEYPOINTS)
        offset = 0.0 if continuous or ours else PIXEL_INDEX_OFFSET
    groups: dict[object, list[tuple[int, dict]]] = {}
    known = {entry_id(entry) for entry in content["images"]}
    strays = []
    for i, annotation in enumerate(annotations):
        image_id = entry_id(annotation, "image_id")
        if image_id in known and image_id is not None:
            groups.setdefault(image_id, []).append((i, annotation))
        else:
            strays.append(
                Damage(f"{path}: annotations[{i}]", f"refers to image {image_id!r}, which is not in the file")
            )

    def pictures() -> Iterator[Picture | Damage]:
        yield from strays
        for i, entry in enumerate(content["images"]):
            where = f"{path}: images[{i}]"
            if not isinstance(entry, dict) or not entry.get("file_name"):
                yield Damage(where, "has no file_name")
                continue
            people, problems, sources = [], [], set()
            for j, annotation in groups.get(entry_id(entry), ()):
                spot = f"{path}: annotations[{j}] (id {annotation.get('id')})"
                try:
                    people.append(_person(annotation, names, by_category, offset=offset))
                except MALFORMED as error:
                    problems.append(Damage.of(spot, error))
                sources.add(str(annotation.get("dataset") or ""))
            try:
                width, height = int(entry.get("width") or 0), int(entry.get("height") or 0)
            except MALFORMED as error:
                yield Damage.of(f"{where}: width and height", error)
                continue
            yield Picture(
                file_name=str(entry["file_name"]).replace("\\", "/"),
                where=where,
                people=tuple(people),
                width=width,
                height=height,
                dataset=next(iter(sources)) if len(sources) == 1 else "",
                split=str(entry.get("split") or ""),
                problems=tuple(problems),
            )

    return Source(names, pictures(), len(content["images"]) + len(strays), image_folder(images, path.parent))


def entry_id(entry: object, key: str = "id") -> int | str | None:
    """An entry's id, or None when it has none that could be one."""
    value = entry.get(key) if isinstance(entry, dict) else None
    return value if isinstance(value, (int, str)) else None


def _categories(path: Path, categories: object) -> dict[object, tuple[str, ...]]:
    """Category id -> names of its keypoints, for those with names."""
    found = {}
    for i, category in enumerate(categories if isinstance(categories, list) else ()):
        names = category.get("keypoints") if isinstance(category, dict) else None
        if not names:
            continue
        if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
            raise ValueError(f"{path}: categories[{i}]: keypoints must be a list of names. Received: {names!r:.80}")
        found[entry_id(category)] = tuple(names)
    return found


def _names(
    path: Path, annotations: Sequence, categories: dict[object, tuple[str, ...]], given: tuple[str, ...]
) -> tuple[tuple[str, ...], dict[object, tuple[str, ...]]]:
    """Names of the file's keypoints, and the names of each category's own order (empty: all in the first order)."""
    labelled = [
        a for a in annotations if isinstance(a, dict) and isinstance(a.get("keypoints"), list) and a["keypoints"]
    ]
    union = tuple(dict.fromkeys(name for names in categories.values() for name in names))
    named = given or union
    if not labelled and (annotations or not named):  # a file of pictures without people has no annotations at all
        raise ValueError(f"{path}: no annotation has keypoints")
    if given or not labelled:
        return named, {}
    usual = Counter(len(a["keypoints"]) for a in labelled).most_common(1)[0][0]  # a single damaged one must not decide
    first = next(a for a in labelled if len(a["keypoints"]) == usual)
    if "lefthand_kpts" in first or "face_kpts" in first:
        return topology.KEYPOINT_SETS["coco_wholebody_133"], {}
    count = len(first["keypoints"]) // 3
    own = categories.get(entry_id(first, "category_id"), ())
    if len(own) == count:
        return union, (categories if len(set(categories.values())) > 1 else {})
    if count in names_lib.BY_COUNT:
        return topology.KEYPOINT_SETS[names_lib.BY_COUNT[count]], {}
    raise ValueError(
        f"{path}: {count} keypoints per annotation and {len(own)} names in its category: name them in order with "
        f"--keypoints=a,b,c"
    )


def _flat(values: object, count: int, what: str) -> np.ndarray:
    values = np.asarray(values, np.float64).reshape(-1)
    if values.size != 3 * count:
        raise ValueError(f"{what} holds {values.size} numbers, expected {3 * count} (x, y, v of {count} keypoints)")
    return values.reshape(count, 3)


def _wholebody(annotation: dict) -> np.ndarray:
    """(133, 3); parts that the annotators found too unclear are zero."""
    parts = [_flat(annotation["keypoints"], 17, "keypoints")]
    for part, count in _WHOLEBODY_PARTS:
        values = annotation.get(f"{part}_kpts")
        valid = annotation.get(f"{part}_valid", True) and values is not None
        parts.append(_flat(values, count, f"{part}_kpts") if valid else np.zeros((count, 3)))
    return np.concatenate(parts)


def _states(points: np.ndarray) -> np.ndarray:
    """Fractional flags (WholeBody's and Halpe's reliability of clear points) become visible; whole ones stay."""
    flags = points[:, 2]
    fractional = (flags > 0) & (flags < 2) & (flags != np.round(flags))
    return np.column_stack([points[:, :2], np.where(fractional, 2.0, flags)])


def _person(annotation: dict, names: Sequence[str], by_category: dict, *, offset: float) -> Person:
    box = xywh_to_xyxy(annotation.get("bbox"))
    raw = annotation.get("keypoints")
    if not raw:
        points = np.zeros((len(names), 3))
    elif len(names) == 133 and "foot_kpts" in annotation:
        points = _wholebody(annotation)
    elif by_category:
        own = by_category.get(entry_id(annotation, "category_id"))
        if own is None:
            raise ValueError(f"category {annotation.get('category_id')!r} names no keypoints")
        points = topology.remap(_flat(raw, len(own), "keypoints"), own, names)
    else:
        points = _flat(raw, len(names), "keypoints")
    ends = [annotation.get("center"), annotation.get("scale_point")]
    alignment = np.array(ends, np.float64) if all(ends) else None
    if alignment is not None and (alignment.shape != (2, 2) or not np.isfinite(alignment).all()):
        raise ValueError(f"center and scale_point must be two finite numbers each. Received: {ends}")
    area = annotation.get("area")
    return Person(
        keypoints=keypoint_array(_states(points), offset=offset, count=len(names)),
        box=box,
        area=float(area) if area else None,
        ignore=bool(annotation.get("iscrowd") or annotation.get("ignore")),
        weight=float(annotation.get("weight", 1.0)),
        alignment=alignment,
        face_box=xywh_to_xyxy(annotation.get("face_box")),
        extra={key: annotation[key] for key in _KEPT_FIELDS if key in annotation},
    )
