"""Losses of the detector: which anchors see a face, and its box and alignment points.

Reference: focal loss, Lin et al. 2017 (arXiv 1708.02002); hard negatives, Liu et al. 2016 (SSD, arXiv 1512.02325).
"""

from __future__ import annotations

import keras
from keras import ops

from blazepose_tf.losses.landmarks import binary_cross_entropy
from blazepose_tf.losses.penalties import penalty

KINDS = ("focal", "hard_negative")
# Negatives kept per positive anchor, and the least number of them in a picture without any (SSD: 3).
NEGATIVES_PER_POSITIVE = 3.0
MIN_NEGATIVES = 8.0


class ClassificationLoss(keras.losses.Loss):
    """Logits (B, A, 1) against {0, 1, negative = ignored} -> (B, A).

    Anchors that neither count as a face nor as background (neutral, ignored) have a negative target, for the choice of
    hard negatives must not fall on them; their weight is 0 as well. As almost every anchor is a negative,
    a mean over anchors is tiny: values are multiplied by A over the picture's positives (at least 1), so
    that the loss of a picture has the size of one anchor's cross-entropy whatever its resolution.

    Args:
        kind: `focal`: (1 - p_t)^gamma * cross-entropy with alpha on positives. `hard_negative`: cross-entropy of the
            positives and of the negatives with the highest scores, three per positive.
        alpha: weight of the positives in the focal loss; 1 - alpha that of the negatives.
        gamma: focusing exponent.
    """

    def __init__(self, *, kind: str = "focal", alpha: float = 0.5, gamma: float = 2.0, name: str = "logits"):
        super().__init__(name=name, reduction="mean_with_sample_weight")
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {KINDS}. Received: kind={kind!r}")
        self.kind = kind
        self.alpha = alpha
        self.gamma = gamma

    def call(self, y_true, y_pred):
        target, logit = ops.maximum(y_true[..., 0], 0.0), y_pred[..., 0]
        counted = ops.cast(y_true[..., 0] >= 0.0, logit.dtype)
        values = binary_cross_entropy(target, logit)
        positives = ops.maximum(ops.sum(target, axis=-1, keepdims=True), 1.0)
        if self.kind == "focal":
            miss = ops.sigmoid(ops.where(target > 0.5, -logit, logit))  # 1 - p_t
            balance = ops.where(target > 0.5, self.alpha, 1.0 - self.alpha)
            values = balance * miss**self.gamma * values
        else:
            values = values * ops.stop_gradient(self._kept(target, logit, counted))
        anchors = float(y_pred.shape[1])
        return values * counted * (anchors / positives)

    def _kept(self, target, logit, counted):
        """(B, A) 1 at positives and at the hardest negatives, scaled so that the sum is the count of positives."""
        positives = ops.sum(target, axis=-1, keepdims=True)
        wanted = ops.maximum(NEGATIVES_PER_POSITIVE * positives, MIN_NEGATIVES)
        negative = ops.where((target > 0.5) | (counted < 0.5), -1e9, logit)
        rank = ops.argsort(ops.argsort(-negative, axis=-1), axis=-1)
        hard = ops.cast(ops.cast(rank, logit.dtype) < wanted, logit.dtype) * (1.0 - target) * counted
        return target + hard * (ops.maximum(positives, 1.0) / wanted)

    def get_config(self):
        return {"kind": self.kind, "alpha": self.alpha, "gamma": self.gamma, "name": self.name}


class RegressionLoss(keras.losses.Loss):
    """Boxes and alignment points (B, A, 4 + 2P) in input pixels relative to the anchor -> (B, A).

    Errors are divided by the size of the thing they describe, so that a small person counts like a large one: the
    box's by its own side, the points' by the radius of the body circle. Huber with its knee at 10 % of that.

    Args:
        box_weight: factor of the box's four numbers.
        point_weight: factor of the points.
    """

    def __init__(self, *, box_weight: float = 1.0, point_weight: float = 2.0, name: str = "regressors"):
        super().__init__(name=name, reduction="mean_with_sample_weight")
        self.box_weight = box_weight
        self.point_weight = point_weight

    def call(self, y_true, y_pred):
        # Anchors without a face have all-zero targets and weight 0; the bounds keep their values finite.
        side = ops.maximum(ops.max(y_true[..., 2:4], axis=-1, keepdims=True), 4.0)
        circle = y_true[..., 6:8] - y_true[..., 4:6]
        radius = ops.maximum(ops.sqrt(ops.sum(circle * circle, axis=-1, keepdims=True)), 8.0)
        error = y_pred - y_true
        box = ops.mean(penalty(error[..., :4] / side, kind="huber", knee=0.1), axis=-1)
        points = ops.mean(penalty(error[..., 4:] / radius, kind="huber", knee=0.1), axis=-1)
        return self.box_weight * box + self.point_weight * points

    def get_config(self):
        return {"box_weight": self.box_weight, "point_weight": self.point_weight, "name": self.name}
