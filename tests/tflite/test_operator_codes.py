"""Operator codes: both fields, and the versions that TensorFlow's own converter writes."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from blazepose_tf.tflite import graph, operator_codes, packing


def test_writing_settles_what_a_reader_could_stumble_over(tiny, tmp_path):
    path = tiny.write_tiny_model(tmp_path / "half.tflite", half=True)
    content = path.read_bytes()
    model = packing.unpack(content)
    assert operator_codes.faults(model) == ["DEQUANTIZE: version 1, expected at least 3"] * 2
    for code in model.operatorCodes:
        code.deprecatedBuiltinCode = 0
    found = operator_codes.faults(model)
    assert found[0] == "DEQUANTIZE: the fields of its operator code say 6 and 0, expected 6 and 6"
    again = packing.unpack(packing.pack(model))
    assert operator_codes.faults(again) == []
    assert [c.deprecatedBuiltinCode for c in again.operatorCodes] == [c.builtinCode for c in again.operatorCodes]


def test_operations_beyond_the_old_field_and_custom_ones():
    code = schema.OperatorCodeT()
    code.deprecatedBuiltinCode, code.builtinCode = 0, schema.BuiltinOperator.GELU  # 150
    model = schema.ModelT()
    model.operatorCodes, model.subgraphs = [code], []
    operator_codes.settle(model)
    assert (code.builtinCode, code.deprecatedBuiltinCode, code.version) == (150, 127, 1)
    code.builtinCode, code.deprecatedBuiltinCode = 0, schema.BuiltinOperator.CUSTOM
    operator_codes.settle(model)
    assert (code.builtinCode, code.deprecatedBuiltinCode) == (32, 32)
    assert operator_codes.faults(model) == ["CUSTOM: the operator code has no name"]


def test_a_code_that_is_not_there_is_named(tiny_file):
    model = graph.load_model(tiny_file)
    model.subgraphs[0].operators[0].opcodeIndex = 9
    assert operator_codes.faults(model) == ["operator code 9 is used but there are only 3"]


@pytest.mark.parametrize("storage", ["float32", "float16", "dynamic", "int8"])
def test_versions_are_those_of_tensorflows_converter(storage):
    import keras
    import tensorflow as tf

    image = keras.Input((16, 16, 3), batch_size=1)
    x = keras.layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(image)
    x = x + keras.layers.DepthwiseConv2D(3, padding="same", dilation_rate=2)(x)
    x = keras.layers.ZeroPadding2D(1)(keras.layers.MaxPooling2D()(x))
    x = keras.layers.UpSampling2D(interpolation="bilinear")(keras.layers.Conv2D(40, 1)(x))
    x = keras.ops.concatenate([x, x], -1)
    x = keras.ops.square(x * keras.ops.sigmoid(x) - 0.5)[:, 1:5]
    x = keras.ops.relu6(keras.ops.transpose(x, (0, 2, 1, 3)))
    model = keras.Model(image, keras.layers.Dense(64)(keras.ops.exp(keras.ops.mean(x, axis=(1, 2)))))
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if storage != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if storage == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if storage == "int8":
        rng = np.random.default_rng(0)
        converter.representative_dataset = lambda: ([rng.uniform(size=(1, 16, 16, 3)).astype(np.float32)],)
    written = packing.unpack(converter.convert())
    expected = {operator_codes.KINDS[c.builtinCode]: c.version for c in written.operatorCodes}
    assert len(expected) > 12
    for code in written.operatorCodes:
        code.version = 1
    operator_codes.settle(written)
    assert {operator_codes.KINDS[c.builtinCode]: c.version for c in written.operatorCodes} == expected
