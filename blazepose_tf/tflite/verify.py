"""Whether a LiteRT file is safe to follow; no reader of ours and no interpreter sees the content before.

LiteRT's Python interpreter trusts a file: it follows an offset that points outside, and reads a tensor that nobody
writes. FlatBuffers' own verifier exists for C++ only. So first every offset is followed (`structure`), then every
index, size and order is looked at.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from blazepose_tf.tflite import structure

IDENTIFIER = b"TFL3"
_VERSION = 3
_MAX_TENSOR_BYTES = 1 << 30
_BITS = {"INT4": 4, "INT8": 8, "UINT8": 8, "BOOL": 8, "INT16": 16, "UINT16": 16, "FLOAT16": 16, "BFLOAT16": 16}
_BITS |= dict.fromkeys(("INT32", "UINT32", "FLOAT32"), 32)
_BITS |= dict.fromkeys(("INT64", "UINT64", "FLOAT64", "COMPLEX64"), 64)
_TYPES = {value: name for name, value in vars(schema.TensorType).items() if isinstance(value, int)}

_sound: set[bytes] = set()  # digests of contents that were checked: several readers look at one file


def is_litert(content: bytes) -> bool:
    """Whether the bytes begin as a LiteRT flatbuffer does."""
    return len(content) > 8 and bytes(content[4:8]) == IDENTIFIER


def trust(content: bytes) -> None:
    """Vouches for content that was compared with a checksum of ours: `verify` lets it pass."""
    _sound.add(hashlib.sha256(content).digest())


def verify(content: bytes, *, name: str = "model") -> None:
    """Checks the content of a LiteRT file.

    Args:
        content: of the file.
        name: of the file, for messages.

    Raises:
        ValueError: not a LiteRT file, a damaged one, or one with a tensor of more than a GiB; one line says what is
            wrong.
    """
    if not content:
        raise ValueError(f"{name}: the file is empty, expected a LiteRT model")
    if not is_litert(content):
        raise ValueError(f"{name}: not a LiteRT model (the TFL3 mark is missing)")
    digest = hashlib.sha256(content).digest()
    if digest in _sound:
        return
    try:
        structure.walk(content)
        _check_model(schema.Model.GetRootAs(content, 0), len(content))
    except ValueError as error:
        raise ValueError(f"{name}: damaged or unsupported LiteRT model ({error})") from error
    _sound.add(digest)


def _check_model(model: schema.Model, size: int) -> None:
    if model.Version() != _VERSION:
        raise ValueError(f"schema version {model.Version()}, expected {_VERSION}")
    buffers = [_stored(model.Buffers(i), size, i) for i in range(model.BuffersLength())]
    for i in range(model.MetadataLength()):
        if model.Metadata(i).Buffer() >= len(buffers):
            raise ValueError(f"metadata {i} is in buffer {model.Metadata(i).Buffer()} of {len(buffers)}")
    graphs = [model.Subgraphs(i) for i in range(model.SubgraphsLength())]
    if not graphs:
        raise ValueError("no subgraph")
    for number, graph in enumerate(graphs):
        where = f" of subgraph {number}" if number else ""
        for i in range(graph.TensorsLength()):
            _check_tensor(graph.Tensors(i), buffers, f"tensor {i}{where}")
        _check_operators(graph, model, buffers, size, where)
    for i in range(model.SignatureDefsLength()):
        signature = model.SignatureDefs(i)
        if signature.SubgraphIndex() >= len(graphs):
            raise ValueError(f"signature {i} is of subgraph {signature.SubgraphIndex()} of {len(graphs)}")
        entries = [signature.Inputs(j) for j in range(signature.InputsLength())]
        entries += [signature.Outputs(j) for j in range(signature.OutputsLength())]
        count = graphs[signature.SubgraphIndex()].TensorsLength()
        if any(entry.TensorIndex() >= count or entry.Name() is None for entry in entries):
            raise ValueError(f"signature {i} has an entry without a name or outside of the {count} tensors")


def _stored(buffer: schema.Buffer, size: int, index: int) -> int:
    """Bytes in a buffer. From 2 on its offset is real: the data lies behind the flatbuffer."""
    if buffer.Offset() <= 1:
        return buffer.DataLength()
    if buffer.Offset() + buffer.Size() > size:
        raise ValueError(f"buffer {index} reaches outside of the file of {size} bytes")
    return buffer.Size()


def _integers(table, field: str) -> list[int]:
    """A list of integers, empty when it is absent."""
    return getattr(table, field + "AsNumpy")().tolist() if getattr(table, field + "Length")() else []


def _check_tensor(tensor: schema.Tensor, buffers: list[int], name: str) -> None:
    if tensor.Buffer() >= len(buffers):
        raise ValueError(f"{name} is in buffer {tensor.Buffer()} of {len(buffers)}")
    kind, shape = _TYPES.get(tensor.Type()), _integers(tensor, "Shape")
    if kind is None:
        raise ValueError(f"{name} has the unknown type {tensor.Type()}")
    if any(n < 0 for n in shape):
        raise ValueError(f"{name} has the shape {shape}")
    needed, stored = -(-math.prod(shape) * _BITS.get(kind, 8) // 8), buffers[tensor.Buffer()]
    if needed > _MAX_TENSOR_BYTES:
        raise ValueError(f"{name} of shape {shape} takes {needed} bytes, expected at most {_MAX_TENSOR_BYTES}")
    if tensor.Sparsity() is not None:
        count = _check_sparsity(tensor.Sparsity(), shape, name)
        needed = count * _BITS.get(kind, 8) // 8
    if stored and kind in _BITS and stored != needed:
        raise ValueError(f"{name} of shape {shape} and type {kind} has {stored} bytes, expected {needed}")
    if tensor.Quantization() is not None:
        _check_scales(tensor.Quantization(), shape, name)


def _check_scales(quantization: schema.QuantizationParameters, shape: list[int], name: str) -> None:
    scales, zeros = quantization.ScaleLength(), quantization.ZeroPointLength()
    axis = quantization.QuantizedDimension()
    if scales > 1 and (not 0 <= axis < len(shape) or scales != shape[axis]):
        raise ValueError(f"{name} of shape {shape} has {scales} scales along axis {axis}")
    if zeros not in (0, scales):
        raise ValueError(f"{name} has {scales} scales and {zeros} zero points")
    if scales and not np.isfinite(quantization.ScaleAsNumpy()).all():
        raise ValueError(f"{name} has a scale that is no number")


def _check_sparsity(sparsity: schema.SparsityParameters, shape: list[int], name: str) -> int:
    """Number of stored values of a sparse tensor: dense dimensions multiply, sparse ones list their positions."""
    order, blocks = _integers(sparsity, "TraversalOrder"), _integers(sparsity, "BlockMap")
    rank = len(shape)
    if sorted(order) != list(range(rank + len(blocks))) or sparsity.DimMetadataLength() != len(order):
        raise ValueError(f"{name} of shape {shape} has the sparse order {order}")
    if any(not 0 <= n < rank for n in blocks):
        raise ValueError(f"{name} of shape {shape} has blocks along {blocks}")
    count = 1
    for i, axis in enumerate(order):
        limit = shape[axis] if axis < rank else shape[blocks[axis - rank]]
        dimension = schema.DimensionMetadataT.InitFromObj(sparsity.DimMetadata(i))
        if dimension.format == schema.DimensionType.DENSE:
            if not 0 < dimension.denseSize <= limit:
                raise ValueError(f"{name} of shape {shape} has a dense part of {dimension.denseSize} along axis {axis}")
            count *= dimension.denseSize
            continue
        segments, positions = (
            np.asarray(getattr(part, "values", None) if part is not None else None, np.float64).reshape(-1)
            for part in (dimension.arraySegments, dimension.arrayIndices)
        )
        whole = len(segments) == count + 1 and segments[0] == 0 and segments[-1] == len(positions)
        if not whole or (np.diff(segments) < 0).any() or ((positions < 0) | (positions >= limit)).any():
            raise ValueError(f"{name} of shape {shape} has impossible sparse positions along axis {axis}")
        count = len(positions)
    return count


def _check_operators(graph: schema.SubGraph, model: schema.Model, buffers: list[int], size: int, where: str) -> None:
    tensors = [graph.Tensors(i) for i in range(graph.TensorsLength())]
    given = {i for i, t in enumerate(tensors) if buffers[t.Buffer()] or t.IsVariable() or 0 in _integers(t, "Shape")}

    def indices(table, field: str, what: str, lowest: int = 0) -> list[int]:
        found = _integers(table, field)
        if any(not lowest <= i < len(tensors) for i in found):
            raise ValueError(f"{what}{where} has tensors {found} of {len(tensors)}")
        return found

    given.update(indices(graph, "Inputs", "the input"))
    for i in range(graph.OperatorsLength()):
        operator, name = graph.Operators(i), f"operator {i}"
        if operator.OpcodeIndex() >= model.OperatorCodesLength():
            raise ValueError(f"{name}{where} is of kind {operator.OpcodeIndex()} of {model.OperatorCodesLength()}")
        # -1 stands for an input that was left out.
        unwritten = {t for t in indices(operator, "Inputs", name, -1) if t >= 0 and t not in given}
        if unwritten:
            raise ValueError(f"{name}{where} reads tensor {min(unwritten)} before anything writes it")
        indices(operator, "Intermediates", name, -1)
        given.update(indices(operator, "Outputs", name))
        if operator.LargeCustomOptionsOffset() + operator.LargeCustomOptionsSize() > size:
            raise ValueError(f"{name}{where} has options outside of the file")
    unwritten = set(indices(graph, "Outputs", "the output")) - given
    if unwritten:
        raise ValueError(f"nothing writes the output, tensor {min(unwritten)}{where}")
