"""Losses of the regression heads: landmarks (coordinates and visibility), alignment points and pose presence.

Targets and predictions are in crop pixels; losses work in input sizes, so that they mean the same at every resolution.

Reference: BlazePose paper, sections 2.5 and 2.6; RLE: Li et al. 2021 (arXiv 2107.11291).
"""

from __future__ import annotations

import math

import keras
from keras import ops

from blazepose_tf.losses.penalties import KINDS, KNEE, penalty

RLE = "rle"
COORDINATE_KINDS = (*KINDS, RLE)
# Scale that a residual of `rle` starts with: 5 % of the crop, about what the mean pose misses limbs by.
INITIAL_SCALE = 0.05
LOG_INITIAL_SCALE = math.log(INITIAL_SCALE)


def binary_cross_entropy(target, logit):
    """Elementwise cross-entropy of a logit against a target in [0, 1], stable for large logits."""
    return ops.relu(logit) - logit * target + ops.softplus(-ops.abs(logit))


class LandmarkLoss(keras.losses.Loss):
    """Landmarks (B, K, 3 or 4) = x, y, (z,) visibility logit against (B, K, 3 or 5) -> (B, K).

    The target is x, y, visibility, and where z is learned z and 1 or 0, whether it is known.

    Args:
        input_size: side of the crop in pixels.
        coordinates: `l1`, `huber`, `wing` (see `penalties`) or `rle`.
        knee: of the Huber penalty, in input sizes.
        coordinate_weight: factor of the coordinates' penalty (mean of x and y, in input sizes).
        visibility_weight: factor of the visibility's cross-entropy.
        depth_weight: factor of z's Huber penalty, in input sizes.

    With `rle` the predictions carry one more last column: the logarithm of the keypoint's scale s in input sizes
    (`training.residual_scale.ResidualScale`), and the penalty is the negative log-likelihood |r| / s + log(2 s) of a
    Laplace residual, times the initial scale so that it starts at the size of L1. This is the likelihood
    half of the paper's method with one learned scale per keypoint; its normalising flow and its scale per image are
    not part of it.
    """

    def __init__(
        self,
        *,
        input_size: int,
        coordinates: str = "huber",
        knee: float = KNEE,
        coordinate_weight: float = 20.0,
        visibility_weight: float = 0.1,
        depth_weight: float = 5.0,
        name: str = "landmarks",
    ):
        super().__init__(name=name, reduction="mean_with_sample_weight")
        if coordinates not in COORDINATE_KINDS:
            raise ValueError(f"coordinates must be one of {COORDINATE_KINDS}. Received: coordinates={coordinates!r}")
        self.input_size = input_size
        self.coordinates = coordinates
        self.knee = knee
        self.coordinate_weight = coordinate_weight
        self.visibility_weight = visibility_weight
        self.depth_weight = depth_weight

    def call(self, y_true, y_pred):
        residual = (y_pred[..., :2] - y_true[..., :2]) / self.input_size
        visibility = y_pred[..., -1]
        if self.coordinates == RLE:
            visibility, log_scale = y_pred[..., -2], y_pred[..., -1]
            size = ops.mean(ops.abs(residual), axis=-1)
            distance = INITIAL_SCALE * (size * ops.exp(-log_scale) + log_scale - LOG_INITIAL_SCALE)
        else:
            distance = ops.mean(penalty(residual, kind=self.coordinates, knee=self.knee), axis=-1)
        hidden = binary_cross_entropy(y_true[..., 2], visibility)
        total = self.coordinate_weight * distance + self.visibility_weight * hidden
        if y_true.shape[-1] == 5:
            depth = (y_pred[..., 2] - y_true[..., 3]) / self.input_size
            total += self.depth_weight * y_true[..., 4] * penalty(depth, kind="huber", knee=self.knee)
        return total

    def get_config(self):
        names = ("input_size", "coordinates", "knee", "coordinate_weight", "visibility_weight", "depth_weight", "name")
        return {name: getattr(self, name) for name in names}


class AlignmentLoss(keras.losses.Loss):
    """Alignment points (B, 2, 2) in crop pixels -> (B, 2): Huber, in input sizes times `weight`."""

    def __init__(self, *, input_size: int, knee: float = KNEE, weight: float = 20.0, name: str = "alignment"):
        super().__init__(name=name, reduction="mean_with_sample_weight")
        self.input_size = input_size
        self.knee = knee
        self.weight = weight

    def call(self, y_true, y_pred):
        residual = (y_pred - y_true) / self.input_size
        return self.weight * ops.mean(penalty(residual, kind="huber", knee=self.knee), axis=-1)

    def get_config(self):
        return {"input_size": self.input_size, "knee": self.knee, "weight": self.weight, "name": self.name}


class PresenceLoss(keras.losses.Loss):
    """Pose presence logit (B, 1) against {0, 1} -> (B,), cross-entropy times `weight`."""

    def __init__(self, *, weight: float = 0.1, name: str = "pose_presence"):
        super().__init__(name=name, reduction="mean_with_sample_weight")
        self.weight = weight

    def call(self, y_true, y_pred):
        return self.weight * ops.mean(binary_cross_entropy(y_true, y_pred), axis=-1)

    def get_config(self):
        return {"weight": self.weight, "name": self.name}
