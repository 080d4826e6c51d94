"""What a LiteRT file computes: its operations with multiply-adds and bytes, read from the flatbuffer.

Operations on constants alone (the DEQUANTIZE and DENSIFY of stored weights) are folded when a file is loaded and are
not counted. An optional list of outputs restricts the graph to what those outputs need.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from blazepose_tf.tflite import operator_codes
from blazepose_tf.tflite.verify import verify

_TYPES = {value: name.lower() for name, value in vars(schema.TensorType).items() if isinstance(value, int)}
_BYTES = {"float16": 2, "int8": 1, "uint8": 1, "bool": 1, "int16": 2, "int64": 8, "float64": 8}  # others: 4
DEPTHWISE = "DEPTHWISE_CONV_2D"
_TRANSPOSED = "TRANSPOSE_CONV"
DENSE = ("CONV_2D", "FULLY_CONNECTED", _TRANSPOSED, "BATCH_MATMUL")


@dataclass(frozen=True)
class Operation:
    """One operation at run time.

    Attributes:
        index: position in the file's subgraph 0.
        kind: name of the builtin operator, such as "CONV_2D".
        name: name of its first output.
        macs: multiply-adds of convolutions and dense layers, 0 for others.
        bytes: activations read and written plus weights, in the types the kernels use (fp16 weights count 4 bytes).
        parameters: weights and biases of convolutions and dense layers, 0 for others.
    """

    index: int
    kind: str
    name: str
    macs: int
    bytes: int
    parameters: int = 0


@dataclass(frozen=True)
class Graph:
    """A file's run-time operations and how its numbers are stored."""

    operations: tuple[Operation, ...]
    precision: str

    @property
    def parameters(self) -> int:
        """Weights and biases of the operations, zeros that the format wants included."""
        return sum(op.parameters for op in self.operations)

    @property
    def macs(self) -> int:
        return sum(op.macs for op in self.operations)

    @property
    def dense_macs(self) -> int:
        return sum(op.macs for op in self.operations if op.kind in DENSE)

    @property
    def depthwise_macs(self) -> int:
        return sum(op.macs for op in self.operations if op.kind == DEPTHWISE)

    @property
    def bytes(self) -> int:
        return sum(op.bytes for op in self.operations)


def content_of(source: Path | str | bytes) -> tuple[bytes, str]:
    """Content and name for messages of a path, or of content that was read already."""
    return (source, "model") if isinstance(source, bytes) else (Path(source).read_bytes(), str(source))


def load_model(source: Path | str | bytes) -> schema.ModelT:
    """A file, or its content, as the schema's object tree.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not a LiteRT file, or a damaged one.
    """
    content, name = content_of(source)
    verify(content, name=name)
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))


def kind_of(model: schema.ModelT, operator: schema.OperatorT) -> str:
    """Name of the builtin operator, or of the custom operator."""
    code = model.operatorCodes[operator.opcodeIndex]
    kind = operator_codes.KINDS.get(operator_codes.code_of(code), "UNKNOWN")
    return code.customCode.decode("utf-8", "replace") if kind == "CUSTOM" and code.customCode else kind


def constant_tensors(model: schema.ModelT) -> set[int]:
    """Indices of tensors whose values are known before the model runs (stored, or computed from stored ones)."""
    subgraph = model.subgraphs[0]
    constants = {i for i, t in enumerate(subgraph.tensors) if _stored(model, t)}
    for operator in subgraph.operators:
        used = [int(i) for i in operator.inputs if i >= 0]
        if used and all(i in constants for i in used):
            constants.update(int(i) for i in operator.outputs)
    return constants


def read_graph(source: Path | str | bytes, *, outputs: Iterable[int] | None = None) -> Graph:
    """Reads the operations of a file.

    Args:
        source: a .tflite file, or its content.
        outputs: positions in the file's list of outputs; only what they need is counted. All outputs by default.

    Raises:
        OSError, ValueError: as `load_model`, or a position outside the list of outputs.
    """
    model, name = load_model(source), content_of(source)[1]
    try:
        return _read(model, outputs)
    except (IndexError, TypeError) as error:
        raise ValueError(f"{name}: an operator of the LiteRT model lacks tensors that it takes ({error})") from error


