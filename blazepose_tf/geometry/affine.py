"""Affine maps as (..., 2, 3) arrays acting on points (..., N, 2) in continuous pixels.

Invariant: pixel i covers [i, i + 1) and its centre is i + 0.5; no function here knows of pixel indices.
"""

from __future__ import annotations

import numpy as np

from blazepose_tf.array_api import array_namespace, components


def apply(matrix, points):
    """Maps points.

    Args:
        matrix: (..., 2, 3) affine maps.
        points: (..., N, 2) points; leading dimensions broadcast against those of `matrix`.

    Returns:
        (..., N, 2) mapped points.
    """
    if isinstance(matrix, np.ndarray) and isinstance(points, np.ndarray) and matrix.ndim == 2:
        return points @ matrix[:, :2].T + matrix[:, 2]  # the same in two steps
    xp = array_namespace(matrix, points)
    x, y = points[..., 0], points[..., 1]
    m = [[matrix[..., i, j, None] for j in range(3)] for i in range(2)]
    return xp.stack([m[i][0] * x + m[i][1] * y + m[i][2] for i in range(2)], axis=-1)


def compose(outer, inner):
    """(..., 2, 3) map that applies `inner` first, then `outer`."""
    xp = array_namespace(outer, inner)
    linear = xp.matmul(outer[..., :, :2], inner[..., :, :2])
    shift = xp.matmul(outer[..., :, :2], inner[..., :, 2:]) + outer[..., :, 2:]
    return xp.concatenate([linear, shift], axis=-1)


def invert(matrix):
    """Inverse of invertible (..., 2, 3) maps; a singular map gives infinities, as a division by zero does."""
    xp = array_namespace(matrix)
    a, b, c = matrix[..., 0, 0], matrix[..., 0, 1], matrix[..., 0, 2]
    d, e, f = matrix[..., 1, 0], matrix[..., 1, 1], matrix[..., 1, 2]
    det = a * e - b * d
    rows = [
        xp.stack([e / det, -b / det, (b * f - c * e) / det], axis=-1),
        xp.stack([-d / det, a / det, (c * d - a * f) / det], axis=-1),
    ]
    return xp.stack(rows, axis=-2)


def mirrors(matrix):
    """(...) bool, whether it exchanges left and right: its determinant is negative."""
    _, ((a, b, _), (d, e, _)) = components(matrix, 2)
    return a * e - b * d < 0.0


def scale_of(matrix):
    """(...) length that a unit length of the source gets: the square root of the area ratio."""
    xp, ((a, b, _), (d, e, _)) = components(matrix, 2)
    return xp.sqrt(xp.abs(a * e - b * d))
