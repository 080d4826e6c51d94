"""One annotation of a COCO file as a person: keypoints, box, alignment, and what it says beyond that."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from blazepose_tf import documents, topology
from blazepose_tf.converters import attributes as attributes_lib
from blazepose_tf.converters.annotations import LIMIT, Person, keypoint_array, xywh_to_xyxy

_WHOLEBODY_PARTS = (("foot", 6), ("face", 68), ("lefthand", 21), ("righthand", 21))
_KEPT_FIELDS = ("keypoint_source", "source_image", "face_visible")
_READ_FIELDS = ("id", "image_id", "keypoint_source")
# From which share of a person's labelled points inside it a box of a person is that person's.
_INSIDE = 0.5
# How far a box's area in a file may be from the product of its sides there, of these.
_ROUNDED = 0.005


def person(annotation: dict, names: Sequence[str], order: Sequence[str] | None, *, offset: float) -> Person:
    """Reads an annotation.

    Args:
        annotation: the entry.
        names: the file's K keypoints.
        order: names in the order of this annotation's numbers, where it differs from `names`.
        offset: added to coordinates of keypoints.

    Returns:
        The person; with `ignore` for a crowd or one marked so. Without keypoints all K points are unlabelled.

    Raises:
        ValueError, TypeError, KeyError: the entry is damaged (`annotations.MALFORMED`).
    """
    raw = annotation.get("keypoints")
    if not raw:
        points = np.zeros((len(names), 3))
    elif len(names) == 133 and "foot_kpts" in annotation:
        points = _wholebody(annotation)
    elif order is not None:
        points = topology.remap(_flat(raw, len(order), "keypoints"), order, names)
    else:
        points = _flat(raw, len(names), "keypoints")
    attributes = attributes_lib.read(annotation, len(order or names))
    if order is not None:
        attributes = attributes_lib.remapped(attributes, order, names)
    source = annotation.get("keypoint_source")
    if source is not None and (not isinstance(source, str) or len(source) != len(order or names)):
        raise ValueError(f"keypoint_source must be {len(order or names)} letters. Received: {documents.show(source)}")
    extra = {key: annotation[key] for key in _KEPT_FIELDS if _is_plain(annotation.get(key))}
    if source is not None and order is not None:
        letters = dict(zip(order, source, strict=True))
        extra["keypoint_source"] = "".join(letters.get(name, "-") for name in names)
    box = xywh_to_xyxy(annotation.get("bbox"))
    weight = _number(annotation.get("weight"), "weight")
    return Person(
        keypoints=keypoint_array(_states(points), offset=offset, count=len(names)),
        box=box,
        area=_body_area(_number(annotation.get("area"), "area"), box),
        ignore=bool(annotation.get("iscrowd") or annotation.get("ignore")),
        weight=1.0 if weight is None else weight,
        alignment=_alignment(annotation),
        face_box=xywh_to_xyxy(annotation.get("face_box")),
        extra=extra,
        id=documents.identity(annotation.get("id")),
        fields=plain_fields(annotation, _READ_FIELDS),
        attributes=attributes,
    )


def region(annotation: dict, count: int) -> Person | None:
    """What stays of a damaged person: a region that is neither positive nor negative; None without a box."""
    box = xywh_to_xyxy(annotation.get("bbox"))
    identity = documents.identity(annotation.get("id"))
    return None if box is None else Person(np.zeros((count, 3)), box=box, ignore=True, weight=0.0, id=identity)


def surrounds(box: Person, labelled: Person) -> bool:
    """Whether the box of one annotation is around the labelled points of another."""
    points = labelled.keypoints[labelled.keypoints[:, 2] > 0, :2]
    if box.box is None or not len(points):
        return False
    low, high = np.array(box.box[:2]), np.array(box.box[2:])
    return float(((points >= low) & (points <= high)).all(axis=1).mean()) >= _INSIDE


def plain_fields(entry: dict, known: Sequence[str]) -> dict:
    """Further fields of an entry that are text, finite numbers or flags."""
    return {k: v for k, v in entry.items() if k not in known and _is_plain(v)}


def _body_area(area: float | None, box: tuple[float, float, float, float] | None) -> float | None:
    """The area, unless it is the box's own: tools fill that in where nobody drew an outline, and no body fills its
    box. Read as a body's it makes object keypoint similarity twice as lenient."""
    if not area or area <= 0:
        return None
    whole = 0.0 if box is None else (box[2] - box[0]) * (box[3] - box[1])
    return None if abs(area - whole) <= _ROUNDED * whole else area


def _is_plain(value: object) -> bool:
    return isinstance(value, (str, int)) or (isinstance(value, float) and np.isfinite(value))


def _number(value: object, what: str) -> float | None:
    if value is None or value == "":
        return None
    number = float(value)
    if not np.isfinite(number):
        raise ValueError(f"{what} must be finite. Received: {number}")
    return number


def _flat(values: object, count: int, what: str) -> np.ndarray:
    values = np.asarray(values, np.float64).reshape(-1)  # null becomes NaN
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
    """Fractional flags (WholeBody's and Halpe's reliability of clear points) become visible; whole ones stay.

    A point whose three values are all null is unlabelled.
    """
    flags = np.where(np.isnan(points).all(axis=1), 0.0, points[:, 2])
    fractional = (flags > 0) & (flags < 2) & (flags != np.round(flags))
    return np.column_stack([points[:, :2], np.where(fractional, 2.0, flags)])


def _alignment(annotation: dict) -> np.ndarray | None:
    ends = [annotation.get("center"), annotation.get("scale_point")]
    if not all(ends):
        return None
    alignment = np.array(ends, np.float64)
    if alignment.shape != (2, 2) or not (np.abs(alignment) <= LIMIT).all():
        raise ValueError(f"center and scale_point must be two finite numbers each. Received: {documents.show(ends)}")
    return alignment
