"""Which loose points belong to one person, for tools that label points and not people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blazepose_tf.converters.annotations import Person, keypoint_array

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class LoosePoint:
    """A labelled point in pixels; `group` is the tool's own id of the person, None when it has none."""

    name: str
    x: float
    y: float
    state: float
    group: object = None


def people(
    points: Sequence[LoosePoint], boxes: Sequence[tuple[Box, object]], names: Sequence[str], *, offset: float = 0.0
) -> list[Person]:
    """Puts points and boxes together.

    Points of one group are one person, with the box of the same group. Points without a group go to the smallest box
    that contains them; where there are no boxes they are one person.

    Args:
        points: the points of one picture.
        boxes: (x0, y0, x1, y1) with their group.
        names: the K keypoint names of the output.
        offset: added to coordinates.

    Raises:
        ValueError: two points of one name in one person, or a point outside all boxes.
    """
    members: dict[object, list[LoosePoint]] = {}
    box_of: dict[object, Box] = {}
    for i, (box, group) in enumerate(boxes):
        key = ("group", group) if group is not None else ("box", i)
        box_of[key] = box
        members.setdefault(key, [])
    for point in points:
        members.setdefault(_owner(point, box_of), []).append(point)
    index = {name: k for k, name in enumerate(names)}
    found = []
    for key, mine in members.items():
        array = np.zeros((len(names), 3))
        for point in mine:
            k = index[point.name]
            if array[k, 2]:
                raise ValueError(f"{point.name!r} is there twice in one person; give the people groups or boxes")
            array[k] = (point.x, point.y, point.state)
        found.append(Person(keypoint_array(array, offset=offset), box=box_of.get(key)))
    return found


def _owner(point: LoosePoint, box_of: dict[object, Box]) -> object:
    if point.group is not None:
        return ("group", point.group)
    if not box_of:
        return ("all", None)
    around = [
        ((box[2] - box[0]) * (box[3] - box[1]), i, key)
        for i, (key, box) in enumerate(box_of.items())
        if box[0] <= point.x <= box[2] and box[1] <= point.y <= box[3]
    ]
    if not around:
        raise ValueError(f"point {point.name!r} at ({point.x:.1f}, {point.y:.1f}) lies in no box and has no group")
    return min(around)[2]
