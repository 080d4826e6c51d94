"""What a user may name is a file that an engine runs: names, bundles, Keras models."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest

from blazepose_tf.export import engine_inspection
from blazepose_tf.export.runnable import runnable
from blazepose_tf.models import save_model
from blazepose_tf.runtime.interpreter import load_model
from blazepose_tf.runtime.weights import weight_file


def test_what_runs_already_is_what_it_is(tiny_file, tmp_path):
    (tmp_path / "tiny.tflite").write_bytes(tiny_file)
    with runnable(["lite", str(tmp_path / "tiny.tflite")]) as found:
        assert list(found.values()) == [weight_file("lite.tflite"), tmp_path / "tiny.tflite"]


def test_a_bundle_is_the_files_in_it(tmp_path):
    path = tmp_path / "pose.task"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(weight_file("blazeface.tflite"), "pose_detector.tflite")
        archive.write(weight_file("lite.tflite"), "pose_landmarks_detector.tflite")
    with runnable([str(path)]) as found:
        detector, tracker = f"{path}/pose_detector.tflite", f"{path}/pose_landmarks_detector.tflite"
        assert list(found) == [detector, tracker]
        assert found[detector].read_bytes() == weight_file("blazeface.tflite").read_bytes()
        assert found[tracker].name == "pose_pose_landmarks_detector.tflite"
    assert not found[detector].exists()


def test_a_keras_model_is_what_export_makes_of_it(tiny, tiny_file, pictures, tmp_path):
    save_model(tiny[0], tmp_path / "mine.keras", tiny[1])
    with runnable([str(tmp_path / "mine.keras")]) as found:
        (made,) = found.values()
        assert made.name == "mine.tflite" and not engine_inspection.is_engines(made)
        ours, expected = load_model(made).infer(pictures[0]), load_model(tiny_file).infer(pictures[0])
    for name, value in expected.items():
        np.testing.assert_array_equal(ours[name], value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.tflite", None, "no such model file: .*absent.tflite"),
        ("x.task", b"nonsense", "x.task: damaged or not a .task bundle"),
        ("x.keras", b"nonsense", "x.keras: damaged or not"),
    ],
)
def test_what_is_no_model_is_named(name, content, message, tmp_path):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises((OSError, ValueError), match=message), runnable([str(tmp_path / name)]):
        pass
