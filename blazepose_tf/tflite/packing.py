"""LiteRT files as the schema's object tree and back, with every buffer inside the flatbuffer.

Tools that came later keep weights behind the flatbuffer and refer to them by offset; rewriting the tree alone would
lose them, and readers of 2020 do not know them.
"""

from __future__ import annotations

from collections.abc import Callable

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from blazepose_tf.tflite import operator_codes
from blazepose_tf.tflite.verify import IDENTIFIER, verify


class _AlignedBuilder(flatbuffers.Builder):
    """Vectors start on multiples of 16 bytes: the schema wants it for weights, which kernels read in place."""

    def StartVector(self, elem_size, num_elems, alignment):
        return super().StartVector(elem_size, num_elems, max(alignment, 16) if elem_size == 1 else alignment)

    def CreateNumpyVector(self, x):
        if x.dtype != np.uint8:
            return super().CreateNumpyVector(x)
        self.StartVector(1, x.size, 16)
        self.head = self.head - x.size
        self.Bytes[self.head : self.head + x.size] = x.tobytes()
        self.vectorNumElems = x.size
        return self.EndVector()


def unpack(content: bytes) -> schema.ModelT:
    """Object tree of a file.

    Raises:
        ValueError: not a LiteRT file, or a damaged one.
    """
    verify(content)
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    for buffer in model.buffers:
        if buffer.offset and buffer.offset > 1:
            buffer.data = np.frombuffer(content, np.uint8, int(buffer.size), int(buffer.offset)).copy()
            buffer.offset = buffer.size = 0
    return model


def pack(model: schema.ModelT) -> bytes:
    """Content of the file of an object tree, whose operator codes are settled (`operator_codes`) on the way."""
    operator_codes.settle(model)
    builder = _AlignedBuilder(1 << 20)
    builder.Finish(model.Pack(builder), file_identifier=IDENTIFIER)
    return bytes(builder.Output())


def constant(model: schema.ModelT, index: int, dtype) -> np.ndarray:
    """Stored values of tensor `index` of the first subgraph, in its shape."""
    tensor = model.subgraphs[0].tensors[index]
    data = np.asarray(model.buffers[tensor.buffer].data, np.uint8)
    return np.frombuffer(data.tobytes(), dtype).reshape([int(n) for n in tensor.shape]).copy()


def set_constant(model: schema.ModelT, index: int, values: np.ndarray) -> None:
    """Replaces the stored values of a tensor; other tensors that shared its buffer keep theirs."""
    tensor = model.subgraphs[0].tensors[index]
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
    if sum(t.buffer == tensor.buffer for t in model.subgraphs[0].tensors) > 1:
        model.buffers.append(buffer)
        tensor.buffer = len(model.buffers) - 1
    else:
        model.buffers[tensor.buffer] = buffer


def names(model: schema.ModelT) -> Callable[[int], str]:
    """Function from a tensor's index in the first subgraph to its name."""
    tensors = model.subgraphs[0].tensors
    return lambda index: tensors[index].name.decode() if isinstance(tensors[index].name, bytes) else tensors[index].name
