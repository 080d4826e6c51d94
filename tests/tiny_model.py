"""Small .tflite files written from scratch, with known cost: a convolution, a depthwise convolution, an addition."""

from __future__ import annotations

from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

SIZE, CHANNELS, FILTERS = 16, 3, 8
# 16 x 16 x 8 outputs of 3 x 3 x 3, then of 3 x 3.
DENSE_MACS = SIZE * SIZE * FILTERS * 27
DEPTHWISE_MACS = SIZE * SIZE * FILTERS * 9


def write_tiny_model(path: Path, *, half: bool = False, seed: int = 0) -> Path:
    """image -> conv 3x3 -> depthwise 3x3 -> + conv's output; with fp16 weights behind DEQUANTIZE if `half`."""
    numbers = np.random.default_rng(seed)
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.subgraphs, model.buffers = 3, [graph], [schema.BufferT()]
    graph.tensors, graph.operators, model.operatorCodes = [], [], []

    def tensor(name: str, shape: tuple[int, ...], values: np.ndarray | None = None) -> int:
        entry = schema.TensorT()
        entry.name, entry.shape = name.encode(), list(shape)
        entry.type = schema.TensorType.FLOAT16 if values is not None and values.dtype == np.float16 else 0
        entry.buffer = 0
        if values is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(values.tobytes(), np.uint8)
            entry.buffer = len(model.buffers)
            model.buffers.append(buffer)
        graph.tensors.append(entry)
        return len(graph.tensors) - 1

    def operator(kind: int, inputs: list[int], output: int, options_type: int = 0, options=None) -> int:
        code = schema.OperatorCodeT()
        code.builtinCode, code.deprecatedBuiltinCode, code.version = kind, min(kind, 127), 1
        model.operatorCodes.append(code)
        entry = schema.OperatorT()
        entry.opcodeIndex = len(model.operatorCodes) - 1
        entry.inputs, entry.outputs = inputs, [output]
        entry.builtinOptionsType, entry.builtinOptions = options_type, options
        graph.operators.append(entry)
        return output

    def weights(name: str, shape: tuple[int, ...]) -> int:
        values = numbers.normal(0, 0.1, shape).astype(np.float16 if half else np.float32)
        stored = tensor(name, shape, values)
        if not half:
            return stored
        options = schema.DequantizeOptionsT()
        plain = tensor(name + "_float", shape)
        return operator(
            schema.BuiltinOperator.DEQUANTIZE, [stored], plain, schema.BuiltinOptions.DequantizeOptions, options
        )

    feature = (1, SIZE, SIZE, FILTERS)
    image = tensor("image", (1, SIZE, SIZE, CHANNELS))
    bias = tensor("bias", (FILTERS,), np.zeros(FILTERS, np.float32))
    kinds, options = schema.BuiltinOperator, schema.BuiltinOptions
    conv = schema.Conv2DOptionsT()
    conv.strideH = conv.strideW = conv.dilationHFactor = conv.dilationWFactor = 1
    first = operator(
        kinds.CONV_2D,
        [image, weights("kernel", (FILTERS, 3, 3, CHANNELS)), bias],
        tensor("conv", feature),
        options.Conv2DOptions,
        conv,
    )
    depthwise = schema.DepthwiseConv2DOptionsT()
    depthwise.strideH = depthwise.strideW = depthwise.depthMultiplier = 1
    depthwise.dilationHFactor = depthwise.dilationWFactor = 1
    second = operator(
        kinds.DEPTHWISE_CONV_2D,
        [first, weights("depthwise_kernel", (1, 3, 3, FILTERS)), bias],
        tensor("depthwise", feature),
        options.DepthwiseConv2DOptions,
        depthwise,
    )
    total = operator(kinds.ADD, [first, second], tensor("sum", feature), options.AddOptions, schema.AddOptionsT())
    graph.inputs, graph.outputs = [image], [total, first]
    builder = flatbuffers.Builder(4096)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path
