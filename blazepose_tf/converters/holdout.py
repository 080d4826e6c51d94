"""Pictures kept aside for validation: whole groups, so that nobody is learned from and judged by."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

from blazepose_tf.converters.annotations import Picture

PICTURE, FOLDER, CLIP, FIELD = "picture", "folder", "clip", "field:"


def split(pictures: Sequence[Picture], share: float, by: str = PICTURE) -> tuple[list[Picture], list[Picture]]:
    """Pictures to learn from and pictures kept aside, in their order.

    Which ones are kept is a function of the groups' names alone: more pictures later do not move the others.

    Args:
        pictures: converted pictures.
        share: of the groups that is kept aside; at least one.
        by: `picture`, `folder`, `clip` (files whose names differ in their last number only), `field:NAME` (a field of
            people or pictures, such as `person_id`; pictures that share a value through any of their people are one
            group, those without the field each one of its own), or a regular expression whose first group (or whole
            match) in a file's name names the person or clip, such as `^(person\\d+)_`.

    Raises:
        ValueError: a share outside of (0, 1), an expression that is none or does not match, a field that nobody has,
            fewer than two groups.
    """
    if not 0.0 < share < 1.0:
        raise ValueError(f"the share kept aside must lie in (0, 1). Received: {share}")
    groups = _groups(pictures, by)
    names = sorted(set(groups), key=lambda name: hashlib.sha256(name.encode()).digest())
    if len(names) < 2:
        raise ValueError(f"all {len(pictures)} pictures are of one group: nothing can be kept aside (by {by})")
    kept = set(names[: max(1, round(share * len(names)))])
    sides = [[p for p, g in zip(pictures, groups, strict=True) if (g in kept) == side] for side in (False, True)]
    return sides[0], sides[1]


def looks_like_frames(pictures: Sequence[Picture]) -> bool:
    """Whether most file names differ from one another in their last number only, as those of a clip's frames do."""
    counts = Counter(_group(p.file_name, CLIP) for p in pictures)
    return len(pictures) > 1 and max(counts.values()) > 0.5 * len(pictures)


def _groups(pictures: Sequence[Picture], by: str) -> list[str]:
    """The group of each picture; one file is never in two."""
    if not by.startswith(FIELD):
        return [_group(picture.file_name, by) for picture in pictures]
    name = by.removeprefix(FIELD)
    values = [_values(picture, name) for picture in pictures]
    if not any(values):
        raise ValueError(f"no person and no picture has the field {name!r} to keep together by")
    same: dict[str, str] = {}  # a key -> one that it is together with

    def root(key: str) -> str:
        while same.setdefault(key, key) != key:
            key = same[key]
        return key

    for picture, mine in zip(pictures, values, strict=True):
        first, *others = (*sorted(mine), f"file {picture.file_name}")
        for other in others:
            low, high = sorted((root(first), root(other)), key=lambda key: (key.startswith("file "), key))
            same[high] = low
    return [root(f"file {picture.file_name}") for picture in pictures]


def _values(picture: Picture, name: str) -> set[str]:
    fields = [picture.fields, *(part for person in picture.people for part in (person.fields, person.extra))]
    return {f"value {part[name]}" for part in fields if part.get(name) not in (None, "")}


def _group(file_name: str, by: str) -> str:
    if by == PICTURE:
        return file_name
    path = PurePosixPath(file_name)
    if by == FOLDER:
        return str(path.parent)
    if by == CLIP:
        return str(path.parent / re.sub(r"[\W_]*\d+$", "", path.stem))
    try:
        found = re.search(by, file_name)
    except re.error as error:
        raise ValueError(f"not a regular expression: {by!r} ({error})") from error
    if found is None:
        raise ValueError(f"{by!r} finds nothing in the name {file_name!r}")
    return found.group(1) if found.groups() else found.group(0)
