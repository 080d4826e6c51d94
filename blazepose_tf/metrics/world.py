"""Metric points and depth: distances in metres, what limbs keep of their lengths, who is in front; masks.

References: MPJPE and PA-MPJPE as in Human3.6M (Ionescu et al. 2014); Umeyama 1991 for the alignment.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from blazepose_tf import topology

# Points nearer to one another in depth than this share of a torso have no order worth asking for.
ORDER_GAP = 0.15


def mpjpe(predicted, truth, known) -> np.ndarray:
    """(N,) mean distance of (N, K, 3) points that are known, in their unit; nan where none is."""
    distance = np.linalg.norm(np.asarray(predicted, np.float64) - truth, axis=-1)
    return _mean(distance, known)


def pa_mpjpe(predicted, truth, known) -> np.ndarray:
    """`mpjpe` after each person's best turn, shift and scale; nan for fewer than three known points."""
    out = np.full(len(truth), np.nan)
    for i, chosen in enumerate(np.asarray(known, bool)):
        if chosen.sum() >= 3 and np.isfinite(predicted[i][chosen]).all():
            moved = aligned(np.asarray(predicted[i][chosen], np.float64), np.asarray(truth[i][chosen], np.float64))
            out[i] = np.linalg.norm(moved - truth[i][chosen], axis=-1).mean()
    return out


def aligned(points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(K, 3) points after the turn (no mirror image), shift and scale that bring them nearest to (K, 3) others."""
    center, goal = points.mean(axis=0), target.mean(axis=0)
    a, b = points - center, target - goal
    u, s, vt = np.linalg.svd(a.T @ b)
    sign = np.ones(3)
    sign[2] = np.sign(np.linalg.det(u) * np.linalg.det(vt)) or 1.0
    scale = (s * sign).sum() / max((a * a).sum(), 1e-12)
    return scale * a @ (u * sign) @ vt + goal


def limb_lengths(points, names: Sequence[str] = topology.KEYPOINTS) -> np.ndarray:
    """(N, L, 2) lengths of the limb segments, left and right, of (N, K, 3) points."""
    ends = np.array(topology.limb_indices(names), int).reshape(-1, 2, 2)
    points = np.asarray(points, np.float64)
    return np.linalg.norm(points[:, ends[..., 0]] - points[:, ends[..., 1]], axis=-1)


def asymmetry(points, names: Sequence[str] = topology.KEYPOINTS) -> float:
    """Median difference between the lengths of a left and the right limb segment; nan without people."""
    lengths = limb_lengths(points, names)
    return float(np.median(np.abs(lengths[..., 0] - lengths[..., 1]))) if lengths.size else float("nan")


def length_spread(predicted, truth, known, names: Sequence[str] = topology.KEYPOINTS) -> float:
    """How differently limb segments of the same true length come out: deviation of predicted / true over its mean.

    One scale for all costs nothing here; a segment that grows and shrinks with the pose or the view does.
    """
    ends = np.array(topology.limb_indices(names), int).reshape(-1, 2, 2)
    both = np.asarray(known, bool)[:, ends].all(axis=-1)
    true = limb_lengths(truth, names)
    both &= true > 0.02
    ratio = limb_lengths(predicted, names)[both] / true[both]
    return float(ratio.std() / ratio.mean()) if ratio.size else float("nan")


def depth_order(predicted, truth, known, torso) -> float:
    """Share of pairs of points of which the right one is in front.

    Args:
        predicted: (N, K) depths, smaller is nearer.
        truth: (N, K) true ones.
        known: (N, K) which are.
        torso: (N,) unit of `ORDER_GAP`, in that of `truth`.

    Returns:
        Share in [0, 1] of all pairs that are clearly one before the other; nan without any.
    """
    true = np.asarray(truth, np.float64)[:, :, None] - np.asarray(truth, np.float64)[:, None, :]
    said = np.asarray(predicted, np.float64)[:, :, None] - np.asarray(predicted, np.float64)[:, None, :]
    pairs = np.asarray(known, bool)[:, :, None] & np.asarray(known, bool)[:, None, :]
    pairs &= np.triu(np.ones(true.shape[1:], bool), 1) & (np.abs(true) > ORDER_GAP * np.asarray(torso)[:, None, None])
    return float((np.sign(true) == np.sign(said))[pairs].mean()) if pairs.any() else float("nan")


def mask_iou(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Pixels in both of two (H, W) bool masks as a share of those in either; 1 for two empty ones."""
    either = int(np.count_nonzero(predicted | truth))
    return int(np.count_nonzero(predicted & truth)) / either if either else 1.0


def _mean(values, known) -> np.ndarray:
    known = np.asarray(known, bool)
    count = known.sum(axis=-1)
    total = np.where(known, values, 0.0).sum(axis=-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
