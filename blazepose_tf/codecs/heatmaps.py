"""Keypoints to heatmaps and offset maps, and back.

Cell (row, column) of a map with stride s covers crop pixels [s * column, s * column + s); its centre is
s * (column + 0.5): the only place besides the two warps where half a pixel appears. The heatmap is a Gaussian of peak
1 around the exact point; the offset map holds (point - cell centre) / s near the point, channel 2k for x and 2k + 1
for y of keypoint k.

Reference: BlazePose paper, section 2.5; Papandreou et al. 2017 for the offsets.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from blazepose_tf import topology
from blazepose_tf.array_api import array_namespace

SIGMA = 2.0  # cells; 8 crop pixels at stride 4
OFFSET_RADIUS = 2.0  # cells around the point in which the offsets are taught and read
# Refinement. The Gaussian around the regressed place, in cells, before the power (head and torso are regressed better
# than limbs); the power as squarings: less blurs two peaks into a place between them, more loses the position between
# cells; and the weight of the regressed place itself, that of a cell with a probability of 0.18, which half precision
# still has.
LIMB_SIGMA, TRUNK_SIGMA, SQUARINGS, REGRESSION_WEIGHT = 8.0, 5.0, 3, 1e-6
_TRUNK = frozenset(topology.GROUPS["face"] + topology.GROUPS["torso"])
MIN_PEAK = 0.05  # of the product that chooses a point's cell; below, the map says nothing about the point
MOTION = 4.0  # cells from frame to frame, a quarter of a torso
REACH, SMOOTH_REACH = 12, 10  # cells on either side that `refine` and `refine_smoothly` look at


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


def prior_sigmas(names: Sequence[str]) -> np.ndarray:
    """(K,) float32 cells: how far from its regressed place each point's peak may be, for `refine`."""
    return np.array([TRUNK_SIGMA if name in _TRUNK else LIMB_SIGMA for name in names], np.float32)


def refine(points, heatmaps, *, stride: float, sigmas=LIMB_SIGMA, reach: int = REACH):
    """Moves regressed points to the most plausible peaks of their heatmaps (numpy), in a picture of its own.

    A point goes to the cell with the largest product of the heatmap's probability, blurred by a cell, and a Gaussian
    around the regressed place, and between cells to the top of the parabolas through the neighbours' logarithms.
    Unlike the plain maximum this does not take the other arm, and unlike MediaPipe's way it needs no window that holds
    one peak only. On film it would jump between peaks that are as good: there, `refine_smoothly`.

    Args:
        points: (K, 2) in crop pixels.
        heatmaps: (S, S, K) logits.
        stride: crop pixels per cell.
        sigmas: (K,) or one for all, in cells: `prior_sigmas`.
        reach: cells looked at on either side of the regressed one.

    Returns:
        (K, 2) float32 points; those without a peak, or regressed to a place outside of the map, are left alone.
    """
    points = np.array(points, np.float32)
    # Two cells more on each side than are chosen from, for the blur; one of them for the parabolas, too.
    place, inside, column, row, weight = _around(points, heatmaps, stride, reach + 2)
    for _ in range(2):
        _blur(weight)
    scale = np.reshape(-0.5 / np.square(sigmas), (-1, 1)).astype(np.float32)
    weight *= np.exp(scale * (column - place[:, :1]) ** 2)[:, None, :]
    weight *= np.exp(scale * (row - place[:, 1:]) ** 2)[:, :, None]
    middle = weight[:, 2:-2, 2:-2]
    at_y, at_x = np.divmod(middle.reshape(len(points), -1).argmax(axis=1), middle.shape[2])
    at_y, at_x, k = at_y + 2, at_x + 2, np.arange(len(points))
    peak = weight[k, at_y, at_x]
    step = np.stack(
        [
            _top(weight[k, at_y, at_x - 1], peak, weight[k, at_y, at_x + 1]),
            _top(weight[k, at_y - 1, at_x], peak, weight[k, at_y + 1, at_x]),
        ],
        axis=-1,
    )
    refined = np.stack([column[k, at_x], row[k, at_y]], axis=-1) + step
    found = inside & (peak >= MIN_PEAK)
    return np.where(found[:, None], refined * stride, points).astype(np.float32)


def refine_smoothly(points, heatmaps, *, stride: float, sigmas=LIMB_SIGMA, reach: int = SMOOTH_REACH, previous=None):
    """`refine` for film, where a point must not jump between two peaks that are as good.

    A point becomes the mean position of the cells around it, weighted by a power of (the heatmap's probability x a
    Gaussian around the regressed place), which chooses one peak, yet smoothly. `models.refinement` is the same inside
    a graph.

    Args:
        points: (K, 2) in crop pixels.
        heatmaps: (S, S, K) logits.
        stride: crop pixels per cell.
        sigmas: (K,) or one for all, in cells: `prior_sigmas`.
        reach: cells looked at on either side of the regressed one; beyond, the weights are next to nothing.
        previous: (K, 2) in crop pixels, where the points were in the frame before: of two peaks that are as good, a
            point stays at the one where it was. None without one.

    Returns:
        (K, 2) float32 points; those without a peak, or regressed to a place outside of the map, are left alone.
    """
    points = np.array(points, np.float32)
    place, inside, column, row, weight = _around(points, heatmaps, stride, reach)
    for _ in range(SQUARINGS):
        weight *= weight
    scale = np.reshape(-0.5 * 2**SQUARINGS / np.square(sigmas), (-1, 1)).astype(np.float32)
    squared_x, squared_y = (column - place[:, :1]) ** 2, (row - place[:, 1:]) ** 2
    if previous is not None:
        before = np.asarray(previous, np.float32) / np.float32(stride)
        squared_x += _beyond(column - before[:, :1], reach) ** 2
        squared_y += _beyond(row - before[:, 1:], reach) ** 2
    weight *= np.exp(scale * squared_x)[:, None, :]
    weight *= np.exp(scale * squared_y)[:, :, None]
    along_x, along_y = weight.sum(axis=1), weight.sum(axis=2)
    sums = np.stack([(along_x * column).sum(axis=1), (along_y * row).sum(axis=1)], axis=-1)
    refined = (sums + REGRESSION_WEIGHT * place) / (along_x.sum(axis=1)[:, None] + REGRESSION_WEIGHT)
    return np.where(inside[:, None], refined * stride, points).astype(np.float32)


