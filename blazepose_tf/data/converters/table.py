"""CSV: one row per person, columns by name, separated by comma, semicolon or tab.

| column | content |
|---|---|
| `image` | file name, relative to the pictures' folder (required) |
| `NAME_x`, `NAME_y` | keypoint NAME in continuous pixels; empty = unlabelled. Any names, any number |
| `NAME_v` | 0 unlabelled, 1 occluded, 2 visible; without it a point with coordinates is visible |
| `box_x0`, `box_y0`, `box_x1`, `box_y1` | the person's box |
| `width`, `height` | size of the picture, read from the file when absent |
| `weight`, `split`, `dataset` | sample weight, split, source |

A row with an image and nothing else is a picture without people.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from blazepose_tf.data.converters.annotations import Damage, Person, Picture, Source, image_folder, keypoint_array

_BOX = ("box_x0", "box_y0", "box_x1", "box_y1")


def read(path: Path, *, images: str | None = None, offset: float | None = None) -> Source:
    """Opens a table.

    Args:
        path: the csv file.
        images: folder of the pictures.
        offset: added to coordinates, 0 by default; 0.5 when the table holds pixel indices.

    Raises:
        ValueError: no `image` column, or no keypoint columns, or a `_x` without its `_y`.
    """
    with open(path, newline="", encoding="utf-8-sig") as stream:
        lines = stream.read().splitlines()
    if not lines:
        raise ValueError(f"{path}: empty file")
    delimiter = max(",;\t", key=lines[0].count)
    rows = list(csv.DictReader(lines, delimiter=delimiter))
    columns = [c.strip() for c in next(csv.reader(lines[:1], delimiter=delimiter))]
    names = tuple(c[:-2] for c in columns if c.endswith("_x"))
    lacking = [f"{n}_y" for n in names if f"{n}_y" not in columns]
    if "image" not in columns or not names or lacking:
        raise ValueError(
            f"{path}:1: needs the columns image and NAME_x, NAME_y per keypoint"
            + (f"; missing: {lacking}" if lacking else "")
            + f". Received: {columns[:8]}"
        )
    groups: dict[str, list[tuple[int, dict]]] = {}
    strays = []
    for line, row in enumerate(rows, 2):
        row = {(key or "").strip(): (value or "").strip() for key, value in row.items() if isinstance(value, str)}
        if row.get("image"):
            groups.setdefault(row["image"], []).append((line, row))
        else:
            strays.append(Damage(f"{path}:{line}", "no image name"))

    def pictures() -> Iterator[Picture | Damage]:
        yield from strays
        for name, entries in groups.items():
            people, problems, size = [], [], (0, 0)
            for line, row in entries:
                try:
                    size = (int(row.get("width") or 0), int(row.get("height") or 0))
                    person = _person(row, names, offset or 0.0)
                    if person is not None:
                        people.append(person)
                except ValueError as error:
                    problems.append(Damage(f"{path}:{line}", str(error)))
            first = entries[0][1]
            yield Picture(
                name.replace("\\", "/"), f"{path}:{entries[0][0]}", tuple(people), *size,
                dataset=first.get("dataset", ""), split=first.get("split", ""), problems=tuple(problems),
            )  # fmt: skip

    return Source(names, pictures(), len(groups) + len(strays), image_folder(images, path.parent))


def _person(row: dict[str, str], names: tuple[str, ...], offset: float) -> Person | None:
    points = np.zeros((len(names), 3))
    for k, name in enumerate(names):
        x, y, v = (row.get(f"{name}_{part}", "") for part in "xyv")
        if bool(x) != bool(y):
            raise ValueError(f"{name} has one coordinate only. Received: x={x!r}, y={y!r}")
        state = float(v) if v else (2.0 if x else 0.0)
        if state and not x:
            raise ValueError(f"{name} has state {v} but no coordinates")
        points[k] = (float(x), float(y), state) if x else 0.0
    corners = [row.get(column, "") for column in _BOX]
    box = tuple(map(float, corners)) if all(corners) else None
    if box is None and not points[:, 2].any():
        return None
    return Person(keypoint_array(points, offset=offset), box=box, weight=float(row.get("weight") or 1.0))
