"""Float16 files whose biases stay float32: nine tenths of what half precision costs a pose model are its biases."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from blazepose_tf.tflite import graph, packing


def with_float_biases(half: bytes, full: bytes) -> bytes:
    """The float16 file with the biases of the float32 file of the same model.

    Args:
        half: content of a .tflite file with float16 weights behind DEQUANTIZE.
        full: content of the float32 one.

    Raises:
        ValueError: the convolutions of the two files are not the same ones.
    """
    model, source = packing.unpack(half), packing.unpack(full)
    subgraph = model.subgraphs[0]
    ours, theirs = _biases(model), _biases(source)
    producers = {int(op.outputs[0]): op for op in subgraph.operators}
    stored = []
    if not ours or len(ours) != len(theirs):
        raise ValueError(f"expected files with the same convolutions. Received: {len(ours)} and {len(theirs)}")
    for bias, twin in zip(ours, theirs, strict=True):
        operator = producers.get(bias)
        if operator is None or graph.kind_of(model, operator) != "DEQUANTIZE":
            continue  # float32 already, or shared with a convolution before
        values = packing.constant(source, twin, np.float32)
        if not np.array_equal(packing.constant(model, int(operator.inputs[0]), np.float16), values.astype(np.float16)):
            raise ValueError("the biases of the float16 file are not those of the float32 file in half precision")
        subgraph.tensors[bias].buffer = len(model.buffers)
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        model.buffers.append(buffer)
        del producers[bias]
        stored.append(operator)
    subgraph.operators = [op for op in subgraph.operators if not any(op is gone for gone in stored)]
    read = {subgraph.tensors[i].buffer for op in subgraph.operators for i in op.inputs if i >= 0}
    for operator in stored:
        if (index := subgraph.tensors[operator.inputs[0]].buffer) not in read:
            model.buffers[index] = schema.BufferT()
    return packing.pack(model)


def _biases(model: schema.ModelT) -> list[int]:
    """Tensors of the biases, in the order of their convolutions."""
    return [
        int(op.inputs[2])
        for op in model.subgraphs[0].operators
        if graph.kind_of(model, op) in (*graph.DENSE, graph.DEPTHWISE) and len(op.inputs) > 2 and op.inputs[2] >= 0
    ]
