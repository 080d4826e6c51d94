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
from blazepose_tf.specs import FACE, DetectorSpec

# Anchors within this fraction of the proxy's side from its centre are positives, out to the second fraction they are
# neither: a neighbouring cell sees the same person and must not be punished for saying so.
POSITIVE_RADIUS = 0.35
NEUTRAL_RADIUS = 0.8
# From mid-hip to the middle of the face a body measures 1.33 torso lengths (median of 3,861 people, 1.22 to 1.44 for
# four fifths of them): the torso's middle and length follow from the two. Seen from above or below a torso is never
# smaller than this share of the body circle's radius.
TORSO_MIDDLE, TORSO_LENGTH, MIN_TORSO = 0.38, 0.75, 0.3


def torsos(boxes, alignments):
    """Centres (N, 2) and lengths (N,) in pixels of the torsos of people with face boxes (N, 4) and alignments."""
    xp = array_namespace(boxes)
    hips = alignments[:, 0]
    up = 0.5 * (boxes[:, :2] + boxes[:, 2:]) - hips
    circle = alignments[:, 1] - hips
    length = TORSO_LENGTH * xp.sqrt(xp.sum(up * up, axis=-1))
    return hips + TORSO_MIDDLE * up, xp.maximum(length, MIN_TORSO * xp.sqrt(xp.sum(circle * circle, axis=-1)))


def encode(boxes, alignments, ignore_boxes, *, spec: DetectorSpec, taught=None):
    """Targets of one picture.

    Args:
        boxes: (N, 4) face boxes x0, y0, x1, y1 in input pixels; N may be 0. A face that cannot be seen has one, too:
            where the head is.
        alignments: (N, 2, 2) alignment points in input pixels.
        ignore_boxes: (M, 4) regions whose people are not labelled; M may be 0.
        spec: detector contract with two keypoints per anchor.
        taught: (N, proxies) 1 where a person is to be found by that proxy, 0 where its anchors are neither positive
            nor negative (a face from behind); all of them without it.

    Returns:
        scores (A, 1): 1 at anchors of a person, 0 elsewhere.
        score_weights (A, 1): 0 at neutral and ignored anchors, 1 elsewhere.
        regressors (A, num_values): targets of the nearest person; zeros where the picture has none.
        regressor_weights (A, 1): 1 at positives; the positives of one person and proxy sum to 1, so that a close one
            does not outweigh a far one.
    """
    if spec.num_keypoints != 2:
        raise ValueError(f"encode needs a spec with 2 keypoints. Received: num_keypoints={spec.num_keypoints}")
    xp = array_namespace(boxes)
    anchors = xp.asarray(grid_anchors(spec), boxes)
    if len(spec.proxies) > 1:  # each has the whole grid; they are interleaved at the end
        anchors = anchors[:: len(spec.proxies)]
    # A far-away dummy keeps every reduction defined when there is nobody.
    far = xp.asarray(np.full((1, 4), -1e6, np.float32) + np.array([0, 0, 1, 1], np.float32), boxes)
    away = xp.asarray(np.full((1, 2, 2), -1e6, np.float32), boxes)
    boxes = xp.concatenate([boxes, far], axis=0)
    alignments = xp.concatenate([alignments, away], axis=0)
    values = (0.5 * (boxes[:, :2] + boxes[:, 2:]), boxes[:, 2:] - boxes[:, :2], alignments[:, 0], alignments[:, 1])
    unlabelled = _inside_any(anchors, ignore_boxes, xp)
    parts = []
    for i, proxy in enumerate(spec.proxies):
        center, side = (values[0], xp.max(values[1], axis=-1)) if proxy == FACE else torsos(boxes, alignments)
        wanted = None
        if taught is not None:
            wanted = xp.concatenate([taught[:, i], xp.asarray(np.zeros(1, np.float32), boxes)], axis=0)
        parts.append(_assign(anchors, center, side, values, wanted, unlabelled, stride=min(spec.strides), xp=xp))
    if len(parts) == 1:
        return parts[0]
    count = len(parts) * (spec.num_anchors // len(parts))
    return tuple(xp.reshape(xp.stack(same, axis=1), (count, same[0].shape[-1])) for same in zip(*parts, strict=True))


def _assign(anchors, center, side, values, wanted, unlabelled, *, stride: int, xp):
    """`encode` for one proxy: (N, 2) centres, (N,) sides, (N,) wanted or None; (A, 1) unlabelled anchors."""
    distance = xp.max(xp.abs(anchors[:, None, :] - center[None]), axis=-1)
    half_stride = 0.5 * stride
    # At least the cell that holds the centre is positive, however small the proxy is.
    positive = distance <= xp.maximum(POSITIVE_RADIUS * side, half_stride)[None]
    neutral = distance <= xp.maximum(NEUTRAL_RADIUS * side, 2.0 * half_stride)[None]
    # The person that an anchor answers for is the nearest in units of its own size.
    relative = distance / xp.maximum(side, 2.0 * half_stride)[None]
    owner = relative <= 1e-6 - xp.max(-relative, axis=-1, keepdims=True)
    chosen = xp.cast(positive & owner, anchors)
    if wanted is not None:
        chosen = chosen * wanted[None]
    chosen = chosen / xp.maximum(xp.sum(chosen, axis=-1, keepdims=True), 1.0)
    is_positive = xp.max(chosen, axis=-1, keepdims=True)
    is_positive = xp.where(is_positive > 0, xp.ones_like(is_positive), xp.zeros_like(is_positive))
    share = chosen / xp.maximum(xp.sum(chosen, axis=0, keepdims=True), 1e-6)
    regressor_weights = xp.sum(share, axis=-1, keepdims=True)

    mix = _owner_mix(owner, anchors, xp)
    face, size, hips, circle = values
    targets = xp.concatenate(
        [xp.matmul(mix, face) - anchors, xp.matmul(mix, size), xp.matmul(mix, hips) - anchors,
         xp.matmul(mix, circle) - anchors],
        axis=-1,
    )  # fmt: skip
    near = xp.cast(neutral, anchors)
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
