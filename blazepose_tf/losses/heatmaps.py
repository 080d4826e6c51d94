"""Losses of the training heads: heatmaps and offsets.

Reference: BlazePose paper, section 2.5.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import ops

KINDS = ("bce", "mse")
# A Gaussian of 2 cells sums to 25; a point whose map has less lies outside of the crop, and its place is unknown.
MIN_TARGET = 6.0
# The mean of a Gaussian over its own distribution is half of its peak: 1 where two points coincide.
PEAK_OF_MEAN = 2.0


class HeatmapLoss(keras.losses.Loss):
    """Heatmap logits (B, S, S, K) against targets in [0, 1] -> (B, K): the sum of up to three terms.

    - The cells, each for itself: cross-entropy or squared error, the weighted mean over the cells. It says how sure a
      map is, and lets it be sure of two places.
    - `place_weight` x the cross-entropy of the map's softmax over its cells with the target as a distribution, in nats
      (4.2 at best: the target's own entropy): of two places that look like the point one must win. Maps without a
      target (nobody, outside the crop) have none.
    - `side_weight` x the cross-entropy of which point of a left/right pair is at the place of each, in nats, where the
      two lie apart: a map must be lower at its partner's place than the partner's is.

    Args:
        kind: of the first term, `bce` (cross-entropy on logits) or `mse` (squared difference of probabilities).
        positive_weight: a cell with target T counts 1 + positive_weight * T: 25 of 4096 cells belong to the point.
        place_weight: of the second term; 0 leaves it out.
        side_weight: of the third; 0 leaves it out.
        pairs: (left, right) indices of the points that have a partner.

    Reference: Sun et al. 2018 ("Integral human pose regression", arXiv 1711.08229) for maps as distributions.
    """

    def __init__(
        self,
        *,
        kind: str = "bce",
        positive_weight: float = 9.0,
        place_weight: float = 0.0,
        side_weight: float = 0.0,
        pairs: Sequence[tuple[int, int]] = (),
        name: str = "heatmaps",
    ):
        super().__init__(name=name, reduction="mean_with_sample_weight")
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {KINDS}. Received: kind={kind!r}")
        self.kind = kind
        self.positive_weight = positive_weight
        self.place_weight = place_weight
        self.side_weight = side_weight
        self.pairs = tuple((int(left), int(right)) for left, right in pairs)

    def call(self, y_true, y_pred):
        if self.kind == "bce":
            # Stable form of -T log p - (1 - T) log(1 - p).
            cells = ops.relu(y_pred) - y_pred * y_true + ops.softplus(-ops.abs(y_pred))
        else:
            cells = ops.square(ops.sigmoid(y_pred) - y_true)
        values = ops.mean((1.0 + self.positive_weight * y_true) * cells, axis=(1, 2))
        if not self.place_weight and not (self.side_weight and self.pairs):
            return values
        total = ops.sum(y_true, axis=(1, 2))
        place = y_true / ops.maximum(total, 1e-6)[:, None, None]
        taught = ops.cast(total > MIN_TARGET, y_pred.dtype)
        own = ops.sum(place * y_pred, axis=(1, 2))  # a map at its own point
        if self.place_weight:
            values += self.place_weight * taught * (ops.logsumexp(y_pred, axis=(1, 2)) - own)
        if self.side_weight and self.pairs:
            values += self.side_weight * self._sides(y_true, y_pred, place, own, taught)
        return values

    def _sides(self, y_true, y_pred, place, own, taught):
        """(B, K) nats, 0 for points without a partner."""
        partner, paired = list(range(y_pred.shape[-1])), [0.0] * y_pred.shape[-1]
        for left, right in self.pairs:
            partner[left], partner[right], paired[left], paired[right] = right, left, 1.0, 1.0
        other = ops.sum(place * ops.take(y_pred, partner, axis=-1), axis=(1, 2))  # the partner's map there
        together = ops.sum(place * ops.take(y_true, partner, axis=-1), axis=(1, 2)) * PEAK_OF_MEAN
        apart = ops.maximum(1.0 - together, 0.0) * taught * ops.take(taught, partner, axis=-1)
        return ops.convert_to_tensor(paired, y_pred.dtype) * apart * ops.softplus(other - own)

    def get_config(self):
        names = ("kind", "positive_weight", "place_weight", "side_weight", "pairs", "name")
        return {name: getattr(self, name) for name in names}


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
