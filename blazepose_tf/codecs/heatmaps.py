"""Keypoints to heatmaps and offset maps, and back.

Cell (row, column) of a map with stride s covers crop pixels [s * column, s * column + s); its centre is
s * (column + 0.5): the only place besides the two warps where half a pixel appears. The heatmap is a Gaussian of peak
1 around the exact point; the offset map holds (point - cell centre) / s near the point, channel 2k for x and 2k + 1
for y of keypoint k.

Reference: BlazePose paper, section 2.5; Papandreou et al. 2017 for the offsets.
"""

from __future__ import annotations

import numpy as np

from blazepose_tf.array_api import array_namespace

SIGMA = 2.0  # cells; 8 crop pixels at stride 4
OFFSET_RADIUS = 2.0  # cells around the point in which the offsets are taught and read


def _cell_centers(size: int, like, xp):
    return xp.asarray(np.arange(size, dtype=np.float32) + 0.5, like)


def encode(points, weights, *, size: int, stride: float, sigma: float = SIGMA):
    """Targets of one or more crops.

    Args:
        points: (..., K, 2) keypoints in crop pixels.
        weights: (..., K) 0 for keypoints without a label; their maps are zero and so are their offset weights.
        size: cells per side S.
        stride: crop pixels per cell.
        sigma: standard deviation of the Gaussian in cells.

    Returns:
        heatmaps (..., S, S, K) in [0, 1]; offsets (..., S, S, 2K) in cells; offset_weights (..., S, S, 2K) in {0, 1}
        times the keypoint's weight.
    """
    xp = array_namespace(points)
    # Far outside, a Gaussian is zero anyway; the clip keeps squares finite whatever was annotated.
    cells = xp.clip(points / stride, -4.0 * size, 5.0 * size)
    centers = _cell_centers(size, points, xp)
    dx = cells[..., None, :, 0] - centers[:, None]  # (..., S, K)
    dy = cells[..., None, :, 1] - centers[:, None]
    labelled = xp.where(weights > 0, xp.ones_like(weights), xp.zeros_like(weights))
    gauss_x = xp.exp(-0.5 * (dx / sigma) ** 2) * labelled[..., None, :]
    gauss_y = xp.exp(-0.5 * (dy / sigma) ** 2)
    heatmaps = gauss_y[..., :, None, :] * gauss_x[..., None, :, :]

    # x and y of a keypoint stand side by side from here on, so that no five-dimensional array is ever built: on a CPU
    # this is three times as fast.
    both = labelled[..., None, :, None]
    outside = (1.0 - both) * (4.0 * OFFSET_RADIUS**2)
    zero = xp.zeros_like(dx)
    along_x = _pairs(xp.clip(dx, -OFFSET_RADIUS, OFFSET_RADIUS), zero, xp)[..., None, :, :]  # (..., 1, S, 2K)
    along_y = _pairs(zero, xp.clip(dy, -OFFSET_RADIUS, OFFSET_RADIUS), xp)[..., :, None, :]
    squared_x = _pairs(dx * dx + outside[..., 0], dx * dx + outside[..., 0], xp)[..., None, :, :]
    room_for_x = _pairs(OFFSET_RADIUS**2 - dy * dy, OFFSET_RADIUS**2 - dy * dy, xp)[..., :, None, :]
    near = xp.cast(squared_x <= room_for_x, points)
    near = near * _pairs(weights[..., None, :], weights[..., None, :], xp)[..., None, :]
    return heatmaps, (along_x + along_y) * near, near


def _pairs(a, b, xp):
    """(..., S, K) and (..., S, K) to (..., S, 2K), alternating."""
    stacked = xp.stack([a, b], axis=-1)
    # At most the batch size is unknown in a graph.
    return xp.reshape(stacked, (*(-1 if n is None else n for n in a.shape[:-1]), 2 * a.shape[-1]))


def decode(heatmaps, offsets=None, *, stride: float):
    """Keypoints of heatmaps by their maximum (numpy).

    Args:
        heatmaps: (..., S, S, K) scores or logits.
        offsets: (..., S, S, 2K) in cells, or None: cell centres with a quarter-cell step to the higher neighbour.
        stride: crop pixels per cell.

    Returns:
        points (..., K, 2) in crop pixels; scores (..., K), the values at the maxima.
    """
    heatmaps = np.asarray(heatmaps)
    *batch, rows, columns, count = heatmaps.shape
    flat = heatmaps.reshape(-1, rows * columns, count)
    best = flat.argmax(axis=1)
    scores = np.take_along_axis(flat, best[:, None], axis=1)[:, 0]
    row, column = np.divmod(best, columns)
    if offsets is not None:
        off = np.asarray(offsets).reshape(-1, rows * columns, count, 2)
        step = np.take_along_axis(off, best[:, None, :, None], axis=1)[:, 0]
    else:
        grid = heatmaps.reshape(-1, rows, columns, count)
        n, k = np.indices(best.shape)

        def higher(r0, c0, r1, c1):
            inside = (np.minimum(r0, c0) >= 0) & (r1 < rows) & (c1 < columns)
            clip = lambda v, top: np.clip(v, 0, top - 1)  # noqa: E731
            difference = grid[n, clip(r1, rows), clip(c1, columns), k] - grid[n, clip(r0, rows), clip(c0, columns), k]
            return np.where(inside, 0.25 * np.sign(difference), 0.0)

        step = np.stack([higher(row, column - 1, row, column + 1), higher(row - 1, column, row + 1, column)], axis=-1)
    points = (np.stack([column, row], axis=-1) + 0.5 + step) * stride
    return points.reshape(*batch, count, 2).astype(np.float32), scores.reshape(*batch, count)
