"""Opening model files: what is named how, what is refused and with which words."""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf.runtime.interpreter import LiteRtModel, load_model

TRACKER_2021 = "pose_landmark_lite_2021.tflite"


@pytest.mark.parametrize(
    "name, size, outputs",
    [
        ("pose_detection_2020.tflite", 128, {"regressors": (1, 896, 12), "logits": (1, 896, 1)}),
        ("pose_detection_2021.tflite", 224, {"regressors": (1, 2254, 12), "logits": (1, 2254, 1)}),
        (
            "pose_landmark_full_body_2020.tflite",
            256,
            {"landmarks": (1, 195), "pose_presence": (1, 1), "segmentation": (1, 128, 128, 1)},
        ),
        (
            TRACKER_2021,
            256,
            {
                "landmarks": (1, 195),
                "pose_presence": (1, 1),
                "segmentation": (1, 256, 256, 1),
                "heatmaps": (1, 64, 64, 39),
                "world_landmarks": (1, 117),
            },
        ),
    ],
)
def test_official_outputs_are_named_by_shape(peers, name, size, outputs):
    model = load_model(peers / name)
    assert model.input_size == size and model.output_shapes == outputs and model.metadata is None


def test_picture_and_float_input_agree(peers):
    model = load_model(peers / "pose_detection_2020.tflite", num_threads=2)
    crop = np.random.default_rng(3).integers(0, 256, (128, 128, 3), np.uint8)
    a = model(crop, (-1.0, 1.0), ("logits",))
    b = model.infer(crop[None].astype(np.float32) / 127.5 - 1.0)
    assert set(a) == {"logits"} and set(b) == {"logits", "regressors"}
    np.testing.assert_allclose(a["logits"], b["logits"], rtol=1e-5, atol=1e-4)
    # Results are copies: a second run must not change the first one's.
    kept = a["logits"].copy()
    model(np.zeros_like(crop), (-1.0, 1.0))
    assert np.array_equal(kept, a["logits"])


@pytest.mark.parametrize("damage", ["empty", "text", "head", "most", "flipped"])
def test_damaged_files_are_refused_in_one_line(peers, tmp_path, damage):
    content = (peers / TRACKER_2021).read_bytes()
    flipped = np.frombuffer(content, np.uint8).copy()
    flipped[np.random.default_rng(1).integers(8, flipped.size, 3000)] ^= 255
    path = tmp_path / "x.tflite"
    path.write_bytes(
        {
            "empty": b"",
            "text": b"not a model at all, " * 50,
            "head": content[:300],
            "most": content[: int(len(content) * 0.95)],
            "flipped": flipped.tobytes(),
        }[damage]
    )
    with pytest.raises(ValueError, match=r"x\.tflite: ") as caught:
        load_model(path)
    assert "\n" not in str(caught.value)


def test_missing_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such model file"):
        load_model(tmp_path / "none.tflite")
    with pytest.raises(IsADirectoryError, match="a folder"):
        load_model(tmp_path)
    with pytest.raises(ValueError, match="num_threads"):
        load_model(tmp_path / "none.tflite", num_threads=0)


def test_damaged_onnx(tmp_path):
    pytest.importorskip("onnxruntime")
    path = tmp_path / "x.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(ValueError, match=r"x\.onnx: damaged or unsupported ONNX"):
        load_model(path)


def test_onnx_runs_and_carries_metadata(onnx_model):
    path = onnx_model("mean.onnx", 8, {"logits": ((1, 3), [0, 1, 2], [4, 2, 0])}, {"kind": "detector"})
    model = load_model(path)
    assert model.input_size == 8 and model.metadata == {"kind": "detector"}
    assert model.output_shapes == {"logits": (1, 3)}
    crop = np.zeros((8, 8, 3), np.uint8)
    crop[:2] = 255  # a quarter white: mean 0.25 in [0, 1], -0.5 in [-1, 1]
    np.testing.assert_allclose(model(crop)["logits"], [[1.0, 1.5, 2.0]], atol=1e-6)
    np.testing.assert_allclose(model(crop, (-1.0, 1.0))["logits"], [[-2.0, 0.0, 2.0]], atol=1e-6)


def test_wrong_input_is_named(tmp_path):
    """A model that takes no square picture is refused by its shape."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    helper, tensor = onnx.helper, onnx.TensorProto
    value = lambda name: helper.make_tensor_value_info(name, tensor.FLOAT, [1, 8, 4, 3])  # noqa: E731
    graph = helper.make_graph([helper.make_node("Relu", ["a"], ["b"])], "g", [value("a")], [value("b")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    path = tmp_path / "w.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ValueError, match=r"input \(1, S, S, 3\)"):
        load_model(path)


def test_content_instead_of_a_path(peers):
    content = (peers / "pose_detection_2020.tflite").read_bytes()
    assert isinstance(load_model(content), LiteRtModel)
