"""CSV: one row per person, columns by name, separated by comma, semicolon or tab; UTF-8 or UTF-16.

Numbers have a point or, as spreadsheets write them where that is the custom, a comma as decimal sign.

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

import codecs
import csv
import functools
import io
import math
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from blazepose_tf.converters.annotations import Damage, Person, Picture, Source, image_folder, keypoint_array

_BOX = ("box_x0", "box_y0", "box_x1", "box_y1")


def read(path: Path, *, images: str | None = None, offset: float | None = None) -> Source:
    """Opens a table.

    Args:
        path: the csv file.
        images: folder of the pictures.
        offset: added to coordinates, 0 by default; 0.5 when the table holds pixel indices.

    Raises:
        ValueError: no text in UTF-8 or UTF-16, no `image` column, or no keypoint columns, or a `_x` without its `_y`.
    """
    columns, rows, delimiter = _rows(path)
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
    for line, cells in rows:
        row = dict(zip(columns, cells, strict=False))
        if len(cells) > len(columns):
            decimal = " (a comma as decimal sign needs semicolons or quotes)" if delimiter == "," else ""
            strays.append(Damage(f"{path}:{line}", f"has {len(cells)} fields, the first line {len(columns)}{decimal}"))
        elif row.get("image"):
            groups.setdefault(row["image"], []).append((line, row))
        else:
            strays.append(Damage(f"{path}:{line}", "no image name"))
    number = functools.partial(_number, thousands=delimiter == ",")

    def pictures() -> Iterator[Picture | Damage]:
        yield from strays
        for name, entries in groups.items():
            people, problems, size = [], [], (0, 0)
            for line, row in entries:
                try:
                    size = tuple(_pixels(row.get(side, ""), number) for side in ("width", "height"))
                    person = _person(row, names, offset or 0.0, number)
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


def _rows(path: Path) -> tuple[list[str], list[tuple[int, list[str]]], str]:
    """Columns; rows with their line, cells stripped, those without any content left out; and what separates cells."""
    text = _decode(path.read_bytes(), path)
    first = next((line for line in text.splitlines() if line.strip()), "")
    if not first:
        raise ValueError(f"{path}: empty file")
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        raise ValueError(f"{path}:{reader.line_num}: {error}") from error
    rows = [(line, row) for line, row in rows if any(row)]
    columns = rows[0][1]
    doubled = sorted({name for name in columns if name and columns.count(name) > 1})
    if doubled:
        raise ValueError(f"{path}:1: the columns {doubled[:5]} are there twice")
    return columns, rows[1:], delimiter


def _decode(data: bytes, path: Path) -> str:
    """UTF-8, or UTF-16 as spreadsheets write "Unicode text"; anything else is refused by its name, not guessed."""
    try:
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return data.decode("utf-16")
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        if error.encoding.startswith("utf-16"):
            raise ValueError(f"{path}: damaged UTF-16 text (byte {error.start})") from error
        shown = " ".join(data[max(0, error.start - 8) : error.start + 8].decode("cp1252", "replace").split())
        raise ValueError(
            f"{path}:{line}: not UTF-8 text; in Latin-1 / Windows-1252 it reads {shown!r}. Save it as CSV UTF-8"
        ) from error


_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_MISSING = frozenset({"", "na", "nan", "null", "none", "n/a", "-"})  # as R, pandas and databases write no value


def _number(text: str, *, thousands: bool) -> float | None:
    """A number with a point or a comma as decimal sign; None for none.

    Args:
        text: the cell.
        thousands: commas separate cells, so that one within quotes may well separate thousands.

    Raises:
        ValueError: no number, or one that can be read in two ways.
    """
    if text.lower() in _MISSING:
        return None
    if thousands and re.fullmatch(r"[+-]?\d{1,3},\d{3}", text):
        raise ValueError(f"thousands or decimals? Received: {text!r}")
    plain = text.replace(",", ".") if text.count(",") == 1 and "." not in text else text
    if not _NUMBER.fullmatch(plain) or not math.isfinite(float(plain)):
        raise ValueError(f"expected a number. Received: {text!r:.60}")
    return float(plain)


def _pixels(text: str, number) -> int:
    """A size in pixels; 0 for none."""
    value = number(text) or 0.0
    if value != int(value) or value < 0:
        raise ValueError(f"expected a whole number of pixels. Received: {text!r}")
    return int(value)


def _person(row: dict[str, str], names: tuple[str, ...], offset: float, number) -> Person | None:
    points = np.zeros((len(names), 3))
    for k, name in enumerate(names):
        x, y, v = (number(row.get(f"{name}_{part}", "")) for part in "xyv")
        if (x is None) != (y is None):
            raise ValueError(f"{name} has one coordinate only. Received: x={x}, y={y}")
        state = v if v is not None else (0.0 if x is None else 2.0)
        if state and x is None:
            raise ValueError(f"{name} has state {state:g} but no coordinates")
        points[k] = 0.0 if x is None else (x, y, state)
    corners = [number(row.get(column, "")) for column in _BOX]
    box = None if None in corners else tuple(corners)
    if box is None and not points[:, 2].any():
        return None
    weight = number(row.get("weight", ""))
    return Person(keypoint_array(points, offset=offset), box=box, weight=1.0 if weight is None else weight)
