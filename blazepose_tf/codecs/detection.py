"""Detector tensors to boxes and alignment points, and annotations to detector targets.

Each anchor carries a logit and `num_values` numbers in input pixels relative to the anchor centre: box centre x, y,
box width, height (absolute), then x, y of each keypoint. Keypoint 0 is mid-hip, keypoint 1 the point on the body
circle. All coordinates here are pixels of the letterboxed input.

Reference: BlazePose paper, section 2.2; MediaPipe TensorsToDetectionsCalculator.
"""

from __future__ import annotations

import numpy as np

from blazepose_tf.array_api import array_namespace
from blazepose_tf.codecs.anchors import grid_anchors
from blazepose_tf.specs import DetectorSpec

# Anchors within this fraction of the face's side from its centre are positives, out to the second fraction they are
# neither: a neighbouring cell sees the same face and must not be punished for saying so.
POSITIVE_RADIUS = 0.35
NEUTRAL_RADIUS = 0.8


def encode(boxes, alignments, ignore_boxes, *, spec: DetectorSpec):
    """Targets of one picture.

    Args:
        boxes: (N, 4) face boxes x0, y0, x1, y1 in input pixels; N may be 0.
        alignments: (N, 2, 2) alignment points in input pixels.
        ignore_boxes: (M, 4) regions whose people are not labelled; M may be 0.
        spec: detector contract with two keypoints per anchor.

    Returns:
        scores (A, 1): 1 at anchors of a face, 0 elsewhere.
        score_weights (A, 1): 0 at neutral and ignored anchors, 1 elsewhere.
        regressors (A, num_values): targets of the nearest face; zeros where the picture has none.
        regressor_weights (A, 1): 1 at positives; the positives of one face sum to 1, so that a close face does not
            outweigh a far one.
    """
    if spec.num_keypoints != 2:
        raise ValueError(f"encode needs a spec with 2 keypoints. Received: num_keypoints={spec.num_keypoints}")
    xp = array_namespace(boxes)
    anchors = xp.asarray(grid_anchors(spec), boxes)
    # A far-away dummy face keeps every reduction defined when there is none.
    far = xp.asarray(np.full((1, 4), -1e6, np.float32) + np.float32([0, 0, 1, 1]), boxes)
    boxes = xp.concatenate([boxes, far], axis=0)
    alignments = xp.concatenate([alignments, xp.asarray(np.zeros((1, 2, 2), np.float32), boxes)], axis=0)
    center = 0.5 * (boxes[:, :2] + boxes[:, 2:])
    size = boxes[:, 2:] - boxes[:, :2]
    side = xp.max(size, axis=-1)
    delta = anchors[:, None, :] - center[None]
    distance = xp.max(xp.abs(delta), axis=-1)
    half_stride = 0.5 * min(spec.strides)
    # At least the cell that holds the centre is positive, however small the face is.
    positive = distance <= xp.maximum(POSITIVE_RADIUS * side, half_stride)[None]
    neutral = distance <= xp.maximum(NEUTRAL_RADIUS * side, 2.0 * half_stride)[None]
    # The face that an anchor answers for is the nearest in units of its own size.
    relative = distance / xp.maximum(side, 2.0 * half_stride)[None]
    owner = relative <= 1e-6 - xp.max(-relative, axis=-1, keepdims=True)
    chosen = xp.cast(positive & owner, boxes)
    chosen = chosen / xp.maximum(xp.sum(chosen, axis=-1, keepdims=True), 1.0)
    is_positive = xp.max(chosen, axis=-1, keepdims=True)
    is_positive = xp.where(is_positive > 0, xp.ones_like(is_positive), xp.zeros_like(is_positive))
    share = chosen / xp.maximum(xp.sum(chosen, axis=0, keepdims=True), 1e-6)
    regressor_weights = xp.sum(share, axis=-1, keepdims=True)

    mix = _owner_mix(owner, boxes, xp)
    targets = xp.concatenate(
        [
            xp.matmul(mix, center) - anchors,
            xp.matmul(mix, size),
            xp.matmul(mix, alignments[:, 0]) - anchors,
            xp.matmul(mix, alignments[:, 1]) - anchors,
        ],
        axis=-1,
    )
    near = xp.cast(neutral, boxes)
    unlabelled = _inside_any(anchors, ignore_boxes, xp)
    doubtful = xp.maximum(xp.max(near, axis=-1, keepdims=True), unlabelled)
    score_weights = xp.maximum(is_positive, 1.0 - doubtful)
    return is_positive, score_weights, targets * is_positive, regressor_weights


def _owner_mix(owner, like, xp):
    """(A, N) rows that select (or, on an exact tie, average) the owning face."""
    chosen = xp.cast(owner, like)
    return chosen / xp.maximum(xp.sum(chosen, axis=-1, keepdims=True), 1.0)


def _inside_any(anchors, boxes, xp):
    """(A, 1) 1 where an anchor lies in one of the (M, 4) boxes."""
    nowhere = xp.asarray(np.float32([[1, 1, -1, -1]]), anchors)
    boxes = xp.concatenate([boxes, nowhere], axis=0)
    inside = (
        (anchors[:, None, 0] >= boxes[None, :, 0])
        & (anchors[:, None, 0] < boxes[None, :, 2])
        & (anchors[:, None, 1] >= boxes[None, :, 1])
        & (anchors[:, None, 1] < boxes[None, :, 3])
    )
    return xp.max(xp.cast(inside, anchors), axis=-1, keepdims=True)


def decode(regressors, logits, *, anchors, num_keypoints: int = 2):
    """Boxes, keypoints and scores of every anchor.

    Args:
        regressors: (..., A, 4 + 2 * num_keypoints) in input pixels.
        logits: (..., A, 1).
        anchors: (A, 2) anchor centres in input pixels (`grid_anchors`).
        num_keypoints: points per anchor.

    Returns:
        boxes (..., A, 4) x0, y0, x1, y1 in input pixels; keypoints (..., A, P, 2) in input pixels; scores (..., A)
        in (0, 1).
    """
    xp = array_namespace(regressors)
    anchors = xp.asarray(anchors, regressors)
    center = regressors[..., 0:2] + anchors
    half = 0.5 * regressors[..., 2:4]
    boxes = xp.concatenate([center - half, center + half], axis=-1)
    points = [regressors[..., 4 + 2 * i : 6 + 2 * i] + anchors for i in range(num_keypoints)]
    return boxes, xp.stack(points, axis=-2), xp.sigmoid(logits[..., 0])
