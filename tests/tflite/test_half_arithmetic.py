"""Half precision on the processor."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from blazepose_tf.runtime.interpreter import load_model
from blazepose_tf.runtime.weights import weight_file
from blazepose_tf.tflite import half_arithmetic, packing


def test_half_precision_is_near_the_full_one_and_not_the_same():
    path = weight_file("blazeface.tflite")
    model = load_model(path)
    size = model.input_size
    pictures = list(np.random.default_rng(0).uniform(size=(2, 1, size, size, 3)).astype(np.float32))
    try:
        half = list(half_arithmetic.outputs(path, pictures))
    except RuntimeError as error:
        pytest.skip(f"this processor does not compute in half precision: {error}")
    expected = [model.infer(p) for p in pictures]
    for full, a, b in zip(half_arithmetic.outputs(path, pictures, half=False), half, expected, strict=True):
        for name, value in b.items():
            np.testing.assert_allclose(full[name], value, atol=1e-4)
            difference = np.abs(a[name] - value).max()
            assert 0 < difference < 0.02 * np.abs(value).max()


def test_integer_pictures_are_refused(tiny_file, tmp_path):
    model = packing.unpack(tiny_file.read_bytes())
    graph = model.subgraphs[0]
    picture, feature = (graph.tensors[int(side[0])] for side in (graph.inputs, graph.outputs))
    picture.type, picture.quantization = schema.TensorType.INT8, schema.QuantizationParametersT()
    picture.quantization.scale, picture.quantization.zeroPoint = np.float32([1 / 255]), np.int64([-128])
    feature.shape = picture.shape
    code, operator = model.operatorCodes[0], graph.operators[0]
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.DEQUANTIZE
    operator.builtinOptionsType, operator.builtinOptions = 0, None
    operator.inputs, operator.outputs = graph.inputs, graph.outputs[:1]
    graph.operators, graph.outputs, model.operatorCodes = [operator], graph.outputs[:1], [code]
    (tmp_path / "int8.tflite").write_bytes(packing.pack(model))
    with pytest.raises(ValueError, match="half precision is for files that take float pictures"):
        list(half_arithmetic.outputs(tmp_path / "int8.tflite", []))
