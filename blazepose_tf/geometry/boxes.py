"""Axis-aligned boxes (..., 4) as x0, y0, x1, y1 in pixels: overlap and weighted non-maximum suppression (numpy)."""

from __future__ import annotations

import numpy as np


def iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union.

    Args:
        a: (N, 4) boxes.
        b: (M, 4) boxes.

    Returns:
        (N, M) in [0, 1]; boxes without area overlap nothing.
    """
    a, b = np.asarray(a), np.asarray(b)
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    inter = np.prod(np.clip(high - low, 0, None), axis=-1)
    area_a = np.prod(np.clip(a[:, 2:] - a[:, :2], 0, None), axis=-1)
    area_b = np.prod(np.clip(b[:, 2:] - b[:, :2], 0, None), axis=-1)
    union = area_a[:, None] + area_b[None] - inter
    return np.where(union > 0, inter / np.where(union > 0, union, 1), 0.0)


def weighted_nms(boxes, keypoints, scores, *, iou_threshold: float = 0.3, same: np.ndarray | None = None):
    """Merges overlapping candidates into their score-weighted mean.

    Unlike plain suppression this averages jitter between neighbouring anchors away: from the best score down, all
    remaining candidates that are the same thing as the best one form a group; corners and keypoints become the group's
    score-weighted mean, the score stays the best.

    Args:
        boxes: (N, 4) x0, y0, x1, y1.
        keypoints: (N, P, 2) points that belong to the boxes.
        scores: (N,) positive scores.
        iou_threshold: overlap of the boxes above which two candidates are the same thing.
        same: (N, N) bool, whether two candidates are; None goes by the boxes.

    Returns:
        boxes (M, 4), keypoints (M, P, 2), scores (M,), best first; M may be 0.

    Reference: BlazeFace (Bazarevsky et al. 2019), section 3.4; MediaPipe NonMaxSuppressionCalculator, WEIGHTED.
    """
    boxes, keypoints, scores = np.asarray(boxes), np.asarray(keypoints), np.asarray(scores)
    same = iou(boxes, boxes) > iou_threshold if same is None else same
    rest = np.argsort(-scores, kind="stable")
    kept: list[tuple[np.ndarray, np.ndarray, float]] = []
    while rest.size:
        best = rest[0]
        group = same[best, rest]
        group[0] = True
        members = rest[group]
        weight = scores[members] / scores[members].sum()
        kept.append(
            (
                np.tensordot(weight, boxes[members], axes=1),
                np.tensordot(weight, keypoints[members], axes=1),
                scores[best],
            )
        )
        rest = rest[~group]
    if not kept:
        return boxes[:0], keypoints[:0], scores[:0]
    return tuple(np.stack(part).astype(boxes.dtype) for part in zip(*kept, strict=True))
