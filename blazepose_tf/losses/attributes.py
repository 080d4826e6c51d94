"""Losses of what a person has beyond points in the picture: metric landmarks and the mask.

What a label does not know costs nothing: points by the last column of the target, masks by their weight.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import ops

from blazepose_tf.losses.landmarks import binary_cross_entropy
from blazepose_tf.losses.penalties import penalty

# Metres from which on a metric error counts by its size, not by its square.
WORLD_KNEE = 0.02


class WorldLoss(keras.losses.Loss):
    """World landmarks (B, K, 3) metres against (B, K, 4) = metres, known -> (B,).

    The mean Huber penalty of the known coordinates, and of limb segments what their lengths differ from left to right
    and from the true ones: a skeleton keeps its lengths, wherever its joints are thought to be.

    Args:
        limbs: (left end, left end, right end, right end) indices of each segment (`topology.limb_indices`).
        weight: factor of the whole, in 1 / metres.
        bone_weight: factor of the lengths, beside the coordinates' 1.
        knee: metres.
    """

    def __init__(
        self,
        *,
        limbs: Sequence[Sequence[int]] = (),
        weight: float = 1.0,
        bone_weight: float = 0.2,
        knee: float = WORLD_KNEE,
        name: str = "world_landmarks",
    ):
        super().__init__(name=name, reduction="mean_with_sample_weight")
        self.limbs = tuple(tuple(limb) for limb in limbs)
        self.weight = weight
        self.bone_weight = bone_weight
        self.knee = knee

    def call(self, y_true, y_pred):
        truth, known = y_true[..., :3], y_true[..., 3]
        cost = ops.mean(penalty(y_pred - truth, kind="huber", knee=self.knee), axis=-1)
        total = ops.sum(cost * known, axis=-1) / ops.maximum(ops.sum(known, axis=-1), 1.0)
        if self.limbs and self.bone_weight:
            total += self.bone_weight * self._bones(truth, known, y_pred)
        return self.weight * total

    def _bones(self, truth, known, predicted):
        """(B,) metres."""
        ends = [list(column) for column in zip(*self.limbs, strict=True)]

        def lengths(points, start: int, end: int):
            offset = ops.take(points, ends[start], axis=1) - ops.take(points, ends[end], axis=1)
            return ops.sqrt(ops.sum(ops.square(offset), axis=-1) + 1e-8)

        both = ops.ones_like(known[:, :1])
        for column in ends:
            both = both * ops.take(known, column, axis=1)
        left, right = lengths(predicted, 0, 1), lengths(predicted, 2, 3)
        wrong = ops.abs(left - lengths(truth, 0, 1)) + ops.abs(right - lengths(truth, 2, 3))
        return ops.sum((ops.abs(left - right) + wrong) * both, axis=-1) / ops.maximum(ops.sum(both, axis=-1), 1.0)

    def get_config(self):
        names = ("limbs", "weight", "bone_weight", "knee", "name")
        return {name: getattr(self, name) for name in names}


class MaskLoss(keras.losses.Loss):
    """Mask logits (B, n, n, 1) against shares in [0, 1] -> (B,): cross-entropy plus 1 - soft Dice, times `weight`."""

    def __init__(self, *, weight: float = 1.0, name: str = "segmentation"):
        super().__init__(name=name, reduction="mean_with_sample_weight")
        self.weight = weight

    def call(self, y_true, y_pred):
        entropy = ops.mean(binary_cross_entropy(y_true, y_pred), axis=(1, 2, 3))
        shown = ops.sigmoid(y_pred)
        shared = ops.sum(shown * y_true, axis=(1, 2, 3))
        either = ops.sum(shown + y_true, axis=(1, 2, 3))
        return self.weight * (entropy + 1.0 - (2.0 * shared + 1.0) / (either + 1.0))

    def get_config(self):
        return {"weight": self.weight, "name": self.name}
