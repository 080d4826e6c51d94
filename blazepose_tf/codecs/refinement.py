"""Regressed keypoints moved to the peaks of their heatmaps (numpy): of a picture, of film, and as MediaPipe does it.

Cells are those of `codecs.heatmaps`: crop pixels by the stride, centres at + 0.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

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
_RIM = 2  # cells more on each side than `refine` chooses from, for the blur; one of them for the parabolas, too


class Refined(NamedTuple):
    """Points at their peaks.

    Attributes:
        points: (K, 2) float32 crop pixels; those without a peak, or regressed to a place outside of the map, where they
            were.
        spread: (K,) float32 cells, how far around its place a point may be by its map: root mean square distance of
            the probability there (times the Gaussian around the regressed place) by the root of the probability at the
            place itself. nan without a peak. `codecs.error_bars` makes errors of it.
    """

    points: np.ndarray
    spread: np.ndarray


def prior_sigmas(names: Sequence[str]) -> np.ndarray:
    """(K,) float32 cells: how far from its regressed place each point's peak may be, for `refine`."""
    return np.array([TRUNK_SIGMA if name in _TRUNK else LIMB_SIGMA for name in names], np.float32)


def leg_pairs(names: Sequence[str]) -> np.ndarray:
    """(P, 2) int, the left and the right points that `refine` keeps apart: those of the legs."""
    both = [(f"left_{part}", f"right_{part}") for part in _LEGS]
    found = [(names.index(left), names.index(right)) for left, right in both if {left, right} <= set(names)]
    return np.array(found, np.int64).reshape(-1, 2)


