"""Keypoint accuracy: PCK, PDJ and NME with a named normaliser (numpy, streaming).

Every result carries the counts behind it, and `a + b` is the metric of both sets together: whatever is evaluated in
pieces equals what is evaluated at once. Predictions that are not finite are misses; people whose normaliser is unknown
(nan) or not positive are left out, for no threshold can be stated for them.

Normalisers:
    torso       |mid-shoulder - mid-hip| (BlazePose paper, section 3: "torso size"; the card's "torso radius")
    head        0.6 x the diagonal of the head box (MPII's PCKh, where the box is given)
    box         the square root of the person's area, or the diagonal of its box
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blazepose_tf import topology
from blazepose_tf.metrics.alignment import RADIUS_IN_TORSOS


def torso_size(truth: np.ndarray, labelled: np.ndarray, names: Sequence[str] = topology.KEYPOINTS) -> np.ndarray:
    """Distance from mid-shoulder to mid-hip.

    Args:
        truth: (N, K, 2) keypoints in pixels.
        labelled: (N, K) non-zero where labelled.
        names: names of the K keypoints; both shoulders and both hips among them.

    Returns:
        (N,) float64 in pixels; nan where a shoulder or hip is not labelled: such people are left out of PCK.

    Raises:
        ValueError: shapes that do not fit, or a set without shoulders and hips.
    """
    truth, labelled = np.asarray(truth, np.float64), np.asarray(labelled)
    if truth.ndim != 3 or truth.shape[1:] != (len(names), 2) or labelled.shape != truth.shape[:2]:
        raise ValueError(
            f"expected truth (N, {len(names)}, 2) and labelled (N, {len(names)}). "
            f"Received: truth.shape={truth.shape}, labelled.shape={labelled.shape}"
        )
    shoulders = topology.indices(("left_shoulder", "right_shoulder"), names)
    hips = topology.indices(("left_hip", "right_hip"), names)
    size = np.linalg.norm(truth[:, shoulders].mean(axis=1) - truth[:, hips].mean(axis=1), axis=-1)
    known = (labelled[:, np.concatenate([shoulders, hips])] > 0).all(axis=1)
    return np.where(known, size, np.nan)


def has_torso(names: Sequence[str]) -> bool:
    """Whether a keypoint set has both shoulders and both hips."""
    return set(topology.GROUPS["torso"]) <= set(names)


def normalizer(truth, labelled, alignment, names: Sequence[str] = topology.KEYPOINTS) -> tuple[str, np.ndarray]:
    """What errors are measured in: the torso where the keypoint set has one, else the body circle.

    Args:
        truth: (N, K, 2) keypoints in pixels.
        labelled: (N, K) non-zero where labelled.
        alignment: (N, 2, 2) alignment points in pixels.
        names: names of the K keypoints.

    Returns:
        `torso` or `circle`, and (N,) pixels: a circle's radius is divided by RADIUS_IN_TORSOS so that the scales agree.
    """
    if has_torso(names):
        return "torso", torso_size(truth, labelled, names)
    alignment = np.asarray(alignment, np.float64)
    return "circle", np.linalg.norm(alignment[:, 1] - alignment[:, 0], axis=-1) / RADIUS_IN_TORSOS


def normalized_errors(predicted, truth, labelled, normalizer) -> np.ndarray:
    """Distance between prediction and truth in units of the normaliser.

    Args:
        predicted: (N, K, 2) pixels; nan or inf where there is no prediction.
        truth: (N, K, 2) pixels.
        labelled: (N, K) non-zero where labelled.
        normalizer: (N,) pixels; people with nan or a value that is not positive are left out.

    Returns:
        (N, K) float64; inf for a point without a prediction, nan where nothing can be said (not labelled or no
        normaliser).

    Raises:
        ValueError: shapes that do not fit.
    """
    predicted, truth = np.asarray(predicted, np.float64), np.asarray(truth, np.float64)
    labelled, normalizer = np.asarray(labelled), np.asarray(normalizer, np.float64)
    if predicted.ndim != 3 or predicted.shape[-1] != 2 or predicted.shape != truth.shape:
        raise ValueError(f"predicted and truth must both be (N, K, 2). Received: {predicted.shape}, {truth.shape}")
    if labelled.shape != truth.shape[:2] or normalizer.shape != truth.shape[:1]:
        raise ValueError(
            f"expected labelled {truth.shape[:2]} and normalizer {truth.shape[:1]}. "
            f"Received: {labelled.shape}, {normalizer.shape}"
        )
    counted = (labelled > 0) & np.isfinite(normalizer)[:, None] & (normalizer > 0)[:, None]
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        distance = np.linalg.norm(predicted - truth, axis=-1) / normalizer[:, None]
    distance = np.where(np.isfinite(distance), distance, np.inf)
    return np.where(counted, distance, np.nan)


@dataclass(frozen=True)
class PCK:
    """Percentage of correct keypoints, as shares in [0, 1].

    Attributes:
        hits: (K,) int64 correct points.
        counts: (K,) int64 labelled points of people with a normaliser.
        threshold: largest error (exclusive) of a hit, in normalisers.
    """

    hits: np.ndarray
    counts: np.ndarray
    threshold: float

    @property
    def overall(self) -> float:
        """Share over all points (each labelled point counts once); nan without any."""
        total = int(self.counts.sum())
        return float(self.hits.sum()) / total if total else float("nan")

    @property
    def per_keypoint(self) -> np.ndarray:
        """(K,) share per keypoint; nan where none was labelled."""
        return np.where(self.counts > 0, self.hits / np.maximum(self.counts, 1), np.nan)

    def subset(self, index) -> PCK:
        """The same metric over some keypoints only; `index` is an integer array."""
        return PCK(self.hits[index], self.counts[index], self.threshold)

    def __add__(self, other: PCK) -> PCK:
        if self.threshold != other.threshold or self.hits.shape != other.hits.shape:
            raise ValueError(
                "only PCKs of one threshold and keypoint set can be added. "
                f"Received: @{self.threshold} of {self.hits.shape}, @{other.threshold} of {other.hits.shape}"
            )
        return PCK(self.hits + other.hits, self.counts + other.counts, self.threshold)


def pck(predicted, truth, labelled, normalizer, *, threshold: float = 0.2) -> PCK:
    """Percentage of correct keypoints: error < threshold x normaliser.

    Args:
        predicted: (N, K, 2) pixels; nan where there is no prediction (a miss).
        truth: (N, K, 2) pixels.
        labelled: (N, K) non-zero where labelled.
        normalizer: (N,) pixels, for instance `torso_size`; nan leaves the person out.
        threshold: share of the normaliser.

    Raises:
        ValueError: shapes that do not fit, or a threshold that is not positive.

    Reference: BlazePose paper, section 3 (20 % of the torso size).
    """
    if not threshold > 0:
        raise ValueError(f"threshold must be positive. Received: threshold={threshold!r}")
    error = normalized_errors(predicted, truth, labelled, normalizer)
    return PCK((error < threshold).sum(axis=0), (~np.isnan(error)).sum(axis=0), threshold)


def pdj(predicted, truth, state, normalizer, visible, *, threshold: float = 0.2) -> PCK:
    """PDJ of the model card: the error is below the threshold and the predicted visibility matches the label.

    Args:
        predicted: (N, K, 2) pixels.
        truth: (N, K, 2) pixels.
        state: (N, K) 0 unlabelled, 1 labelled but occluded, 2 visible.
        normalizer: (N,) pixels.
        visible: (N, K) bool, the predicted visibility.
        threshold: share of the normaliser.

    Reference: 2020 model card, "Model performance measures".
    """
    state, visible = np.asarray(state), np.asarray(visible, bool)
    if visible.shape != state.shape:
        raise ValueError(f"visible must have the shape of state. Received: {visible.shape}, {state.shape}")
    error = normalized_errors(predicted, truth, state, normalizer)
    hit = (error < threshold) & (visible == (state == 2))
    return PCK(hit.sum(axis=0), (~np.isnan(error)).sum(axis=0), threshold)


@dataclass(frozen=True)
class NME:
    """Normalised mean error: sums (K,) of errors in normalisers, and counts (K,) of the points behind them."""

    sums: np.ndarray
    counts: np.ndarray

    @property
    def overall(self) -> float:
        total = int(self.counts.sum())
        return float(self.sums.sum()) / total if total else float("nan")

    @property
    def per_keypoint(self) -> np.ndarray:
        return np.where(self.counts > 0, self.sums / np.maximum(self.counts, 1), np.nan)

    def __add__(self, other: NME) -> NME:
        return NME(self.sums + other.sums, self.counts + other.counts)


def nme(predicted, truth, labelled, normalizer, *, cap: float = 1.0) -> NME:
    """Mean error in normalisers.

    Args:
        predicted: (N, K, 2) pixels; a missing prediction has the error `cap`.
        truth: (N, K, 2) pixels.
        labelled: (N, K) non-zero where labelled.
        normalizer: (N,) pixels.
        cap: errors are cut here, so that one lost person cannot outweigh a thousand found ones; inf to switch off
            (then points without a prediction are left out).
    """
    error = normalized_errors(predicted, truth, labelled, normalizer)
    if np.isfinite(cap):
        error = np.minimum(error, cap)
    counted = np.isfinite(error)
    return NME(np.where(counted, error, 0.0).sum(axis=0), counted.sum(axis=0))


def head_size(truth: np.ndarray, labelled: np.ndarray, names: Sequence[str] = topology.KEYPOINTS) -> np.ndarray:
    """Head length for PCKh where no head box is annotated.

    MPII takes 0.6 x the diagonal of its head box (about 18 cm on an adult). The 33 points have no head top; the
    larger of the ears' distance and twice the distance from mid-ear to mid-mouth is about 15 cm from the front and
    from the side alike, hence the factor 1.2.

    Args:
        truth: (N, K, 2) pixels.
        labelled: (N, K) non-zero where labelled.
        names: names of the K keypoints.

    Returns:
        (N,) pixels; nan where the ears or the mouth are not labelled.
    """
    truth, labelled = np.asarray(truth, np.float64), np.asarray(labelled)
    ears = topology.indices(("left_ear", "right_ear"), names)
    mouth = topology.indices(("mouth_left", "mouth_right"), names)
    across = np.linalg.norm(truth[:, ears[0]] - truth[:, ears[1]], axis=-1)
    down = np.linalg.norm(truth[:, ears].mean(axis=1) - truth[:, mouth].mean(axis=1), axis=-1)
    known = (labelled[:, np.concatenate([ears, mouth])] > 0).all(axis=1)
    return np.where(known, 1.2 * np.maximum(across, 2.0 * down), np.nan)
