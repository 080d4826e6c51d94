"""Operators and constant weights of a LiteRT file, read with the schema module of ai_edge_litert.

Constants are followed through DEQUANTIZE (float16 storage) and DENSIFY (sparse storage) to the plain array, so that
the rest sees convolutions with float32 kernels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from blazepose_tf.tflite import operator_codes
from blazepose_tf.tflite.verify import verify

_DTYPES = {
    schema.TensorType.FLOAT32: np.float32,
    schema.TensorType.FLOAT16: np.float16,
    schema.TensorType.INT32: np.int32,
}
_STORAGE = ("DEQUANTIZE", "DENSIFY")
_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
# What comes of operators with fewer or other tensors than they take.
_DAMAGE = (IndexError, TypeError, ValueError, AttributeError, KeyError)


class UnsupportedModelError(ValueError):
    """A sound file with something that this reader does not know."""


@dataclass(frozen=True)
class Convolution:
    """A convolution of the file.

    Attributes:
        depthwise: DEPTHWISE_CONV_2D.
        name: name of the output tensor: names of the fused layers, separated by semicolons.
        kernel: float32, (H, W, I, O) or (H, W, C, 1): Keras' layouts.
        bias: (O,) float32; zeros where the file has none.
    """

    depthwise: bool
    name: str
    kernel: np.ndarray
    bias: np.ndarray


@dataclass(frozen=True)
class Graph:
    """What importing needs of a file.

    Attributes:
        input_shape: of the only input.
        output_shapes: in the file's order.
        convolutions: in order of execution.
    """

    input_shape: tuple[int, ...]
    output_shapes: tuple[tuple[int, ...], ...]
    convolutions: tuple[Convolution, ...]


def read_graph(content: bytes, *, name: str = "model") -> Graph:
    """Reads the content of a LiteRT file; its name is for messages.

    Raises:
        ValueError: not a LiteRT file, or a damaged one.
        UnsupportedModelError: several inputs, quantised or computed weights, another sparse layout.
    """
    verify(content, name=name)
    try:
        return _Reader(content).graph()
    except UnsupportedModelError:
        raise
    except _DAMAGE as error:
        raise ValueError(f"{name}: damaged or unsupported LiteRT model ({error!r})") from error


class _Reader:
    """The unpacked file, with the operator that produces each tensor."""

    def __init__(self, content: bytes):
        self._model = schema.ModelT.InitFromPackedBuf(content, 0)
        self._graph = self._model.subgraphs[0]
        self._producers = {index: op for op in self._graph.operators for index in op.outputs}

    def graph(self) -> Graph:
        if len(self._graph.inputs) != 1:
            raise UnsupportedModelError(f"expected one input. Received: {len(self._graph.inputs)}")
        operators = [op for op in self._graph.operators if self._kind(op) in _CONVOLUTIONS]
        return Graph(
            self._shape(self._graph.inputs[0]),
            tuple(self._shape(i) for i in self._graph.outputs),
            tuple(self._convolution(op) for op in operators),
        )

    def _kind(self, operator) -> str:
        return operator_codes.KINDS[operator_codes.code_of(self._model.operatorCodes[operator.opcodeIndex])]

    def _shape(self, index: int) -> tuple[int, ...]:
        return tuple(int(n) for n in self._graph.tensors[index].shape)

    def _convolution(self, operator) -> Convolution:
        # Files: (O, H, W, I), depthwise (1, H, W, C). One transpose makes (H, W, I, O) and (H, W, C, 1) of them.
        kernel = np.transpose(self._constant(operator.inputs[1]), (1, 2, 3, 0))
        depthwise = self._kind(operator) == "DEPTHWISE_CONV_2D"
        channels = kernel.shape[2 if depthwise else 3]
        bias = np.zeros(channels, np.float32)
        if len(operator.inputs) > 2 and operator.inputs[2] >= 0:
            bias = self._constant(operator.inputs[2])
        if bias.shape != (channels,):
            raise ValueError(f"bias of {bias.shape} on {channels} channels")
        name = self._graph.tensors[operator.outputs[0]].name.decode("utf-8", "replace")
        return Convolution(depthwise, name, kernel, bias)

    def _constant(self, index: int) -> np.ndarray:
        producer = self._producers.get(index)
        if producer is not None:
            if self._kind(producer) not in _STORAGE:
                raise UnsupportedModelError(f"weights computed by {self._kind(producer)}")
            return self._constant(producer.inputs[0])
        tensor = self._graph.tensors[index]
        if tensor.type not in _DTYPES:
            raise UnsupportedModelError(f"weights of tensor type {tensor.type}; float32 and float16 are supported")
        data = self._model.buffers[tensor.buffer].data
        values = np.frombuffer(np.asarray(data, np.uint8).tobytes(), _DTYPES[tensor.type])
        if tensor.sparsity is not None:
            values = _densify(values, tensor.sparsity, self._shape(index))
        return values.reshape(self._shape(index)).astype(np.float32)


def _densify(values: np.ndarray, sparsity, shape: tuple[int, ...]) -> np.ndarray:
    """Dense array of values stored by rows with the positions of non-zeros in the last dimension (CSR)."""
    rank = len(shape)
    dense, sparse = schema.DimensionType.DENSE, schema.DimensionType.SPARSE_CSR
    formats = [dimension.format for dimension in sparsity.dimMetadata]
    plain = list(sparsity.traversalOrder) == list(range(rank)) and not len(sparsity.blockMap or ())
    if not plain or formats != [dense] * (rank - 1) + [sparse]:
        raise UnsupportedModelError(f"sparse weights in a layout that is not supported. Received: formats={formats}")
    last = sparsity.dimMetadata[-1]
    segments, columns = np.asarray(last.arraySegments.values), np.asarray(last.arrayIndices.values)
    rows = np.repeat(np.arange(len(segments) - 1), np.diff(segments.astype(np.int64)))
    result = np.zeros((int(np.prod(shape[:-1])), shape[-1]), values.dtype)
    result[rows, columns.astype(np.int64)] = values[: len(rows)]
    return result.reshape(shape)
