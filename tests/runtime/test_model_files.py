"""The same network as .tflite, .task bundle and Keras model gives the same numbers through the same surface."""

from __future__ import annotations

import pickle
import zipfile

import numpy as np
import pytest

from blazepose_tf import specs
from blazepose_tf.runtime.detector import Detector
from blazepose_tf.runtime.interpreter import TASK_MEMBERS, load_model
from blazepose_tf.runtime.tracker import Tracker
from blazepose_tf.runtime.weights import weight_file


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).integers(0, 256, (160, 120, 3), np.uint8)


def test_a_bundle_opens_like_its_files(tmp_path, image):
    real_tracker, real_detector = weight_file("lite.tflite"), weight_file("blazeface.tflite")
    bundle = tmp_path / "pose.task"
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_STORED) as archive:
        archive.write(real_tracker, TASK_MEMBERS[specs.TRACKER])
        archive.write(real_detector, TASK_MEMBERS[specs.DETECTOR])
    region = np.array([60, 80, 150, 0.1], np.float32)
    direct, bundled = (Tracker(load_model(p, role=specs.TRACKER))(image, region) for p in (real_tracker, bundle))
    np.testing.assert_array_equal(direct.points, bundled.points)
    detector = Detector(load_model(bundle, role=specs.DETECTOR))
    assert detector.spec == Detector(load_model(real_detector, role=specs.DETECTOR)).spec


def test_a_keras_model_is_its_own_predict(tmp_path, image):
    models = pytest.importorskip("blazepose_tf.models")
    model = models.build_tracker(specs.TrackerSpec(128, roi_scale=1.4), variant="tiny", training_heads=False)
    path = tmp_path / "tiny.keras"
    description = models.saving.Description("tiny", specs.TrackerSpec(128, roi_scale=1.4))
    models.saving.save_model(model, path, description)
    tracker = Tracker(path)
    assert Tracker(path).model is tracker.model, "a file that did not change is read once"
    assert pickle.loads(pickle.dumps(tracker.model)).name == str(path)
    assert tracker.spec.roi_scale == 1.4 and tracker.spec.input_size == 128
    crop, matrix = tracker.crop(image, np.array([60, 80, 128, 0.0], np.float32))
    outputs = tracker.infer(crop)
    expected = {key: np.asarray(value) for key, value in model(crop[None].astype(np.float32) / 255.0).items()}
    np.testing.assert_allclose(outputs[specs.LANDMARKS], expected[specs.LANDMARKS], atol=1e-3)
    # The roi is as large as the crop: landmarks in image pixels are those of the crop plus its corner (-4, 16).
    np.testing.assert_allclose(
        tracker.decode(outputs, matrix).points, expected[specs.LANDMARKS][0, :, :2] + (-4, 16), atol=1e-2
    )


def test_what_is_no_model_is_named(tmp_path):
    for name, content, message in (
        ("x.task", b"nonsense", "not a .task bundle"),
        ("x.tflite", b"nonsense and more", "not a LiteRT model"),
        ("x.keras", b"nonsense", "not a Keras model"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=message):
            load_model(tmp_path / name, role=specs.TRACKER)
    with zipfile.ZipFile(tmp_path / "y.task", "w") as archive:
        archive.writestr("readme", "hello")
    with pytest.raises(ValueError, match="has no pose_landmarks_detector"):
        load_model(tmp_path / "y.task", role=specs.TRACKER)
    for missing in ("no.keras", "no.tflite"):
        with pytest.raises(FileNotFoundError, match="no such model file"):
            load_model(tmp_path / missing)
