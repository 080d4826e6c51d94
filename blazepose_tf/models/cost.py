"""What a model costs: multiply-adds and the parameters that are left when normalisation is folded away.

Both are properties of the exported file at batch 1. The paper's "6.9 / 2.7 MFlop" is no compute: it is two times the
number of parameters of its two models, which need 410.6 and 155.4 million multiply-adds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

import keras


@dataclass(frozen=True)
class LayerCost:
    """Cost of one layer.

    Attributes:
        name: the layer's.
        shape: of its output without the batch, (H, W, C).
        macs: multiply-adds of its convolution.
        parameters: kernel and bias; a normalisation counts as the bias it becomes.
        zero_biases: biases of all zeros that a LiteRT file carries for each depthwise convolution without one.
    """

    name: str
    shape: tuple[int, ...]
    macs: int
    parameters: int
    zero_biases: int

    @property
    def stage(self) -> str:
        """The layer's name up to the index of its block."""
        return re.sub(r"_\d+_[a-z]+$", "", self.name)


@dataclass(frozen=True)
class Cost:
    """Sum over layers; fields as in LayerCost."""

    macs: int
    parameters: int
    zero_biases: int


def layer_costs(model: keras.Model) -> list[LayerCost]:
    """Cost of every layer of `model` that has weights, in the model's order.

    Raises:
        ValueError: a layer kind whose cost is not known.
    """
    return [_cost(layer) for layer in model.layers if layer.weights]


def total(costs: Iterable[LayerCost]) -> Cost:
    """Sums `costs`."""
    costs = list(costs)
    return Cost(
        sum(c.macs for c in costs),
        sum(c.parameters for c in costs),
        sum(c.zero_biases for c in costs),
    )


def by_stage(costs: Iterable[LayerCost]) -> list[tuple[str, tuple[int, ...], Cost]]:
    """(stage, shape of its last layer's output, sum), in order of each stage's first layer."""
    stages: dict[str, list[LayerCost]] = {}
    for cost in costs:
        stages.setdefault(cost.stage, []).append(cost)
    return [(name, members[-1].shape, total(members)) for name, members in stages.items()]


def _cost(layer) -> LayerCost:
    shape = tuple(layer.output.shape[1:])
    if isinstance(layer, keras.layers.BatchNormalization):
        return LayerCost(layer.name, shape, 0, shape[-1], 0)
    if not isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)):
        raise ValueError(f"cost of a {type(layer).__name__} is not known. Received: layer={layer.name!r}")
    kernel = math.prod(layer.kernel.shape)
    bias = shape[-1] if layer.use_bias else 0
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    normalised = any(isinstance(n.operation, keras.layers.BatchNormalization) for n in layer._outbound_nodes)
    zero = shape[-1] if depthwise and not bias and not normalised else 0
    return LayerCost(layer.name, shape, shape[0] * shape[1] * kernel, kernel + bias, zero)
