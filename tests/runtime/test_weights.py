"""Names of shipped files: found, checked, and explained when they are not there."""

from __future__ import annotations

import hashlib

import pytest

from blazepose_tf.runtime.weights import default_file, model_file, weight_file


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "lite.tflite").write_bytes(b"lite weights")
    (tmp_path / "extra.tflite").write_bytes(b"unlisted")
    (tmp_path / "lite.npz").write_bytes(b"lite keras")
    sums = [(b"lite weights", "lite.tflite"), (b"lite keras", "lite.npz")]
    lines = [f"{hashlib.sha256(content).hexdigest()}  {name}\n" for content, name in sums]
    (tmp_path / "SHA256SUMS").write_text("".join(lines))
    return tmp_path


def test_found_and_checked(folder):
    assert weight_file("lite.tflite", folder=folder) == folder / "lite.tflite"
    assert model_file("lite", folder=folder) == folder / "lite.tflite"
    assert model_file("lite", suffix=".npz", folder=folder) == folder / "lite.npz"


def test_paths_pass(folder):
    assert str(model_file("some/where.tflite", folder=folder)) == "some/where.tflite"
    assert str(model_file("x.onnx", folder=folder)) == "x.onnx"


def test_default_is_the_first_that_ships(folder):
    assert default_file(("full", "lite"), folder=folder) == folder / "lite.tflite"
    with pytest.raises(FileNotFoundError, match="no model full or heavy ships"):
        default_file(("full", "heavy"), folder=folder)


def test_missing_damaged_unlisted(folder):
    with pytest.raises(FileNotFoundError, match=r"'heavy.tflite'. Shipped: lite.npz, lite.tflite"):
        model_file("heavy", folder=folder)
    with pytest.raises(ValueError, match="not listed"):
        weight_file("extra.tflite", folder=folder)
    (folder / "lite.tflite").write_bytes(b"lite weightz")
    with pytest.raises(ValueError, match="damaged"):
        weight_file("lite.tflite", folder=folder)