def refine(points, heatmaps, *, stride: float, sigmas=LIMB_SIGMA, pairs=(), reach: int = REACH) -> Refined:
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
    """
    points = np.array(points, np.float32)
    place = points / np.float32(stride)
    near = _around(np.floor(place), heatmaps, reach + _RIM)
    prior = near.gaussians(place, sigmas)
    weight = near.probability.copy()
    for _ in range(2):
        _blur(weight)
    weight *= prior.x[:, None, :]
    weight *= prior.y[:, :, None]
    middle = weight[:, _RIM:-_RIM, _RIM:-_RIM]
    at_y, at_x = np.divmod(middle.reshape(len(points), -1).argmax(axis=1), middle.shape[2])
    at_y, at_x, k = at_y + _RIM, at_x + _RIM, np.arange(len(points))
    found = near.inside & (weight[k, at_y, at_x] >= MIN_PEAK)
    pairs = np.asarray(pairs, np.int64).reshape(-1, 2)
    _part(pairs[found[pairs].all(axis=1)], weight, near, at_x, at_y)
    peak = weight[k, at_y, at_x]
    step = np.stack(
        [
            _top(weight[k, at_y, at_x - 1], peak, weight[k, at_y, at_x + 1]),
            _top(weight[k, at_y - 1, at_x], peak, weight[k, at_y + 1, at_x]),
        ],
        axis=-1,
    )
    refined = np.stack([near.column[k, at_x], near.row[k, at_y]], axis=-1) + step
    spread = _spread(near, prior, refined)
    return Refined(
        np.where(found[:, None], refined * stride, points).astype(np.float32),
        np.where(found, spread, np.float32(np.nan)),
    )


def refine_smoothly(
    points, heatmaps, *, stride: float, sigmas=LIMB_SIGMA, reach: int = SMOOTH_REACH, previous=None
) -> Refined:
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
    """
    points = np.array(points, np.float32)
    place = points / np.float32(stride)
    near = _around(np.floor(place), heatmaps, reach)
    prior = near.gaussians(place, sigmas)
    weight, x, y = near.probability, prior.x, prior.y
    for _ in range(SQUARINGS):
        weight, x, y = weight * weight, x * x, y * y
    if previous is not None:
        before = np.asarray(previous, np.float32) / np.float32(stride)
        scale = np.reshape(-0.5 * 2**SQUARINGS / np.square(sigmas), (-1, 1)).astype(np.float32)
        x = x * np.exp(scale * _beyond(near.column - before[:, :1], reach) ** 2)
        y = y * np.exp(scale * _beyond(near.row - before[:, 1:], reach) ** 2)
    along_x, along_y = _sums(weight, x, y)
    sums = np.stack([(along_x * near.column).sum(axis=1), (along_y * near.row).sum(axis=1)], axis=-1)
    refined = (sums + REGRESSION_WEIGHT * place) / (along_x.sum(axis=1)[:, None] + REGRESSION_WEIGHT)
    return Refined(
        np.where(near.inside[:, None], refined * stride, points).astype(np.float32), _spread(near, prior, refined)
    )


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
    near = _around(np.trunc(points / stride), heatmaps, window // 2)
    weight = near.probability
    confident = near.inside & (weight.max(axis=(1, 2)) >= min_confidence)
    sums = (weight.sum(axis=1) * near.column).sum(axis=1), (weight.sum(axis=2) * near.row).sum(axis=1)
    center = np.stack(sums, axis=-1) / np.maximum(weight.sum(axis=(1, 2)), 1e-9)[:, None] - np.float32(0.5)
    return np.where(confident[:, None], center * stride, points).astype(np.float32)


class _Axes(NamedTuple):
    """(K, W) factors of the columns and (K, W) of the rows of windows."""

    x: np.ndarray
    y: np.ndarray


class _Near(NamedTuple):
    """What lies around K cells, in cells.

    Attributes:
        inside: (K,) bool, whether the cell is one of the map's; the others' windows are somewhere.
        column, row: (K, W) centres of the windows' cells, which may lie outside.
        probability: (K, row, column), 0 outside of the map.
    """

    inside: np.ndarray
    column: np.ndarray
    row: np.ndarray
    probability: np.ndarray

    def gaussians(self, place: np.ndarray, sigmas) -> _Axes:
        """Those around (K, 2) places."""
        scale = np.reshape(-0.5 / np.square(sigmas), (-1, 1)).astype(np.float32)
        return _Axes(*(np.exp(scale * (at - place[:, i : i + 1]) ** 2) for i, at in enumerate((self.column, self.row))))


def _around(cell: np.ndarray, heatmaps: np.ndarray, reach: int) -> _Near:
    """Squares of (2 reach + 1)^2 cells around (K, 2) cells (x, y, whole numbers) of (S, S, K) logits."""
    rows, columns, count = heatmaps.shape
    flat = np.ascontiguousarray(heatmaps, np.float32).reshape(-1)
    inside = np.all((cell >= 0) & (cell < (columns, rows)), axis=-1)
    cell = np.where(inside[:, None], cell, 0.0).astype(np.int64)
    window = np.arange(-reach, reach + 1)
    column, row = cell[:, :1] + window, cell[:, 1:] + window
    # One index of the flat map: numpy gathers by it several times faster than by three.
    at_column = column.clip(0, columns - 1) * count + np.arange(count)[:, None]
    at_row = row.clip(0, rows - 1) * (columns * count)
    probability = flat.take(at_row[:, :, None] + at_column[:, None, :])
    # In place: 1 / (1 + exp(-logit)).
    np.clip(probability, -20.0, 20.0, out=probability)
    np.exp(np.negative(probability, out=probability), out=probability)
    probability += 1.0
    np.reciprocal(probability, out=probability)
    for at, limit, axes in ((column, columns, (slice(None), None)), (row, rows, (slice(None), slice(None), None))):
        outside = (at < 0) | (at >= limit)
        if outside.any():
            probability *= ~outside[axes]
    return _Near(inside, column + np.float32(0.5), row + np.float32(0.5), probability)


def _sums(weight: np.ndarray, x: np.ndarray, y: np.ndarray) -> _Axes:
    """Sums over the rows and over the columns of (K, row, column) weights times (K, column) and (K, row) factors."""
    return _Axes(x * np.matmul(y[:, None, :], weight)[:, 0], y * np.matmul(weight, x[:, :, None])[:, :, 0])


def _spread(near: _Near, prior: _Axes, refined: np.ndarray) -> np.ndarray:
    """(K,) cells of `Refined.spread` around (K, 2) places in cells, of the `SMOOTH_REACH` nearest cells."""
    side = near.column.shape[1]
    cut = slice(max(side // 2 - SMOOTH_REACH, 0), side // 2 + SMOOTH_REACH + 1)
    along = _sums(near.probability[:, cut, cut], prior.x[:, cut], prior.y[:, cut])
    squared = sum(
        (sums * (at[:, cut] - refined[:, i : i + 1]) ** 2).sum(axis=1)
        for i, (sums, at) in enumerate(zip(along, (near.column, near.row), strict=True))
    )
    total = along.x.sum(axis=1)
    k, corner = np.arange(len(refined)), np.stack([near.column[:, 0], near.row[:, 0]], axis=-1)
    at = np.rint(refined - corner).clip(0, side - 1).astype(np.int64)
    at_place = near.probability[k, at[:, 1], at[:, 0]] * prior.x[k, at[:, 0]] * prior.y[k, at[:, 1]]
    supported = near.inside & (at_place >= MIN_PEAK)
    spread = np.sqrt(squared / np.maximum(total * at_place, 1e-9))
    return np.where(supported, spread, np.float32(np.nan)).astype(np.float32)


def _part(pairs, weight, near: _Near, at_x, at_y) -> None:
    """Changes `at_x` and `at_y`, (K,) chosen cells of (K, row, column) windows, where a pair has chosen one place."""
    column, row, k = near.column, near.row, np.arange(len(at_x))
    place = np.stack([column[k, at_x], row[k, at_y]], axis=-1)
    pairs = pairs[np.square(place[pairs[:, 0]] - place[pairs[:, 1]]).sum(axis=-1) < APART**2]
    if not len(pairs):
        return
    # Either of the two may be the one that goes.
    goes, stays = pairs.T.reshape(-1), pairs[:, ::-1].T.reshape(-1)
    around = weight[goes]
    around = np.maximum(np.maximum(around[:, :-2], around[:, 1:-1]), around[:, 2:])
    around = np.maximum(np.maximum(around[:, :, :-2], around[:, :, 1:-1]), around[:, :, 2:])[:, 1:-1, 1:-1]
    own = weight[goes, _RIM:-_RIM, _RIM:-_RIM]
    far_x = np.square(column[goes, _RIM:-_RIM] - place[stays, :1])[:, None, :]
    far_y = np.square(row[goes, _RIM:-_RIM] - place[stays, 1:])[:, :, None]
    second = np.where((own >= around) & (far_x + far_y >= APART**2), own, 0.0).reshape(len(goes), -1)
    best, each = second.argmax(axis=1), np.arange(len(goes))
    product = second[each, best]
    share = np.where(product >= MIN_PEAK, product / weight[goes, at_y[goes], at_x[goes]], 0.0).reshape(2, -1)
    moved = each.reshape(2, -1)[share.argmax(axis=0), np.arange(len(pairs))][share.max(axis=0) >= SECOND_PEAK]
    at_y[goes[moved]], at_x[goes[moved]] = np.array(np.divmod(best[moved], own.shape[2])) + _RIM


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
