"""Recall, precision and average precision of detections under any criterion of agreement (numpy, streaming).

Pictures are matched one by one (`match`), results are concatenated, curves are made at the end. A detection that
agrees with no person but lies on an unlabelled one is neither right nor wrong.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Matches(NamedTuple):
    """scores (D,) of the detections that count, correct (D,) bool, people: how many there were to find."""

    scores: np.ndarray
    correct: np.ndarray
    people: int


class Curve(NamedTuple):
    """scores (D,) falling, precision (D,), recall (D,) when everything down to that score is kept."""

    scores: np.ndarray
    precision: np.ndarray
    recall: np.ndarray


def match(agreement, scores, *, ignored=None) -> Matches:
    """Assigns detections of one picture to its people, the best score first, each person once.

    Args:
        agreement: (D, P) how well each detection agrees with each person; 0 or less = not at all.
        scores: (D,) detection scores.
        ignored: (D,) bool, detections that lie on unlabelled people; they are dropped unless they match someone.
    """
    scores = np.asarray(scores, np.float64)
    agreement = np.array(agreement, np.float64)
    if agreement.ndim != 2 or len(agreement) != len(scores):
        raise ValueError(f"agreement must be (D, P) for {len(scores)} scores. Received: shape={agreement.shape}")
    ignored = np.zeros(len(scores), bool) if ignored is None else np.asarray(ignored, bool)
    correct = np.zeros(len(scores), bool)
    people = agreement.shape[1]
    for i in np.argsort(-scores, kind="stable"):
        if people and agreement[i].max() > 0:
            correct[i] = True
            agreement[:, agreement[i].argmax()] = 0
    kept = correct | ~ignored
    return Matches(scores[kept], correct[kept], people)


def merge(parts) -> Matches:
    """All pictures' matches as one."""
    parts = list(parts)
    if not parts:
        return Matches(np.zeros(0), np.zeros(0, bool), 0)
    return Matches(
        np.concatenate([p.scores for p in parts]),
        np.concatenate([p.correct for p in parts]),
        sum(p.people for p in parts),
    )


def curve(matches: Matches) -> Curve:
    """Precision and recall at every score."""
    order = np.argsort(-matches.scores, kind="stable")
    hits = np.cumsum(matches.correct[order])
    recall = hits / matches.people if matches.people else np.full(len(hits), np.nan)
    return Curve(matches.scores[order], hits / np.maximum(np.arange(1, len(order) + 1), 1), recall)


def average_precision(matches: Matches) -> float:
    """Area under the precision-recall curve, precision made monotone (all points); nan without people."""
    if not matches.people:
        return float("nan")
    c = curve(matches)
    envelope = np.maximum.accumulate(c.precision[::-1])[::-1] if len(c.precision) else c.precision
    return float((np.diff(c.recall, prepend=0.0) * envelope).sum())


def recall_at(matches: Matches, threshold: float) -> float:
    """Share of people with a correct detection of at least this score; nan without people."""
    if not matches.people:
        return float("nan")
    return float((matches.correct & (matches.scores >= threshold)).sum() / matches.people)


def precision_at(matches: Matches, threshold: float) -> float:
    """Share of correct detections among those of at least this score; nan without any."""
    said = matches.scores >= threshold
    return float(matches.correct[said].mean()) if said.any() else float("nan")


def firing_threshold(best_scores, *, rate: float = 0.05) -> float:
    """Lowest threshold at which at most `rate` of the pictures without people have a detection.

    Args:
        best_scores: (N,) best score in each picture without people; 0 where nothing was found.
        rate: tolerated share of pictures.

    Returns:
        A threshold t; a picture fires when its best score >= t. t lies midway between the best score that must not
        fire and the next higher one, so that the rounding of a score does not matter.

    Raises:
        ValueError: no pictures.
    """
    best = np.sort(np.asarray(best_scores, np.float64))[::-1]
    if not best.size:
        raise ValueError("firing_threshold needs pictures without people. Received: none")
    allowed = int(np.floor(rate * best.size))
    if allowed >= best.size:
        return 0.0
    higher = best[best > best[allowed]]
    return float((best[allowed] + (higher[-1] if higher.size else 1.0)) / 2.0)
