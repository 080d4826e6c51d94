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
    place = points.T / np.float32(stride)
    near = _around(np.floor(place), heatmaps, reach + _RIM)
    prior = near.gaussians(place, sigmas)
    weight = near.probability.copy()
    for _ in range(2):
        _blur(weight)
    weight *= prior[0][:, None, :]
    weight *= prior[1][:, :, None]
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
        ]
    )
    refined = np.stack([near.center[0][k, at_x], near.center[1][k, at_y]]) + step
    return Refined(
        np.where(found, refined * stride, points.T).T.astype(np.float32),
        np.where(found, _spread(near, prior, refined), np.float32(np.nan)),
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
    place = points.T / np.float32(stride)
    near = _around(np.floor(place), heatmaps, reach)
    prior = near.gaussians(place, sigmas)
    weight = np.square(near.probability)
    factor = np.square(prior)
    for _ in range(SQUARINGS - 1):
        np.square(weight, out=weight)
        np.square(factor, out=factor)
    if previous is not None:
        beyond = near.center - (np.asarray(previous, np.float32).T / np.float32(stride))[:, :, None]
        np.abs(beyond, out=beyond)
        # Cells beyond what a limb moves in a frame, up to `reach`: a point within that must not be pulled back and lag.
        np.minimum(np.maximum(beyond - np.float32(MOTION), 0.0), np.float32(reach), out=beyond)
        np.square(beyond, out=beyond)
        beyond *= np.float32(2**SQUARINGS) * _exponents(sigmas)
        factor *= np.exp(beyond, out=beyond)
    along = _sums(weight, factor)
    total = along.sum(axis=2) + np.float32(REGRESSION_WEIGHT)
    along *= near.center
    refined = (along.sum(axis=2) + np.float32(REGRESSION_WEIGHT) * place) / total
    moved = np.where(near.inside, refined * np.float32(stride), points.T).T
    return Refined(moved, _spread(near, prior, refined))


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
    near = _around(np.trunc(points.T / stride), heatmaps, window // 2)
    weight = near.probability
    confident = near.inside & (weight.max(axis=(1, 2)) >= min_confidence)
    sums = (np.stack([weight.sum(axis=1), weight.sum(axis=2)]) * near.center).sum(axis=2)
    center = sums / np.maximum(weight.sum(axis=(1, 2)), 1e-9) - np.float32(0.5)
    return np.where(confident, center * stride, points.T).T.astype(np.float32)


class _Near(NamedTuple):
    """What lies around K cells, in cells; the first axis of two is x, y.

    Attributes:
        inside: (K,) bool, whether the cell is one of the map's; the others' windows are somewhere.
        center: (2, K, W) float32 centres of the windows' columns and rows, which may lie outside.
        probability: (K, row, column), 0 outside of the map.
    """

    inside: np.ndarray
    center: np.ndarray
    probability: np.ndarray

    def gaussians(self, place: np.ndarray, sigmas) -> np.ndarray:
        """(2, K, W) factors of the columns and of the rows: Gaussians around (2, K) places."""
        values = self.center - place[:, :, None]
        np.square(values, out=values)
        values *= _exponents(sigmas)
        return np.exp(values, out=values)


def _exponents(sigmas) -> np.ndarray:
    """(K, 1) factors of a squared distance in the exponents of Gaussians."""
    return np.float32(-0.5) / np.square(np.reshape(sigmas, (-1, 1)), dtype=np.float32)


def _around(cell: np.ndarray, heatmaps: np.ndarray, reach: int) -> _Near:
    """Squares of (2 reach + 1)^2 cells around (2, K) cells (x, y, whole numbers) of (S, S, K) logits."""
    rows, columns, count = heatmaps.shape
    flat = np.ascontiguousarray(heatmaps, np.float32).reshape(-1)
    limit = np.array([[columns], [rows]])
    inside = np.logical_and.reduce((cell >= 0) & (cell < limit))
    at = np.where(inside, cell, 0.0).astype(np.int64)[:, :, None] + np.arange(-reach, reach + 1)
    held = np.minimum(np.maximum(at, 0), limit[:, :, None] - 1)
    # One index of the flat map: numpy gathers by it several times faster than by three.
    held *= np.array([count, columns * count])[:, None, None]
    held[0] += np.arange(count)[:, None]
    probability = flat.take(held[1][:, :, None] + held[0][:, None, :])
    # In place: 1 / (1 + exp(-logit)).
    np.negative(probability, out=probability)
    with np.errstate(over="ignore"):
        np.exp(probability, out=probability)
    probability += 1.0
    np.reciprocal(probability, out=probability)
    on_map = (at >= 0) & (at < limit[:, :, None])
    if not on_map.all():
        probability *= on_map[0][:, None, :]
        probability *= on_map[1][:, :, None]
    return _Near(inside, at.astype(np.float32) + np.float32(0.5), probability)


def _sums(weight: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """(2, K, W): sums over the rows and over the columns of (K, row, column) weights times (2, K, W) factors."""
    along = np.empty_like(factors)
    np.matmul(factors[1][:, None, :], weight, out=along[0][:, None, :])
    np.matmul(weight, factors[0][:, :, None], out=along[1][:, :, None])
    along *= factors
    return along


def _spread(near: _Near, prior: np.ndarray, refined: np.ndarray) -> np.ndarray:
    """(K,) cells of `Refined.spread` around (2, K) places in cells, of the `SMOOTH_REACH` nearest cells."""
    side = near.center.shape[2]
    cut = slice(max(side // 2 - SMOOTH_REACH, 0), side // 2 + SMOOTH_REACH + 1)
    along = _sums(near.probability[:, cut, cut], np.ascontiguousarray(prior[:, :, cut]))
    total = along[0].sum(axis=1)
    apart = near.center[:, :, cut] - refined[:, :, None]
    along *= np.square(apart, out=apart)
    squared = np.add.reduce(along.sum(axis=2))
    k = np.arange(refined.shape[1])
    x, y = np.minimum(np.maximum(np.rint(refined - near.center[:, :, 0]), 0), side - 1).astype(np.int64)
    at_place = near.probability[k, y, x] * prior[0][k, x] * prior[1][k, y]
    supported = near.inside & (at_place >= MIN_PEAK)
    spread = np.sqrt(squared / np.maximum(total * at_place, 1e-9))
    return np.where(supported, spread, np.float32(np.nan)).astype(np.float32)


def _part(pairs, weight, near: _Near, at_x, at_y) -> None:
    """Changes `at_x` and `at_y`, (K,) chosen cells of (K, row, column) windows, where a pair has chosen one place."""
    column, row, k = near.center[0], near.center[1], np.arange(len(at_x))
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
