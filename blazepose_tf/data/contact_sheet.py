"""Contact sheet: many annotated people on one picture, to look over labels in a minute.

Left limbs are orange, right ones blue, the middle and the face white; hidden points are rings, visible ones dots. Each
cell shows the roi of the body circle (25 % margin) so that size and place of the circle can be judged as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from blazepose_tf import topology
from blazepose_tf.converters.annotations import Person
from blazepose_tf.geometry import alignment as alignment_lib
from blazepose_tf.media import pictures as pictures_lib

_LEFT, _RIGHT, _MIDDLE = (0, 140, 255), (255, 150, 0), (255, 255, 255)  # BGR
_DENSE = frozenset(topology.GROUPS["face"] + topology.GROUPS["hands"])  # small dots where points crowd
_MARGIN = 1.25
_FAR = 1e4  # pixels of the sheet
_CAPTION = 16  # pixels of the line under a picture


@dataclass(frozen=True)
class Cell:
    """One picture of the sheet: encoded bytes, the person to show, and a caption of about 30 characters."""

    image: bytes
    person: Person
    caption: str


def _color(name: str) -> tuple[int, int, int]:
    side, _ = topology.side_and_part(name)
    return _MIDDLE if name in topology.GROUPS["face"] else {"left": _LEFT, "right": _RIGHT}.get(side, _MIDDLE)


def _window(person: Person, width: int, height: int) -> tuple[np.ndarray, float]:
    """Centre (2,) and side of the square to show, in pixels of the picture."""
    if person.alignment is not None:
        return person.alignment[0], max(8.0, 2 * _MARGIN * float(alignment_lib.radius(person.alignment)))
    labelled = person.keypoints[person.keypoints[:, 2] > 0, :2]
    if person.box is None and not len(labelled):
        return np.array([width / 2, height / 2]), float(max(width, height))
    low, high = (person.box[:2], person.box[2:]) if person.box is not None else (labelled.min(0), labelled.max(0))
    return 0.5 * (np.array(low) + np.array(high)), max(8.0, 1.2 * float(np.max(np.array(high) - np.array(low))))


def draw_cell(cell: Cell, names: Sequence[str], *, size: int = 200) -> np.ndarray:
    """(size + caption, size, 3) uint8 BGR; a grey field where the picture cannot be decoded."""
    try:
        image = cv2.cvtColor(pictures_lib.decode(cell.image), cv2.COLOR_RGB2BGR)
    except ValueError:
        image = None
    canvas = np.full((size + _CAPTION, size, 3), 96, np.uint8)
    if image is not None:
        center, side = _window(cell.person, image.shape[1], image.shape[0])
        scale = size / side
        shift = 0.5 * size - scale * center
        # Continuous pixels to OpenCV's, whose first pixel is centred at 0.
        matrix = np.array([[scale, 0, shift[0] + 0.5 * scale - 0.5], [0, scale, shift[1] + 0.5 * scale - 0.5]])
        mode = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        canvas[:size] = cv2.warpAffine(image, matrix, (size, size), flags=mode, borderValue=(96, 96, 96))
        _draw(canvas[:size], cell.person, names, scale, shift)
    text = cell.caption.encode("ascii", "replace").decode()
    cv2.putText(canvas, text, (3, size + 12), cv2.FONT_HERSHEY_SIMPLEX, 0.36, _MIDDLE, 1, cv2.LINE_AA)
    return canvas


def _draw(canvas: np.ndarray, person: Person, names: Sequence[str], scale: float, shift: np.ndarray) -> None:
    # Points of a wrong label may lie where OpenCV's integers end; nobody sees them.
    points = np.clip(person.keypoints[:, :2] * scale + shift, -_FAR, _FAR)
    states = person.keypoints[:, 2]
    spots = [tuple(round(float(v)) for v in point) for point in points - 0.5]
    for a, b in topology.edges(names):
        if states[a] > 0 and states[b] > 0:
            color = _color(names[a]) if _color(names[a]) == _color(names[b]) else _MIDDLE
            cv2.line(canvas, spots[a], spots[b], color, 1, cv2.LINE_AA)
    for k, spot in enumerate(spots):
        if states[k] > 0:
            radius = 1 if names[k] in _DENSE else 3
            cv2.circle(canvas, spot, radius, _color(names[k]), -1 if states[k] == 2 else 1, cv2.LINE_AA)
    if person.alignment is not None:
        center = tuple(round(float(v)) for v in person.alignment[0] * scale + shift)
        cv2.circle(
            canvas, center, int(scale * float(alignment_lib.radius(person.alignment))), (80, 200, 80), 1, cv2.LINE_AA
        )


def contact_sheet(cells: Sequence[Cell], names: Sequence[str], *, columns: int = 8, size: int = 200) -> np.ndarray:
    """Puts cells in rows.

    Args:
        cells: at least one.
        names: the K keypoint names of all of them.
        columns: cells in a row.
        size: side of a cell's picture in pixels.

    Returns:
        (H, W, 3) uint8 BGR.

    Raises:
        ValueError: no cells.
    """
    if not cells:
        raise ValueError("a contact sheet needs at least one cell. Received: 0 cells")
    columns = min(columns, len(cells))
    drawn = [draw_cell(cell, names, size=size) for cell in cells]
    blank = np.full_like(drawn[0], 48)
    rows = [drawn[i : i + columns] for i in range(0, len(drawn), columns)]
    return np.vstack([np.hstack(row + [blank] * (columns - len(row))) for row in rows])


def encode(cells: Sequence[Cell], names: Sequence[str]) -> bytes:
    """The contact sheet as a PNG file."""
    done, data = cv2.imencode(".png", contact_sheet(cells, names))
    if not done:
        raise OSError("the contact sheet could not be encoded as PNG")
    return data.tobytes()
