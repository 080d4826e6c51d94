"""Pictures kept aside for validation: whole groups, so that nobody is learned from and judged by."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from blazepose_tf.data.converters.annotations import Picture

PICTURE, FOLDER = "picture", "folder"


def split(pictures: Sequence[Picture], share: float, by: str = PICTURE) -> tuple[list[Picture], list[Picture]]:
    """Pictures to learn from and pictures kept aside, in their order.

    Which ones are kept is a function of the groups' names alone: more pictures later do not move the others.

    Args:
        pictures: converted pictures.
        share: of the groups that is kept aside; at least one.
        by: `picture`, `folder`, or a regular expression whose first group (or whole match) in a file's name names the
            person or clip, such as `^(person\\d+)_`.

    Raises:
        ValueError: a share outside of (0, 1), an expression that is none or does not match, fewer than two groups.
    """
    if not 0.0 < share < 1.0:
        raise ValueError(f"the share kept aside must lie in (0, 1). Received: {share}")
    groups = [_group(picture.file_name, by) for picture in pictures]
    names = sorted(set(groups), key=lambda name: hashlib.sha256(name.encode()).digest())
    if len(names) < 2:
        raise ValueError(f"all {len(pictures)} pictures are of one group: nothing can be kept aside (by {by})")
    kept = set(names[: max(1, round(share * len(names)))])
    sides = [[p for p, g in zip(pictures, groups, strict=True) if (g in kept) == side] for side in (False, True)]
    return sides[0], sides[1]


def _group(file_name: str, by: str) -> str:
    if by == PICTURE:
        return file_name
    if by == FOLDER:
        return str(PurePosixPath(file_name).parent)
    try:
        found = re.search(by, file_name)
    except re.error as error:
        raise ValueError(f"not a regular expression: {by!r} ({error})") from error
    if found is None:
        raise ValueError(f"{by!r} finds nothing in the name {file_name!r}")
    return found.group(1) if found.groups() else found.group(0)
