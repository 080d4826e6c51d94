"""A model computes the same with compiled kernels, and what is saved does not know about them."""

from __future__ import annotations

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

if keras.config.backend() != "tensorflow":
    pytest.skip("the kernels are TensorFlow's", allow_module_level=True)

import tensorflow as tf

from blazepose_tf.kernels.blocks import use_compiled_kernels
from blazepose_tf.kernels.library import operations
from blazepose_tf.models import build_detector, build_tracker
from blazepose_tf.specs import DetectorSpec, TrackerSpec

needs_compiler = pytest.mark.usefixtures("compiler")
# Of the largest value of a tensor: float32 sums in another order, through some forty layers.
TOLERANCE = 2e-3


def tracker():
    return build_tracker(TrackerSpec(input_size=128), variant="tiny", offsets=False)


def detector():
    return build_detector(DetectorSpec(input_size=128), variant="blazeface")


def ghum():
    return build_tracker(TrackerSpec(input_size=128), variant="ghum_lite", training_heads=False)


def copies(build):
    keras.utils.set_random_seed(0)
    stock = build()
    rng = np.random.default_rng(0)
    # Running statistics and scales of their own, so that none can be mistaken for another.
    for variable in stock.weights:
        if variable.path.endswith(("gamma", "beta", "moving_mean", "moving_variance")):
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    own = build()
    own.set_weights(stock.get_weights())
    return stock, own, use_compiled_kernels(own)


def close(actual, expected, name=""):
    actual, expected = np.asarray(actual), np.asarray(expected)
    scale = max(np.abs(expected).max(), 1e-6)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE * scale, err_msg=name)


@needs_compiler
@pytest.mark.parametrize("build", [tracker, detector])
def test_a_training_step_is_the_same(build):
    stock, own, count = copies(build)
    depthwise = sum(isinstance(layer, keras.layers.DepthwiseConv2D) for layer in stock.layers)
    relus = sum(isinstance(layer, keras.layers.ReLU) for layer in stock.layers)
    pools = sum(isinstance(layer, keras.layers.MaxPooling2D) for layer in stock.layers)
    assert count == depthwise + relus + pools > 20 and pools > 0
    images = tf.constant(np.random.default_rng(1).uniform(0, 1, (3, 128, 128, 3)), tf.float32)
    results = []
    for model in (stock, own):
        with tf.GradientTape() as tape:
            outputs = model(images, training=True)
            loss = sum(tf.reduce_mean(tf.tanh(v / 100.0) ** 2) for v in outputs.values())
        gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
        results.append((outputs, gradients, model.get_weights()))
    for name in stock.output:
        close(results[1][0][name], results[0][0][name], name)
    for variable, expected, actual in zip(stock.trainable_variables, results[0][1], results[1][1], strict=True):
        close(actual, expected, variable.path)
    for variable, expected, actual in zip(stock.weights, results[0][2], results[1][2], strict=True):
        close(actual, expected, variable.path)


@needs_compiler
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("channels", [3, 4, 8, 21, 32])
def test_the_gradient_of_a_maximum_goes_to_the_first_of_the_largest(channels, dtype):
    """Whole numbers, so that there are ties, and odd sides, of which no window reads the last row and column."""
    rng = np.random.default_rng(0)
    x = tf.constant(rng.integers(0, 3, (2, 7, 9, channels)), dtype)
    dy = tf.constant(rng.integers(1, 9, (2, 3, 4, channels)), dtype)
    expected = np.zeros(x.shape)
    for b, r, q, c in np.ndindex(*dy.shape):
        window = np.asarray(x[b, 2 * r : 2 * r + 2, 2 * q : 2 * q + 2, c], np.float64)
        row, column = np.unravel_index(window.argmax(), (2, 2))
        expected[b, 2 * r + row, 2 * q + column, c] = dy[b, r, q, c]
    actual = operations().blaze_pool_gradient(x=x, dy=dy)
    np.testing.assert_array_equal(np.asarray(actual, np.float64), expected)
    with pytest.raises(tf.errors.InvalidArgumentError, match="half of the size"):
        operations().blaze_pool_gradient(x=x, dy=dy[:, 1:])


@needs_compiler
def test_inference_and_frozen_layers_are_the_same():
    stock, own, _ = copies(tracker)
    images = np.random.default_rng(2).uniform(0, 1, (2, 128, 128, 3)).astype(np.float32)
    expected = stock(images, training=False)
    own.trainable = False
    for training in (False, True):
        actual = own(images, training=training)
        for name in expected:
            close(actual[name], expected[name], name)


@needs_compiler
def test_other_blocks_keep_tensorflows_kernels():
    """ReLU6 and a normalisation after each convolution: only depthwise convolutions of the right kind change."""
    stock, own, count = copies(ghum)
    relus = [layer for layer in own.layers if isinstance(layer, keras.layers.ReLU) and layer.max_value == 6.0]
    assert relus and all("call" not in vars(layer) for layer in relus)
    assert count > 0
    images = np.random.default_rng(3).uniform(0, 1, (2, 128, 128, 3)).astype(np.float32)
    for name, expected in stock(images, training=False).items():
        close(own(images, training=False)[name], expected, name)


@needs_compiler
def test_a_saved_model_holds_stock_layers(tmp_path):
    stock, own, _ = copies(tracker)
    own.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    assert [type(layer) for layer in loaded.layers] == [type(layer) for layer in stock.layers]
    assert all("call" not in vars(layer) for layer in loaded.layers if isinstance(layer, keras.layers.Add))
    for a, b in zip(own.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


SMOKE = ["--experiment=smoke", "--set=data.synthetic_examples=16", "--set=data.mean_pose_examples=8"]
SHORT = [f"--set=stages.{name}.{what}" for name in ("heatmaps", "joint") for what in ("steps=3", "batch_size=4")]


def run(workdir, *options, **environment):
    command = [sys.executable, "-m", "blazepose_tf", "train", f"--workdir={workdir}", *SMOKE, *SHORT, *options]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environment)


@needs_compiler
def test_the_command_line_trains_with_them(tmp_path):
    result = run(tmp_path / "run", "--compiled_kernels", "--set=precision=mixed_bfloat16")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "run" / "model.keras").exists()
    assert "finished after 6 steps" in result.stdout


def test_the_command_line_says_that_there_is_no_compiler(tmp_path):
    result = run(tmp_path / "run", "--compiled_kernels", CXX="no-such-compiler")
    assert result.returncode == 1
    assert result.stderr.strip().splitlines()[-1].startswith("error: compiled kernels need a C++ compiler")
    assert not (tmp_path / "run").exists()
