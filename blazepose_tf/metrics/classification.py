"""Scores against yes/no labels: F1, ROC AUC, calibration error. For visibility (points) and presence (people).

`F1` and `Calibration` are sums and add up; `roc_auc` needs all scores at once (a million of them is 8 MB).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def _pair(scores, labels) -> tuple[np.ndarray, np.ndarray]:
    scores, labels = np.asarray(scores, np.float64).ravel(), np.asarray(labels, bool).ravel()
    if scores.shape != labels.shape:
        raise ValueError(f"scores and labels must have one shape. Received: {scores.shape}, {labels.shape}")
    if np.isnan(scores).any():
        raise ValueError(f"scores must not be nan. Received: {int(np.isnan(scores).sum())} nan of {scores.size}")
    return scores, labels


@dataclass(frozen=True)
class F1:
    """Counts behind precision, recall and F1 of the positive class."""

    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int

    @property
    def precision(self) -> float:
        said = self.true_positives + self.false_positives
        return self.true_positives / said if said else float("nan")

    @property
    def recall(self) -> float:
        there = self.true_positives + self.false_negatives
        return self.true_positives / there if there else float("nan")

    @property
    def value(self) -> float:
        """2 TP / (2 TP + FP + FN); nan when nothing is positive and nothing was said to be."""
        total = 2 * self.true_positives + self.false_positives + self.false_negatives
        return 2 * self.true_positives / total if total else float("nan")

    @property
    def flipped(self) -> F1:
        """The same counts with the negative class as the positive one (occlusion instead of visibility)."""
        return F1(self.true_negatives, self.false_negatives, self.false_positives, self.true_positives)

    def __add__(self, other: F1) -> F1:
        return F1(
            self.true_positives + other.true_positives,
            self.false_positives + other.false_positives,
            self.false_negatives + other.false_negatives,
            self.true_negatives + other.true_negatives,
        )


def f1(scores, labels, *, threshold: float = 0.5) -> F1:
    """Counts at a threshold.

    Args:
        scores: any shape, probabilities; positive where score >= threshold.
        labels: same shape, bool.
        threshold: in [0, 1].
    """
    scores, labels = _pair(scores, labels)
    said = scores >= threshold
    return F1(
        int((said & labels).sum()),
        int((said & ~labels).sum()),
        int((~said & labels).sum()),
        int((~said & ~labels).sum()),
    )


def roc_auc(scores, labels) -> float:
    """Probability that a positive scores higher than a negative, ties counted half; nan with one class only."""
    scores, labels = _pair(scores, labels)
    positives, negatives = int(labels.sum()), int((~labels).sum())
    if not positives or not negatives:
        return float("nan")
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    rank = np.cumsum(counts) - 0.5 * (counts - 1)  # mean rank of each group of equal scores, from 1
    return float((rank[inverse][labels].sum() - positives * (positives + 1) / 2) / (positives * negatives))


@dataclass(frozen=True)
class Calibration:
    """Sums per bin of equal width: counts (B,), score sums (B,), positives (B,)."""

    counts: np.ndarray
    scores: np.ndarray
    positives: np.ndarray

    @property
    def error(self) -> float:
        """Expected calibration error: |mean score - share of positives|, weighted by the bins' counts."""
        total = self.counts.sum()
        return float(np.abs(self.scores - self.positives).sum() / total) if total else float("nan")

    def __add__(self, other: Calibration) -> Calibration:
        return Calibration(self.counts + other.counts, self.scores + other.scores, self.positives + other.positives)


def calibration(scores, labels, *, bins: int = 15) -> Calibration:
    """Reliability of probabilities in [0, 1], in `bins` bins of equal width."""
    scores, labels = _pair(scores, labels)
    index = np.clip((scores * bins).astype(int), 0, bins - 1)
    return Calibration(
        np.bincount(index, minlength=bins).astype(np.int64),
        np.bincount(index, weights=scores, minlength=bins),
        np.bincount(index, weights=labels.astype(np.float64), minlength=bins),
    )
