"""Real frames for the runtime's tests."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest


@pytest.fixture(scope="session")
def peers(shared_dir):
    folder = shared_dir / "peers"
    if not folder.is_dir():
        pytest.skip("no official model files in shared/peers")
    return folder


@pytest.fixture(scope="session")
def yoga_frames(shared_dir):
    """24 consecutive RGB frames of one person (warrior pose), 480x270."""
    capture = cv2.VideoCapture(str(shared_dir / "data" / "videos" / "yoga_warrior2.mp4"))
    frames = []
    for _ in range(120):
        ok, frame = capture.read()
        if not ok:
            break
        frames.append(np.ascontiguousarray(frame[..., ::-1]))
    if len(frames) < 120:
        pytest.skip("no readable clips in shared/data/videos")
    return frames[96:]


@pytest.fixture(scope="session")
def onnx_model(tmp_path_factory):
    """Writes small networks whose outputs are affine in the mean brightness of their picture: a scripted
    model that still passes through files, sessions and tensors as a trained one does."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    folder = tmp_path_factory.mktemp("onnx")

    def write(name, size, outputs, metadata):
        """`outputs`: name -> (shape, constant, factor); the value is constant + factor * mean value of the picture."""
        helper, tensor = onnx.helper, onnx.TensorProto
        nodes = [helper.make_node("ReduceMean", ["image"], ["mean"], keepdims=0)]
        initializers, results = [], []
        for key, (shape, constant, factor) in outputs.items():
            for role, value in (("constant", constant), ("factor", factor)):
                value = np.broadcast_to(np.asarray(value, np.float32), shape)
                initializers.append(onnx.numpy_helper.from_array(np.ascontiguousarray(value), f"{key}_{role}"))
            nodes.append(helper.make_node("Mul", [f"{key}_factor", "mean"], [f"{key}_scaled"]))
            nodes.append(helper.make_node("Add", [f"{key}_constant", f"{key}_scaled"], [key]))
            results.append(helper.make_tensor_value_info(key, tensor.FLOAT, list(shape)))
        inputs = [helper.make_tensor_value_info("image", tensor.FLOAT, [1, size, size, 3])]
        graph = helper.make_graph(nodes, "scripted", inputs, results, initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
        if metadata is not None:
            entry = model.metadata_props.add()
            entry.key, entry.value = "blazepose_tf", json.dumps(metadata)
        path = folder / name
        path.write_bytes(model.SerializeToString())
        return path

    return write
