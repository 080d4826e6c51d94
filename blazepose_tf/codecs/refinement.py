"""Regressed keypoints moved to the peaks of their heatmaps (numpy): of a picture, of film, and as MediaPipe does it.

Cells are those of `codecs.heatmaps`: crop pixels by the stride, centres at + 0.5.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from blazepose_tf import topology

# The Gaussian around the regressed place, in cells, before the power (head and torso are regressed better
# than limbs); the power as squarings: less blurs two peaks into a place between them, more loses the position between
# cells; and the weight of the regressed place itself, that of a cell with a probability of 0.18, which half precision
# still has.
LIMB_SIGMA, TRUNK_SIGMA, SQUARINGS, REGRESSION_WEIGHT = 8.0, 5.0, 3, 1e-6
_TRUNK = frozenset(topology.GROUPS["face"] + topology.GROUPS["torso"])
MIN_PEAK = 0.05  # of the product that chooses a point's cell; below, the map says nothing about the point
# A left and a right point of the legs that choose places fewer than so many cells apart: one of the two goes to another
# peak of its own map, if its product is at least this share of the first one's.
APART, SECOND_PEAK = 3.0, 0.5
_LEGS = ("knee", "ankle", "heel", "foot_index")
MOTION = 4.0  # cells from frame to frame, a quarter of a torso
REACH, SMOOTH_REACH = 12, 10  # cells on either side that `refine` and `refine_smoothly` look at


def prior_sigmas(names: Sequence[str]) -> np.ndarray:
    """(K,) float32 cells: how far from its regressed place each point's peak may be, for `refine`."""
    return np.array([TRUNK_SIGMA if name in _TRUNK else LIMB_SIGMA for name in names], np.float32)


def leg_pairs(names: Sequence[str]) -> np.ndarray:
    """(P, 2) int, the left and the right points that `refine` keeps apart: those of the legs."""
    both = [(f"left_{part}", f"right_{part}") for part in _LEGS]
    found = [(names.index(left), names.index(right)) for left, right in both if {left, right} <= set(names)]
    return np.array(found, np.int64).reshape(-1, 2)


def refine(points, heatmaps, *, stride: float, sigmas=LIMB_SIGMA, pairs=(), reach: int = REACH):
    """Moves regressed points to the most plausible peaks of their heatmaps (numpy), in a picture of its own.

    A point goes to the cell with the largest product of the heatmap's probability, blurred by a cell, and a Gaussian
    around the regressed place, and between cells to the top of the parabolas through the neighbours' logarithms.
    Unlike the plain maximum this does not take the other arm, and unlike MediaPipe's way it needs no window that holds
    one peak only. Where both points of a pair choose one place, whichever loses less goes to its second peak. On film
    points would jump between peaks that are as good: there, `refine_smoothly`.

    Args:
        points: (K, 2) in crop pixels.
        heatmaps: (S, S, K) logits.
        stride: crop pixels per cell.
        sigmas: (K,) or one for all, in cells: `prior_sigmas`.
        pairs: (P, 2) points that are seldom in one place: `leg_pairs`.
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
    found = inside & (weight[k, at_y, at_x] >= MIN_PEAK)
    pairs = np.asarray(pairs, np.int64).reshape(-1, 2)
    _part(pairs[found[pairs].all(axis=1)], weight, column, row, at_x, at_y)
    peak = weight[k, at_y, at_x]
    step = np.stack(
        [
            _top(weight[k, at_y, at_x - 1], peak, weight[k, at_y, at_x + 1]),
            _top(weight[k, at_y - 1, at_x], peak, weight[k, at_y + 1, at_x]),
        ],
        axis=-1,
    )
    refined = np.stack([column[k, at_x], row[k, at_y]], axis=-1) + step
    return np.where(found[:, None], refined * stride, points).astype(np.float32)


def _part(pairs, weight, column, row, at_x, at_y) -> None:
    """Changes `at_x` and `at_y`, (K,) chosen cells of (K, row, column) windows, where a pair has chosen one place."""
    k = np.arange(len(at_x))
    place = np.stack([column[k, at_x], row[k, at_y]], axis=-1)
    pairs = pairs[np.square(place[pairs[:, 0]] - place[pairs[:, 1]]).sum(axis=-1) < APART**2]
    if not len(pairs):
        return
    # Either of the two may be the one that goes.
    goes, stays = pairs.T.reshape(-1), pairs[:, ::-1].T.reshape(-1)
    around = weight[goes]
    around = np.maximum(np.maximum(around[:, :-2], around[:, 1:-1]), around[:, 2:])
    around = np.maximum(np.maximum(around[:, :, :-2], around[:, :, 1:-1]), around[:, :, 2:])[:, 1:-1, 1:-1]
    own = weight[goes, 2:-2, 2:-2]
    far_x = np.square(column[goes, 2:-2] - place[stays, :1])[:, None, :]
    far_y = np.square(row[goes, 2:-2] - place[stays, 1:])[:, :, None]
    second = np.where((own >= around) & (far_x + far_y >= APART**2), own, 0.0).reshape(len(goes), -1)
    best, each = second.argmax(axis=1), np.arange(len(goes))
    product = second[each, best]
    share = np.where(product >= MIN_PEAK, product / weight[goes, at_y[goes], at_x[goes]], 0.0).reshape(2, -1)
    moved = each.reshape(2, -1)[share.argmax(axis=0), np.arange(len(pairs))][share.max(axis=0) >= SECOND_PEAK]
    at_y[goes[moved]], at_x[goes[moved]] = np.array(np.divmod(best[moved], own.shape[2])) + 2


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
