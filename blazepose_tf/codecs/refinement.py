"""Regressed keypoints moved to the peaks of their heatmaps (numpy): of a picture, of film, and as MediaPipe does it.

Cells are those of `codecs.heatmaps`: crop pixels by the stride, centres at + 0.5.
"""

from __future__ import annotations

import functools
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
APART, SECOND_PEAK = 3.0, 0.2
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
    regressed, exponents, half = place - near.middle, _exponents(sigmas), reach + _RIM
    prior = np.exp(exponents * _squares(regressed, half))
    near.clear_outside(near.probability)
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
    chosen = (np.stack([at_x, at_y]) - half + step).astype(np.float32)
    cut = slice(half - SMOOTH_REACH, half + SMOOTH_REACH + 1) if half > SMOOTH_REACH else slice(None)
    moments = _moments(near.probability[:, cut, cut], np.ascontiguousarray(prior[:, :, cut]))
    return Refined(
        np.where(found, (near.middle + chosen) * np.float32(stride), points.T).T,
        np.where(found, _spread(near, regressed, exponents, moments, chosen), np.float32(np.nan)),
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
    regressed, exponents = place - near.middle, _exponents(sigmas)
    # Of probabilities and of their powers, in one go: on so few numbers the calls cost more than the arithmetic.
    weight = np.empty((2, *near.probability.shape), np.float32)
    weight[0] = near.probability
    power = np.square(near.probability, out=weight[1])
    for _ in range(SQUARINGS - 1):
        np.square(power, out=power)
    factors = np.empty((2, 2, len(points), 2 * reach + 1), np.float32)
    factors[:] = _squares(regressed, reach)[:, None]
    if previous is not None:
        before = np.asarray(previous, np.float32).T / np.float32(stride) - near.middle
        factors[:, 1] += _squares(before, reach, MOTION)
    factors[:, 1] *= 2**SQUARINGS
    factors *= exponents
    np.exp(factors, out=factors)
    if near.on_map is not None:
        factors *= near.on_map[:, None]
    moments = _moments(weight, factors)
    total, first = moments[:, 1, :, 0], moments[:, 1, :, 1]
    own = np.float32(REGRESSION_WEIGHT)
    moved = (first + own * regressed) / (total + own)
    return Refined(
        np.where(near.inside, (near.middle + moved) * np.float32(stride), points.T).T,
        _spread(near, regressed, exponents, moments[:, 0], moved),
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
    near = _around(np.trunc(points.T / np.float32(stride)), heatmaps, window // 2)
    weight = near.probability
    near.clear_outside(weight)
    confident = near.inside & (weight.max(axis=(1, 2)) >= min_confidence)
    total, first, _ = np.moveaxis(_moments(weight, np.ones((2, *weight.shape[:2]), np.float32)), 2, 0)
    center = near.middle + first / np.maximum(total, 1e-9) - np.float32(0.5)
    return np.where(confident, center * np.float32(stride), points.T).T


class _Near(NamedTuple):
    """What lies around K cells, in cells; a first axis of two is x, y.

    Attributes:
        inside: (K,) bool, whether the cell is one of the map's; the others' windows are somewhere.
        middle: (2, K) float32 centres of the cells.
        probability: (K, row, column); anything outside of the map.
        on_map: (2, K, W) bool, which columns and rows of the windows are the map's; None where all are.
    """

    inside: np.ndarray
    middle: np.ndarray
    probability: np.ndarray
    on_map: np.ndarray | None

    def clear_outside(self, values: np.ndarray) -> None:
        """Makes (K, row, column) values 0 outside of the map."""
        if self.on_map is not None:
            values *= self.on_map[0][:, None, :]
            values *= self.on_map[1][:, :, None]


@functools.lru_cache(maxsize=8)
def _offsets(reach: int) -> np.ndarray:
    """(3, W) powers 0, 1, 2 of the distances of a window's cells from its middle."""
    return np.arange(-reach, reach + 1, dtype=np.float32) ** np.arange(3, dtype=np.float32)[:, None]


@functools.lru_cache(maxsize=8)
def _window(reach: int, size: int, count: int) -> np.ndarray:
    """(K, W, W) places of the cells of windows in a flat (S, S, K) map, from the first channel of their middles on."""
    along = np.arange(-reach, reach + 1) * count
    return along + along[:, None] * size + np.arange(count)[:, None, None]


def _exponents(sigmas) -> np.ndarray:
    """(K, 1) factors of squared distances in the exponents of Gaussians."""
    return np.float32(-0.5) / np.square(np.reshape(sigmas, (-1, 1)), dtype=np.float32)


def _squares(place: np.ndarray, reach: int, free: float = 0.0) -> np.ndarray:
    """(2, K, W) squared distances of columns and rows from (2, K) places, measured from the windows' middles; `free`
    cells of a distance do not count, and not more than `reach` do."""
    distance = _offsets(reach)[1] - place[:, :, None]
    if free:
        np.abs(distance, out=distance)
        distance -= np.float32(free)
        np.minimum(np.maximum(distance, np.float32(0), out=distance), np.float32(reach), out=distance)
    return np.square(distance, out=distance)


def _around(cell: np.ndarray, heatmaps: np.ndarray, reach: int) -> _Near:
    """Squares of (2 reach + 1)^2 cells around (2, K) cells (x, y, whole numbers) of (S, S, K) logits."""
    size, _, count = heatmaps.shape
    flat = np.ascontiguousarray(heatmaps, np.float32).reshape(-1)
    held = np.fmin(np.fmax(cell, np.float32(0)), np.float32(size - 1))  # nan becomes 0
    x, y = held.astype(np.int64)
    # One index of the flat map: numpy gathers by it several times faster than by three. Outside it leads anywhere.
    index = _window(reach, size, count) + ((y * size + x) * count)[:, None, None]
    probability = flat.take(index, mode="clip")
    # In place: 1 / (1 + exp(-logit)), as a tangent that cannot overflow.
    probability *= np.float32(0.5)
    np.tanh(probability, out=probability)
    probability *= np.float32(0.5)
    probability += np.float32(0.5)
    at = held[:, :, None] + _offsets(reach)[1]
    on_map = (at >= 0) & (at < size)
    return _Near((held == cell).all(axis=0), held + np.float32(0.5), probability, None if on_map.all() else on_map)


def _moments(weight: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """(2, ..., K, 3) sums of (..., K, row, column) weights times (2, ..., K, W) factors of columns and rows, with the
    powers 0, 1 and 2 of the distance of the column (first axis 0) or of the row (1) from the middle."""
    along = np.empty_like(factors)
    np.matmul(factors[1][..., None, :], weight, out=along[0][..., None, :])
    np.matmul(weight, factors[0][..., None], out=along[1][..., None])
    along *= factors
    return along @ _offsets(factors.shape[-1] // 2).T


def _spread(near: _Near, regressed: np.ndarray, exponents, moments: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """(K,) cells of `Refined.spread` around (2, K) places; these and the regressed ones from the windows' middles."""
    k, half = np.arange(len(near.inside)), near.probability.shape[1] // 2
    total, first, second = moments[..., 0], moments[..., 1], moments[..., 2]
    squared = (second + moved * (moved * total - 2.0 * first)).sum(axis=0)
    at = np.fmin(np.fmax(np.rint(moved), -half), half)
    x, y = at.astype(np.int64) + half
    apart = at - regressed
    prior = np.exp(exponents[:, 0] * (apart * apart).sum(axis=0))
    at_place = near.probability[k, y, x] * prior
    supported = near.inside & (at_place >= MIN_PEAK)
    spread = np.sqrt(np.maximum(squared, 0.0) / np.maximum(total[0] * at_place, 1e-9))
    return np.where(supported, spread, np.float32(np.nan))


def _part(pairs, weight, near: _Near, at_x, at_y) -> None:
    """Changes `at_x` and `at_y`, (K,) chosen cells of (K, row, column) windows, where a pair has chosen one place."""
    place = np.stack([at_x, at_y], axis=-1) + near.middle.T  # up to half a window
    pairs = pairs[np.square(place[pairs[:, 0]] - place[pairs[:, 1]]).sum(axis=-1) < APART**2]
    if not len(pairs):
        return
    # Either of the two may be the one that goes.
    goes, stays = pairs.T.reshape(-1), pairs[:, ::-1].T.reshape(-1)
    around = weight[goes]
    around = np.maximum(np.maximum(around[:, :-2], around[:, 1:-1]), around[:, 2:])
    around = np.maximum(np.maximum(around[:, :, :-2], around[:, :, 1:-1]), around[:, :, 2:])[:, 1:-1, 1:-1]
    own = weight[goes, _RIM:-_RIM, _RIM:-_RIM]
    cells = np.arange(_RIM, weight.shape[1] - _RIM)
    far_x, far_y = np.square(cells + near.middle[:, goes, None] - place[stays].T[:, :, None])
    far_x, far_y = far_x[:, None, :], far_y[:, :, None]
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
