"""Weight files whose kernels lie in the LiteRT file beside them."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from blazepose_tf.export import litert
from blazepose_tf.models import Description, build_tracker, save_weights
from blazepose_tf.models.weights import load_described, read_weights
from blazepose_tf.specs import TrackerSpec

SPEC = TrackerSpec(128)


@pytest.fixture(scope="module")
def trained():
    """A tracker whose normalisation does something, as after training; one channel of it is dead."""
    model = build_tracker(SPEC, variant="tiny")
    rng = np.random.default_rng(0)
    for variable in model.weights:
        if variable.name in ("gamma", "moving_variance"):
            variable.assign(rng.uniform(0.5, 2.0, variable.shape))
        elif variable.name in ("beta", "moving_mean"):
            variable.assign(rng.normal(0.0, 0.2, variable.shape))
    next(v for v in model.weights if v.name == "gamma").assign(
        np.r_[0.0, np.ones(next(v for v in model.weights if v.name == "gamma").shape[0] - 1)]
    )
    return model


@pytest.fixture(scope="module")
def pair(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pair")
    content = litert.to_litert(litert.deployed(trained), SPEC, name="tiny", precision=litert.FLOAT16)
    (folder / "tiny.tflite").write_bytes(content)
    description = Description("tiny", SPEC)
    save_weights(trained, folder / "tiny.npz", half=True, description=description, beside=folder / "tiny.tflite")
    save_weights(trained, folder / "whole.npz", half=True, description=description)
    return folder


def test_the_small_file_gives_the_same_model(pair):
    assert (pair / "tiny.npz").stat().st_size < (pair / "whole.npz").stat().st_size
    with np.load(pair / "tiny.npz") as stored:
        kernels = [name for name in stored.files if stored[name].ndim == 4]
    # The offsets do not ship; a kernel with a dead channel cannot be had back from the product with zero.
    assert "offsets_0_conv/kernel" in kernels and len(kernels) == 2
    loaded, description = load_described(pair / "tiny.npz")
    whole, _ = load_described(pair / "whole.npz")
    assert description == Description("tiny", SPEC)
    image = np.random.default_rng(1).uniform(0, 1, (2, 128, 128, 3)).astype(np.float32)
    for training in (False, True):  # with the stored statistics, and with those of the batch, as in fine-tuning
        expected, found = whole(image, training=training), loaded(image, training=training)
        for name in expected:
            a, b = keras.ops.convert_to_numpy(expected[name]), keras.ops.convert_to_numpy(found[name])
            np.testing.assert_allclose(b, a, atol=2e-2 * np.abs(a).max(), err_msg=name)


def test_every_kernel_comes_back(trained, pair):
    values, _ = read_weights(pair / "tiny.npz")
    for variable in trained.weights:
        expected = keras.ops.convert_to_numpy(variable.value)
        assert np.linalg.norm(values[variable.path] - expected) <= 2e-3 * np.linalg.norm(expected), variable.path


def test_another_litert_file_is_refused(trained, pair, tmp_path):
    (tmp_path / "tiny.npz").write_bytes((pair / "tiny.npz").read_bytes())
    with pytest.raises(FileNotFoundError):
        read_weights(tmp_path / "tiny.npz")
    content = bytearray((pair / "tiny.tflite").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "tiny.tflite").write_bytes(content)
    with pytest.raises(ValueError, match=r"tiny\.tflite: not the file"):
        read_weights(tmp_path / "tiny.npz")
    with pytest.raises(ValueError, match=r"expected .*w\.tflite"):
        save_weights(trained, tmp_path / "w.npz", beside=tmp_path / "tiny.tflite")
    other = build_tracker(SPEC, variant="tiny")
    (tmp_path / "other.tflite").write_bytes((pair / "tiny.tflite").read_bytes())
    for variable in other.weights:
        variable.assign(np.random.default_rng(2).normal(size=variable.shape))
    with pytest.raises(ValueError, match="shares no kernel"):
        save_weights(other, tmp_path / "other.npz", beside=tmp_path / "other.tflite")
    assert not (tmp_path / "other.npz").exists()
