"""Regions of interest: rotated squares, and the one matrix that maps a crop of them to the image.

A roi is a (..., 4) array: center x, center y, size (side) in pixels, rotation in radians (0 = upright, clockwise in the
image positive). A crop matrix maps crop pixels to image pixels; resampling, drawing and the way back of landmarks all
use it or its inverse, so that shift, scale, rotation and mirroring cost one interpolation.

Reference: BlazePose paper, section 2.6; MediaPipe's pose graphs for the constants.
"""

from __future__ import annotations

import math

import numpy as np

from blazepose_tf.array_api import array_namespace, components
from blazepose_tf.geometry import alignment as alignment_lib

# How far off a region is that follows from the frame before, standard deviations of what `jitter` takes: its shift
# along both axes, the logarithm of its size, its rotation (10 % of the side, 20 %, 17 degrees).
FOLLOWED = (0.1, 0.1, 0.2, 0.3)


def _wrap(angle, xp):
    """Angles wrapped to [-pi, pi)."""
    return angle - 2 * math.pi * xp.floor((angle + math.pi) / (2 * math.pi))


def from_alignment(alignment, scale: float = 1.25):
    """Roi around the body circle.

    Args:
        alignment: (..., 2, 2) alignment points in image pixels.
        scale: side / circle diameter; 1.25 is the 25 % margin of the model card.

    Returns:
        (..., 4) roi.
    """
    xp, ((x, y), _) = components(alignment, 2)
    size = 2.0 * scale * alignment_lib.radius(alignment)
    return xp.stack([x, y, size, _wrap(alignment_lib.incline(alignment), xp)], axis=-1)


def to_alignment(roi, scale: float = 1.25):
    """Inverse of `from_alignment`: (..., 2, 2) alignment points of a (..., 4) roi."""
    return alignment_lib.from_parts(roi[..., :2], roi[..., 2] / (2.0 * scale), roi[..., 3])


def whole_image(width, height, like=None):
    """Roi of a letterboxed image: centred, as large as the long side, not rotated.

    Args:
        width: image width in pixels.
        height: image height in pixels.
        like: an array whose type the roi takes; numpy float32 without it.

    Returns:
        (4,) roi.
    """
    xp = array_namespace(like) if like is not None else array_namespace()
    like = like if like is not None else np.zeros((), np.float32)
    width, height = xp.asarray(width, like), xp.asarray(height, like)
    return xp.stack([width / 2, height / 2, xp.maximum(width, height), xp.zeros_like(width)], axis=-1)


def parts(width: int, height: int, share: float) -> np.ndarray:
    """Rois that look closer: overlapping squares that cover an image, not rotated (numpy).

    Args:
        width: image width in pixels.
        height: image height in pixels.
        share: side of a square as a share of the image's long side, in [0.5, 1).

    Returns:
        (N, 4) float32 rois, the middle first, then the corners; along a side that is not longer than a square there is
        one row of them.
    """
    side = share * max(width, height)
    xs, ys = ([s / 2] if s <= side else [side / 2, s - side / 2] for s in (width, height))
    centers = [(width / 2, height / 2), *((x, y) for y in ys for x in xs)]
    return np.array([[x, y, side, 0.0] for x, y in centers], np.float32)


def jitter(roi, *, shift, log_scale, rotation):
    """Disturbs rois, as a moving body or an imperfect detector does.

    Args:
        roi: (..., 4) roi.
        shift: (..., 2) shift along the roi's own axes as a fraction of its size.
        log_scale: (...) natural logarithm of the factor on the size.
        rotation: (...) added rotation in radians.

    Returns:
        (..., 4) roi.
    """
    xp = array_namespace(roi)
    size, angle = roi[..., 2], roi[..., 3]
    cos, sin = xp.cos(angle), xp.sin(angle)
    dx, dy = shift[..., 0] * size, shift[..., 1] * size
    return xp.stack(
        [
            roi[..., 0] + cos * dx - sin * dy,
            roi[..., 1] + sin * dx + cos * dy,
            size * xp.exp(log_scale),
            _wrap(angle + rotation, xp),
        ],
        axis=-1,
    )


def crop_matrix(roi, crop_size: float, mirror=0.0):
    """Map from crop pixels to image pixels.

    Args:
        roi: (..., 4) roi.
        crop_size: side of the square crop in pixels.
        mirror: (...) or number; 1 mirrors the crop left to right, 0 does not. Keypoints of a mirrored crop still
            need the left/right permutation of the topology.

    Returns:
        (..., 2, 3) matrix; crop (crop_size / 2, crop_size / 2) is the roi's centre.
    """
    xp, (x, y, size, rotation) = components(roi)
    scale = size / crop_size
    sign = 1.0 - 2.0 * mirror
    cos, sin = xp.cos(rotation) * scale, xp.sin(rotation) * scale
    half = crop_size / 2.0
    rows = []
    for x_axis, y_axis, center in ((cos * sign, -sin, x), (sin * sign, cos, y)):
        rows.append(xp.stack([x_axis, y_axis, center - half * (x_axis + y_axis)], axis=-1))
    return xp.stack(rows, axis=-2)


def corners(roi):
    """(..., 4, 2) corners in image pixels: top left, top right, bottom right, bottom left of the upright crop."""
    xp = array_namespace(roi)
    half = roi[..., 2] / 2.0
    cos, sin = xp.cos(roi[..., 3]) * half, xp.sin(roi[..., 3]) * half
    points = [
        xp.stack([roi[..., 0] + cos * x - sin * y, roi[..., 1] + sin * x + cos * y], axis=-1)
        for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))
    ]
    return xp.stack(points, axis=-2)
