"""Support lists: data with a source, and verdicts on files whose operations are known."""

from __future__ import annotations

import re

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from blazepose_tf.runtime.weights import weight_file
from blazepose_tf.tflite import devices, graph, operator_codes, packing


@pytest.mark.parametrize("device", [devices.GPU, devices.NPU, devices.COREML])
def test_lists_say_where_they_come_from(device):
    lists = devices.support_lists(device)
    assert lists
    for support in lists:
        assert support.device == device and support.name and len(support.source) > 20
        assert re.search(r"\d+\.\d+", support.version)
        assert {"CONV_2D", "DEPTHWISE_CONV_2D", "ADD"} <= support.operations <= set(operator_codes.KINDS.values())
    with pytest.raises(ValueError, match="device must be gpu, npu or coreml"):
        devices.support_lists("xnnpack")


@pytest.mark.parametrize("name", ["lite", "full", "blazeface"])
def test_shipped_models_are_whole_on_gpus(name):
    (support,) = devices.support_lists(devices.GPU)
    verdict = devices.judge(graph.load_model(weight_file(f"{name}.tflite")), support)
    assert verdict.whole and verdict.count > 90


def test_reasons_are_counted(tiny, tiny_file, tmp_path):
    lists = {support.name: support for support in devices.support_lists(devices.NPU)}
    model = graph.load_model(tiny_file)
    arm = devices.judge(model, lists["Arm Ethos-U85"])
    assert (arm.count, arm.refused) == (
        3,
        {"ADD: float32": 1, "CONV_2D: float32": 1, "DEPTHWISE_CONV_2D: float32": 1},
    )
    assert devices.judge(model, lists["Intel NPU"]).whole
    # Storage is folded when a file is loaded: DEQUANTIZE of float16 weights runs nowhere.
    half = graph.load_model(tiny.write_tiny_model(tmp_path / "half.tflite", half=True))
    assert devices.judge(half, lists["Intel NPU"]).count == 3


def test_versions_and_kinds_that_a_gpu_does_not_know(tiny, tmp_path):
    (support,) = devices.support_lists(devices.GPU)
    model = graph.load_model(tiny.write_tiny_model(tmp_path / "half.tflite", half=True))
    for tensor in model.subgraphs[0].tensors:
        if tensor.name == b"kernel":
            tensor.type = schema.TensorType.INT8
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = np.ones(tensor.shape[0], np.float32)
    packing.pack(model)  # settles the versions: DEQUANTIZE by channel is 5
    assert devices.judge(model, support).refused == {"DEQUANTIZE: version 5, known up to 3": 1}
    model.operatorCodes[-1].builtinCode = schema.BuiltinOperator.GATHER_ND
    model.operatorCodes[-1].deprecatedBuiltinCode = schema.BuiltinOperator.GATHER_ND
    assert devices.judge(model, support).refused["GATHER_ND: not on the list"] == 1
