"""Depth, metric points and mask of a person, as fields of a COCO annotation that may each be absent.

    z             K numbers: depth in pixels of the picture, mid-hip at 0, smaller is nearer; null where unknown
    world         K triples: metres from mid-hip, x right, y down, z away from the camera; null where unknown
    segmentation  COCO's run lengths {"size": [height, width], "counts": [...]} of the person's visible pixels, column
                  by column, first those outside; polygons and compressed texts are left alone

In memory a last column says what is known (1) and what is not (0), so that points are remapped as keypoints are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from blazepose_tf import documents, topology

# Beyond these no person has a point: slips of a program.
_FARTHEST = {"z": 1e6, "world": 100.0}
_COLUMNS = {"z": 1, "world": 3}


@dataclass(frozen=True, eq=False)
class Attributes:
    """What is known of a person beyond the points in the picture.

    Attributes:
        z: (K, 2) pixels and 0 or 1; None where nothing is known.
        world: (K, 4) metres and 0 or 1; None where nothing is known.
        mask: COCO's run lengths; None where there is no mask.
    """

    z: np.ndarray | None = None
    world: np.ndarray | None = None
    mask: Mapping[str, list[int]] | None = None


def read(annotation: Mapping, count: int) -> Attributes:
    """The attributes of an annotation with `count` keypoints.

    Raises:
        ValueError: a field of another shape, numbers that are not finite or beyond all bodies, or run lengths that do
            not cover their picture.
    """
    z, world = (_points(annotation.get(name), name, count) for name in ("z", "world"))
    mask = annotation.get("segmentation")
    if not isinstance(mask, Mapping) or not isinstance(mask.get("counts"), list):
        return Attributes(z, world)
    decode(mask)
    return Attributes(z, world, {"size": list(mask["size"]), "counts": list(mask["counts"])})


def fields(attributes: Attributes) -> dict:
    """Inverse of `read`: z to hundredths of a pixel, metres to tenths of a millimetre."""
    entry: dict[str, object] = {}
    if attributes.z is not None:
        entry["z"] = [round(float(v), 2) if known else None for v, known in attributes.z]
    if attributes.world is not None:
        entry["world"] = [[round(float(v), 4) for v in p[:3]] if p[3] else None for p in attributes.world]
    if attributes.mask is not None:
        entry["segmentation"] = dict(attributes.mask)
    return entry


def remapped(attributes: Attributes, source: Sequence[str], target: Sequence[str]) -> Attributes:
    """The attributes with the points of another keypoint set, as `topology.remap`."""
    z, world = (
        None if points is None else topology.remap(points, source, target)
        for points in (attributes.z, attributes.world)
    )
    return Attributes(z, world, attributes.mask)


def encode(mask: np.ndarray) -> dict[str, list[int]]:
    """(H, W) bool as COCO's run lengths."""
    flat = np.asarray(mask, bool).ravel(order="F")
    ends = np.flatnonzero(np.diff(flat)) + 1
    bounds = np.concatenate([[0], ends, [flat.size]])
    counts = np.diff(bounds).tolist()
    return {"size": [int(n) for n in mask.shape], "counts": [0, *counts] if flat.size and flat[0] else counts}


def decode(mask: Mapping) -> np.ndarray:
    """(H, W) bool of COCO's run lengths.

    Raises:
        ValueError: they do not cover a picture of the size that they name.
    """
    size, counts = mask.get("size"), mask.get("counts")
    for name, values in (("size", size), ("counts", counts)):
        if not isinstance(values, Sequence) or not all(type(v) is int and 0 <= v < 2**31 for v in values):
            raise ValueError(f"segmentation.{name}: expected whole numbers. Received: {documents.show(values)}")
    if len(size) != 2 or sum(counts) != size[0] * size[1]:
        raise ValueError(f"segmentation: {sum(counts)} pixels, expected those of size. Received: size={size}")
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, counts).reshape(size, order="F")


def _points(values, name: str, count: int) -> np.ndarray | None:
    if values is None:
        return None
    columns = _COLUMNS[name]
    if not isinstance(values, list) or len(values) != count:
        raise ValueError(f"{name}: expected {count} entries. Received: {documents.show(values)}")
    known = np.array([value is not None for value in values])
    filled = [value if value is not None else (0.0 if columns == 1 else [0.0] * 3) for value in values]
    points = np.array(filled, np.float64).reshape(count, columns)
    if not (np.abs(points) <= _FARTHEST[name]).all():
        raise ValueError(
            f"{name}: expected finite numbers up to {_FARTHEST[name]:g}. Received: {documents.show(values)}"
        )
    return np.column_stack([points, known]) if known.any() else None