def _read(model: schema.ModelT, outputs: Iterable[int] | None) -> Graph:
    subgraph = model.subgraphs[0]
    constants = constant_tensors(model)
    wanted = range(len(subgraph.outputs)) if outputs is None else list(outputs)
    if any(not 0 <= i < len(subgraph.outputs) for i in wanted):
        raise ValueError(f"outputs must lie in 0..{len(subgraph.outputs) - 1}. Received: outputs={list(wanted)}")
    needed = {int(subgraph.outputs[i]) for i in wanted}
    operations = []
    for index in range(len(subgraph.operators) - 1, -1, -1):
        operator = subgraph.operators[index]
        written = [int(i) for i in operator.outputs]
        if not needed.intersection(written) or all(i in constants for i in written):
            continue
        needed.update(int(i) for i in operator.inputs if i >= 0)
        operations.append(_operation(model, operator, index, constants))
    return Graph(tuple(reversed(operations)), _precision(model, constants))


def _stored(model: schema.ModelT, tensor: schema.TensorT) -> bool:
    buffer = model.buffers[tensor.buffer]
    return (buffer.data is not None and len(buffer.data) > 0) or bool(buffer.offset and buffer.offset > 1)


def _shape(subgraph: schema.SubGraphT, index: int) -> tuple[int, ...]:
    shape = subgraph.tensors[index].shape
    return () if shape is None else tuple(max(int(s), 1) for s in shape)


def _operation(model: schema.ModelT, operator: schema.OperatorT, index: int, constants: set[int]) -> Operation:
    subgraph, kind = model.subgraphs[0], kind_of(model, operator)
    used = [int(i) for i in operator.inputs if i >= 0]
    written = [int(i) for i in operator.outputs]
    # XNNPACK and the reference kernels compute fp16 weights in float32 (no fp16 arithmetic unless asked for).
    moved = sum(math.prod(_shape(subgraph, i)) * _width(subgraph, i, i in constants) for i in used + written)
    name = (subgraph.tensors[written[0]].name or b"").decode("utf-8", "replace")
    weights = [i for i in used if i in constants] if kind in (*DENSE, DEPTHWISE) else []
    # The shape of a transposed convolution's output is a constant, too, but no weight.
    stored = sum(math.prod(_shape(subgraph, i)) for i in weights if not (kind == _TRANSPOSED and i == used[0]))
    return Operation(index, kind, name, _macs(subgraph, kind, operator), int(moved), stored)


def _width(subgraph: schema.SubGraphT, index: int, constant: bool) -> int:
    kind = _TYPES.get(subgraph.tensors[index].type, "float32")
    return 4 if constant and kind == "float16" else _BYTES.get(kind, 4)


def _macs(subgraph: schema.SubGraphT, kind: str, operator: schema.OperatorT) -> int:
    if kind not in DENSE and kind != DEPTHWISE:
        return 0
    output = math.prod(_shape(subgraph, int(operator.outputs[0])))
    weights = _shape(subgraph, int(operator.inputs[1]))
    if kind == "CONV_2D":  # OHWI
        return output * math.prod(weights[1:])
    if kind == DEPTHWISE:  # 1HWC
        return output * weights[1] * weights[2]
    if kind == _TRANSPOSED:  # inputs: output shape, OHWI weights, image
        return math.prod(_shape(subgraph, int(operator.inputs[2]))) * math.prod(weights[:3])
    return output * weights[-1] if kind == "FULLY_CONNECTED" else output * _shape(subgraph, int(operator.inputs[0]))[-1]


def _precision(model: schema.ModelT, constants: set[int]) -> str:
    """Type of the weights at rest, and of the activations where they differ: "float16", "int8", "int8 weights"."""
    subgraph = model.subgraphs[0]
    source = {int(o): op for op in subgraph.operators for o in op.outputs}
    sizes: dict[tuple[str, str], int] = {}
    for operator in subgraph.operators:
        if kind_of(model, operator) not in (*DENSE, DEPTHWISE):
            continue
        weights, activations = int(operator.inputs[1]), _TYPES[subgraph.tensors[int(operator.outputs[0])].type]
        while weights in source and weights in constants:  # back through DEQUANTIZE and DENSIFY
            weights = int(source[weights].inputs[0])
        key = (_TYPES[subgraph.tensors[weights].type], activations)
        sizes[key] = sizes.get(key, 0) + int(np.prod(_shape(subgraph, weights)))
    if not sizes:
        return _TYPES[subgraph.tensors[int(subgraph.inputs[0])].type]
    stored, activations = max(sizes, key=lambda types: sizes[types])
    return f"{stored} weights" if stored.startswith("int") and activations.startswith("float") else stored
