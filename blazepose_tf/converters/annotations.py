"""What every reader yields: pictures with people, in continuous pixels and three label states.

A damaged entry never ends a conversion: the reader yields a `Damage` in its place and goes on. Only a file that is
not of the format at all raises.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from blazepose_tf.converters.attributes import Attributes

UNLABELLED, OCCLUDED, VISIBLE = 0, 1, 2
# Pixels that no picture has: coordinates beyond are slips of a program, and their squares overflow sooner or later.
LIMIT = 1e6
# What a reader meets in an entry whose parts have other types than the format says: the entry is damaged.
MALFORMED = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError)


@dataclass(frozen=True)
class Person:
    """One annotated person.

    Attributes:
        keypoints: (K, 3) x, y in continuous pixels and the state 0 unlabelled (then x = y = 0), 1 occluded, 2 visible.
        box: x0, y0, x1, y1 in pixels, None when the source has none.
        area: area of the body in square pixels, None when unknown.
        ignore: neither a positive nor a negative (a crowd, or a person who cannot be aligned).
        weight: sample weight.
        alignment: (2, 2) centre and scale point in pixels where the source has them or once computed.
        face_box: x0, y0, x1, y1 in pixels where the source has it.
        extra: further fields of the annotation that a conversion keeps, by name.
        id: of the annotation, in the form of `documents.identity`; None where the source has none.
        fields: further plain fields of the annotation, by name: for groups and splits.
        attributes: depth, metric points and mask, where the source has them.
    """

    keypoints: np.ndarray
    box: tuple[float, float, float, float] | None = None
    area: float | None = None
    ignore: bool = False
    weight: float = 1.0
    alignment: np.ndarray | None = None
    face_box: tuple[float, float, float, float] | None = None
    extra: Mapping[str, object] = field(default_factory=dict)
    id: int | str | None = None
    fields: Mapping[str, object] = field(default_factory=dict)
    attributes: Attributes = field(default_factory=Attributes)


@dataclass(frozen=True)
class Picture:
    """One picture and its people; `width` and `height` are 0 where the source does not tell.

    `where` names file and position of the annotation for messages; `problems` lists damaged people left out. Size and
    labels are those of the picture held upright, whatever orientation its file has. `id` and `fields` as in `Person`.
    `imagined` are M body circles (centre x, y, scale point x, y) where a detector sees somebody and nobody is.
    """

    file_name: str
    where: str
    people: tuple[Person, ...] = ()
    width: int = 0
    height: int = 0
    dataset: str = ""
    split: str = ""
    problems: tuple[Damage, ...] = ()
    imagined: tuple[tuple[float, float, float, float], ...] = ()
    id: int | str | None = None
    fields: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Damage:
    """An entry that cannot be used: where it stands and what is wrong with it."""

    where: str
    problem: str

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}"

    @classmethod
    def of(cls, where: str, error: Exception) -> Damage:
        """From an error; those that are not meant for readers get the name of their class."""
        return cls(where, str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}")


@dataclass(frozen=True)
class Source:
    """An opened annotation file.

    Attributes:
        names: of its K keypoints.
        pictures: one by one, to be iterated once.
        count: of the pictures, damaged ones included.
        images: folder of the pictures.
        remarks: what the user should know of the whole file, in lines.
        info: what the file says of itself.
    """

    names: tuple[str, ...]
    pictures: Iterable[Picture | Damage]
    count: int
    images: Path
    remarks: tuple[str, ...] = ()
    info: Mapping[str, object] = field(default_factory=dict)


def keypoint_array(points, *, offset: float, count: int | None = None) -> np.ndarray:
    """Checks and shifts labelled points.

    Args:
        points: (K, 3) x, y, state as read; coordinates of unlabelled points may be anything, NaN included.
        offset: added to x and y to get continuous pixels.
        count: K expected.

    Returns:
        (K, 3) float64 with zeros where unlabelled.

    Raises:
        ValueError: another shape, a state outside 0..2, or a labelled point that is not finite or beyond `LIMIT`.
    """
    points = np.array(points, np.float64)
    if points.ndim != 2 or points.shape[1] != 3 or (count is not None and len(points) != count):
        raise ValueError(
            f"expected {count if count is not None else 'K'} keypoints of x, y, state. Received: shape={points.shape}"
        )
    states = points[:, 2]
    if not np.isin(states, (UNLABELLED, OCCLUDED, VISIBLE)).all():
        odd = sorted({float(s) for s in states} - {0.0, 1.0, 2.0})
        raise ValueError(f"label states must be 0, 1 or 2. Received: {odd[:5]}")
    labelled = states > 0
    if not np.isfinite(points[labelled]).all():
        raise ValueError(
            f"labelled keypoints {np.flatnonzero(labelled & ~np.isfinite(points).all(axis=1)).tolist()} are not finite"
        )
    far = labelled & (np.abs(points[:, :2]) > LIMIT).any(axis=1)
    if far.any():
        raise ValueError(f"labelled keypoints {np.flatnonzero(far).tolist()} lie beyond {LIMIT:.0e} pixels")
    return np.where(labelled[:, None], points + np.array([offset, offset, 0.0]), 0.0)


def body_circles(values: object) -> tuple[tuple[float, float, float, float], ...]:
    """Body circles (centre x, y, scale point x, y) as a file lists them.

    Raises:
        ValueError: not a list of four numbers each within `LIMIT`, or a circle without a radius.
    """
    circles = np.array([] if values is None else values, np.float64).reshape(-1, 4)
    if not (np.abs(circles) <= LIMIT).all() or (circles[:, :2] == circles[:, 2:]).all(axis=1).any():
        raise ValueError("expected body circles of centre x, y and scale point x, y")
    return tuple((x, y, scale_x, scale_y) for x, y, scale_x, scale_y in circles.tolist())


def image_folder(images: str | os.PathLike | None, beside: Path) -> Path:
    """The folder of the pictures: as given, else `images/` in the folder `beside`, else that folder itself."""
    if images:
        folder = Path(images)
        if not folder.is_dir():
            raise ValueError(f"--images must be a folder. Received: {folder}")
        return folder
    return beside / "images" if (beside / "images").is_dir() else beside


def xywh_to_xyxy(box: Sequence[float] | None) -> tuple[float, float, float, float] | None:
    """COCO's x, y, width, height as corners; None when absent, not four numbers within `LIMIT`, or without area."""
    try:
        x, y, w, h = (float(value) for value in box or ())
    except MALFORMED:
        return None
    return (x, y, x + w, y + h) if w > 0 and h > 0 and all(abs(v) <= LIMIT for v in (x, y, w, h)) else None
