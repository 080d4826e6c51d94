"""Losses of the training heads: heatmaps and offsets.

Reference: BlazePose paper, section 2.5.
"""

from __future__ import annotations

import keras
from keras import ops

KINDS = ("bce", "mse")


class HeatmapLoss(keras.losses.Loss):
    """Heatmap logits (B, S, S, K) against targets in [0, 1] -> (B, K), the weighted mean over the cells.

    Args:
        kind: `bce` (cross-entropy on logits) or `mse` (squared difference of probabilities).
        positive_weight: a cell with target T counts 1 + positive_weight * T: 25 of 4096 cells belong to the point.
    """

    def __init__(self, *, kind: str = "bce", positive_weight: float = 9.0, name: str = "heatmaps"):
        super().__init__(name=name, reduction="mean_with_sample_weight")
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {KINDS}. Received: kind={kind!r}")
        self.kind = kind
        self.positive_weight = positive_weight

    def call(self, y_true, y_pred):
        if self.kind == "bce":
            # Stable form of -T log p - (1 - T) log(1 - p).
            cells = ops.relu(y_pred) - y_pred * y_true + ops.softplus(-ops.abs(y_pred))
        else:
            cells = ops.square(ops.sigmoid(y_pred) - y_true)
        return ops.mean((1.0 + self.positive_weight * y_true) * cells, axis=(1, 2))

    def get_config(self):
        return {"kind": self.kind, "positive_weight": self.positive_weight, "name": self.name}


class OffsetLoss(keras.losses.Loss):
    """Offset maps (B, S, S, 2K) in cells -> (B, K): mean smooth L1 (knee 1 cell) over the cells near the point.

    The targets are (B, S, S, 4K): the offsets and then their cell weights, as `codecs.heatmaps.encode` gives them.
    A keypoint without a cell (outside the crop) costs nothing.
    """

    def __init__(self, *, name: str = "offsets"):
        super().__init__(name=name, reduction="mean_with_sample_weight")

    def call(self, y_true, y_pred):
        channels = y_pred.shape[-1]
        target, near = y_true[..., :channels], y_true[..., channels:]
        size = ops.abs(y_pred - target)
        cells = ops.where(size < 1.0, 0.5 * size * size, size - 0.5)
        # The cell weights carry the keypoint's weight, which the sample weight applies again: only which cells matters.
        near = ops.cast(near > 0, cells.dtype)
        total = ops.sum(cells * near, axis=(1, 2))
        count = ops.sum(near, axis=(1, 2))
        values = total / ops.maximum(count, 1.0)
        return ops.mean(ops.reshape(values, (-1, channels // 2, 2)), axis=-1)

    def get_config(self):
        return {"name": self.name}