def _around(points: np.ndarray, heatmaps: np.ndarray, stride: float, reach: int):
    """What lies around (K, 2) points in crop pixels, in cells.

    Returns:
        place (K, 2) of the points; (K,) bool: inside of the map; columns (K, W) and rows (K, W) of cell centres;
        probabilities (K, row, column), 0 outside of the map.
    """
    rows, columns, _ = heatmaps.shape
    flat = np.ascontiguousarray(heatmaps, np.float32).reshape(-1)
    place = points / np.float32(stride)  # in cells, whose centres are at + 0.5
    cell = np.floor(place).astype(np.int64)
    inside = (cell >= 0).all(axis=-1) & (cell[:, 0] < columns) & (cell[:, 1] < rows)
    column, row, cells, inside_map = _window(np.where(inside[:, None], cell, 0), reach, heatmaps.shape)
    probability = inside_map / (1.0 + np.exp(-flat.take(cells).clip(-20.0, 20.0)))
    return place, inside, column + np.float32(0.5), row + np.float32(0.5), probability


def _blur(maps: np.ndarray) -> None:
    """Blurs (K, H, W) in place by a quarter of each neighbour in both directions; the rim keeps its values."""
    maps[:, 1:-1] = 0.5 * maps[:, 1:-1] + 0.25 * (maps[:, :-2] + maps[:, 2:])
    maps[:, :, 1:-1] = 0.5 * maps[:, :, 1:-1] + 0.25 * (maps[:, :, :-2] + maps[:, :, 2:])


def _top(before: np.ndarray, peak: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Where, within half a cell, the parabola through three logarithms is highest; 0 where they are no peak."""
    before, peak, after = (np.log(np.maximum(v, 1e-12)) for v in (before, peak, after))
    bend = 2.0 * peak - before - after
    return np.where(bend > 1e-6, 0.5 * (after - before) / np.maximum(bend, 1e-6), 0.0).clip(-0.5, 0.5)


def _beyond(distance: np.ndarray, reach: int) -> np.ndarray:
    """Cells beyond what a limb moves in a frame, up to `reach`: a point within that must not be pulled back and lag."""
    return (np.abs(distance) - MOTION).clip(0.0, reach)


def refine_mediapipe(points, heatmaps, *, stride: float, window: int = 9, min_confidence: float = 0.5):
    """Moves regressed points to the centre of mass of their heatmap's peak (family B, numpy).

    Args:
        points: (K, 2) in crop pixels.
        heatmaps: (S, S, K) logits.
        stride: crop pixels per cell.
        window: side of the window in cells; MediaPipe 0.10.21 behaves as 9.
        min_confidence: points whose window stays below this probability are left alone.

    Returns:
        (K, 2) points. MediaPipe's own convention is kept: cell index times stride, without half a cell.

    Reference: MediaPipe RefineLandmarksFromHeatmapCalculator.
    """
    points = np.array(points, np.float32)
    rows, columns, _ = heatmaps.shape
    cell = np.trunc(points / stride)
    inside = (cell >= 0).all(axis=-1) & (cell[:, 0] < columns) & (cell[:, 1] < rows)
    # Points outside read some window too; it is not used.
    cell = np.where(inside[:, None], cell, 0).astype(np.int64)
    column, row, cells, inside_map = _window(cell, window // 2, heatmaps.shape)
    logits = heatmaps.reshape(-1).take(cells)
    weight = 1.0 / (1.0 + np.exp(-logits.astype(np.float32)))  # (K, row, column)
    weight *= inside_map
    confident = inside & (weight.max(axis=(1, 2)) >= min_confidence)
    points[confident] = _center_of_mass(weight[confident], column[confident], row[confident]) * stride
    return points


def _window(cell: np.ndarray, reach: int, shape: tuple[int, ...]):
    """Squares of cells around (K, 2) cells (x, y) of (S, S, K) maps.

    Returns:
        columns (K, W) and rows (K, W), which may lie outside; flat indices (K, row, column) of the nearest cells
        inside (numpy gathers by one index several times faster than by three); (K, row, column) bool: cells inside.
    """
    rows, columns, count = shape
    reach_of = np.arange(-reach, reach + 1)
    column, row = cell[:, :1] + reach_of, cell[:, 1:] + reach_of
    inside = ((row >= 0) & (row < rows))[:, :, None] & ((column >= 0) & (column < columns))[:, None, :]
    nearest = row.clip(0, rows - 1)[:, :, None] * columns + column.clip(0, columns - 1)[:, None, :]
    return column, row, nearest * count + np.arange(count)[:, None, None], inside


def _center_of_mass(weight: np.ndarray, column: np.ndarray, row: np.ndarray) -> np.ndarray:
    """(K, 2) mean column and row of the cells of `_window`, by (K, row, column) weights that are not all zero."""
    center = np.stack([(weight.sum(axis=1) * column).sum(axis=1), (weight.sum(axis=2) * row).sum(axis=1)], axis=-1)
    return center / weight.sum(axis=(1, 2))[:, None]
