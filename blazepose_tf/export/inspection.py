"""What a LiteRT file is and how it runs here: operations, partitions, signature, shapes, metadata, size, cost."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from typing import Any

from blazepose_tf.runtime.interpreter import LiteRtModel
from blazepose_tf.runtime.metadata import read_metadata
from blazepose_tf.runtime.weights import is_shipped
from blazepose_tf.tflite import graph, opening, operator_codes
from blazepose_tf.tflite.delegates import Partitions, delegate_partitions

# What XNNPACK takes in float32 and int8 without a detour, and what the graphs of this project consist of. Pooling by
# averages, softmax, PReLU and nearest-neighbour upsampling are missing on purpose: they split int8 graphs or slow them.
WHITELIST = frozenset(
    {
        "ADD", "CONCATENATION", "CONV_2D", "DENSIFY", "DEPTHWISE_CONV_2D", "DEPTH_TO_SPACE", "DEQUANTIZE", "DIV", "EXP",
        "FULLY_CONNECTED", "LOGISTIC", "MAX_POOL_2D", "MEAN", "MUL", "PAD", "QUANTIZE", "RELU", "RELU6", "RESHAPE",
        "RESIZE_BILINEAR", "SQUARED_DIFFERENCE", "STRIDED_SLICE", "SUB", "SUM", "TRANSPOSE",
    }
)  # fmt: skip


@dataclass(frozen=True)
class TensorInfo:
    """An input or output: its name in the signature (or the file), shape, type, and quantisation.

    Attributes:
        scale: of an integer tensor's affine map to numbers; None for float tensors.
        zero_point: likewise.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float | None = None
    zero_point: int | None = None


@dataclass(frozen=True)
class Inspection:
    """Findings of `inspect`.

    Attributes:
        size: bytes of the file.
        precision: type of the weights at rest.
        signatures: names of the signatures.
        inputs: in the file's order.
        outputs: by name.
        operations: kind -> how many run (those on constants alone do not count).
        unlisted: kinds outside WHITELIST.
        faults: what a reader could stumble over in the operator codes (`tflite.operator_codes.faults`).
        partitions: what XNNPACK makes of the graph on this host.
        macs: multiply-adds of convolutions and dense layers; None where a shape is left open.
        weights: stored weights and biases.
        metadata: document of this project's exporter, or None.
        engine: name of the Python package that runs it.
    """

    size: int
    precision: str
    signatures: tuple[str, ...]
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    operations: dict[str, int]
    unlisted: tuple[str, ...]
    faults: tuple[str, ...]
    partitions: Partitions
    macs: int | None
    weights: int
    metadata: dict[str, Any] | None
    engine: str = LiteRtModel.engine


def inspect(source: str | os.PathLike | bytes) -> Inspection:
    """Inspects a LiteRT file, ours or anyone's.

    Args:
        source: path or content.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no LiteRT file, or damaged.
    """
    content, name = (bytes(source), "model") if isinstance(source, (bytes, bytearray)) else graph.content_of(source)
    if is_shipped(content):
        opening.trust(content)
    interpreter = opening.open_interpreter(content, name=name)
    model, read = graph.load_model(content), graph.read_graph(content)
    metadata = read_metadata(content, name=name)
    signatures, inputs, outputs = _interface(interpreter)
    operations = dict(sorted(Counter(op.kind for op in read.operations).items()))
    return Inspection(
        size=len(content),
        precision=read.precision,
        signatures=signatures,
        inputs=inputs,
        outputs=outputs,
        operations=operations,
        unlisted=tuple(kind for kind in operations if kind not in WHITELIST),
        faults=tuple(operator_codes.faults(model)),
        partitions=delegate_partitions(content),
        macs=None if _dynamic(model) else read.macs,
        weights=_stored_weights(model),
        metadata=metadata,
    )


def _interface(interpreter) -> tuple[tuple[str, ...], tuple[TensorInfo, ...], tuple[TensorInfo, ...]]:
    signatures = tuple(interpreter.get_signature_list())
    if signatures:
        runner = interpreter.get_signature_runner(signatures[0])
        inputs, outputs = runner.get_input_details(), runner.get_output_details()
    else:
        inputs = {d["name"]: d for d in interpreter.get_input_details()}
        outputs = {d["name"]: d for d in interpreter.get_output_details()}
    return signatures, *(tuple(_tensor(n, d) for n, d in sorted(side.items())) for side in (inputs, outputs))


def _tensor(name: str, detail: dict) -> TensorInfo:
    parameters = detail["quantization_parameters"]
    quantised = len(parameters["scales"]) == 1
    return TensorInfo(
        name,
        tuple(int(n) for n in detail["shape"]),
        detail["dtype"].__name__,
        float(parameters["scales"][0]) if quantised else None,
        int(parameters["zero_points"][0]) if quantised else None,
    )


def _dynamic(model) -> bool:
    """Whether a tensor leaves a dimension open until the model runs, the batch included."""
    shapes = (t.shapeSignature for t in model.subgraphs[0].tensors)
    return any(int(n) < 0 for shape in shapes if shape is not None for n in shape)


def _stored_weights(model) -> int:
    """Elements of the constant tensors that convolutions and dense layers read (a shared one once)."""
    subgraph = model.subgraphs[0]
    constants = graph.constant_tensors(model)
    used = {
        int(i)
        for op in subgraph.operators
        if graph.kind_of(model, op) in (*graph.DENSE, graph.DEPTHWISE)
        for i in op.inputs[1:]
        if int(i) in constants
    }
    total = 0
    for index in used:
        count = 1
        for n in subgraph.tensors[index].shape:
            count *= int(n)
        total += count
    return total
