"""Real frames for the runtime's tests."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from blazepose_tf import specs
from blazepose_tf.runtime import metadata

# The scripted tracker always sees the body this part of its region's side further right.
SHIFT = 0.04


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


@pytest.fixture(scope="session")
def scripted(onnx_model):
    """The detector fires above brightness 0.5 of the whole picture, the tracker is sure above 0.3 of its region."""
    detector_spec = specs.DetectorSpec(64, (32,), (1,))
    regressors = np.zeros((1, 4, 8), np.float32)
    # First anchor at (16, 16): face (24, 8)..(40, 24), mid-hip (32, 32), circle point (32, 12); the image is
    # twice as large.
    regressors[0, 0] = [16, 0, 16, 16, 16, 16, 16, -4]
    detector = onnx_model(
        "detector.onnx",
        64,
        {
            specs.REGRESSORS: ((1, 4, 8), regressors, 0),
            specs.LOGITS: (
                (1, 4, 1),
                np.reshape([-6.0, -20, -20, -20], (1, 4, 1)),
                np.reshape([12.0, 0, 0, 0], (1, 4, 1)),
            ),
        },
        metadata.metadata_of(detector_spec, model="scripted"),
    )
    center = 128 + SHIFT * 256
    radius = 256 / 2.5
    tracker = onnx_model(
        "tracker.onnx",
        256,
        {
            specs.LANDMARKS: ((1, 33, 3), np.full((1, 33, 3), 128.0), 0),
            specs.POSE_PRESENCE: ((1, 1), -6.0, 20.0),
            specs.ALIGNMENT: ((1, 2, 2), [[center, 128.0], [center, 128.0 - radius]], 0),
        },
        metadata.metadata_of(specs.TrackerSpec(), model="scripted"),
    )
    return detector, tracker
