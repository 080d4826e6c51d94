"""Channels of one tensor brought to similar ranges before it gets a single int8 scale.

A depthwise convolution followed by nothing but a 1x1 convolution may hand over its channels in any scale, as long as
the second one undoes it: the function stays the same, but a few large channels no longer take all steps of the tensor's
scale. The factor per channel is sqrt(largest activation / largest relative weight), as in SmoothQuant with alpha = 0.5
(arXiv 2211.10438): difficulty is shared between activations (one scale) and weights (one scale per output channel).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable

import numpy as np
from ai_edge_litert import interpreter as litert
from ai_edge_litert import schema_py_generated as schema

from blazepose_tf.tflite import graph, packing

# Positively homogeneous: f(a x) = a f(x) for a > 0. ReLU6 is not.
_HOMOGENEOUS = (schema.ActivationFunctionType.NONE, schema.ActivationFunctionType.RELU)
_SMALLEST = 1e-6
# Requantisation multipliers beyond a few hundred are refused by XNNPACK.
_LARGEST_FACTOR = 16.0


def equalize(content: bytes, inputs: Iterable[np.ndarray]) -> bytes:
    """Rescales channels between depthwise and 1x1 convolutions.

    Args:
        content: of a float32 .tflite file.
        inputs: (1, S, S, 3) float32 pictures in the model's value range.

    Returns:
        Content of a float32 file that computes the same.

    Raises:
        ValueError: no pictures.
    """
    model = packing.unpack(content)
    found = _pairs(model)
    largest = _largest(content, [int(first.outputs[0]) for first, _ in found], inputs)
    for first, second in found:
        kernel, bias, weights = int(first.inputs[1]), int(first.inputs[2]), int(second.inputs[1])
        values = packing.constant(model, weights, np.float32)
        factor = _factors(largest[int(first.outputs[0])], values)
        packing.set_constant(model, kernel, packing.constant(model, kernel, np.float32) / factor)
        packing.set_constant(model, bias, packing.constant(model, bias, np.float32) / factor)
        packing.set_constant(model, weights, values * factor)
    return packing.pack(model)


def _factors(activations: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(C,) float32 from the largest activations (C,) and the weights (O, 1, 1, C) that read them; mean logarithm 0."""
    strongest = np.maximum(np.abs(weights).max(axis=(1, 2, 3), keepdims=True), _SMALLEST)
    relative = np.maximum((np.abs(weights) / strongest).max(axis=(0, 1, 2)), _SMALLEST)
    factor = np.sqrt(np.maximum(activations, _SMALLEST) / relative)
    factor /= np.exp(np.log(factor).mean())
    return np.clip(factor, 1.0 / _LARGEST_FACTOR, _LARGEST_FACTOR).astype(np.float32)


def _pairs(model) -> list[tuple]:
    """(depthwise, 1x1) operations where the second is the only reader of the first."""
    subgraph = model.subgraphs[0]
    readers: dict[int, list] = {int(i): [] for i in subgraph.outputs}
    outputs = set(readers)
    for operator in subgraph.operators:
        for index in operator.inputs:
            readers.setdefault(int(index), []).append(operator)
    pairs = []
    for operator in subgraph.operators:
        if graph.kind_of(model, operator) != graph.DEPTHWISE or len(operator.inputs) < 3:
            continue
        if operator.builtinOptions.fusedActivationFunction not in _HOMOGENEOUS:
            continue
        output = int(operator.outputs[0])
        following = readers.get(output, [])
        if output in outputs or len(following) != 1 or graph.kind_of(model, following[0]) != "CONV_2D":
            continue
        pairs.append((operator, following[0]))
    return pairs


def _largest(content: bytes, tensors: list[int], inputs: Iterable[np.ndarray]) -> dict[int, np.ndarray]:
    """(C,) largest absolute value of each channel of the tensors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # keeping all tensors takes memory, which is what it is asked to do
        interpreter = litert.Interpreter(model_content=content, num_threads=1, experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    largest: dict[int, np.ndarray] = {}
    count = 0
    for picture in inputs:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.asarray(picture, np.float32))
        interpreter.invoke()
        count += 1
        for index in tensors:
            values = np.abs(interpreter.get_tensor(index)).max(axis=(0, 1, 2))
            largest[index] = np.maximum(largest.get(index, 0.0), values)
    if not count:
        raise ValueError("equalisation needs at least one picture. Received: none")
    return largest
