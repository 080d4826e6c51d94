"""The compiled kernels against TensorFlow's own, and what happens where they cannot be compiled."""

from __future__ import annotations

import shlex
import subprocess
import sys

import keras
import numpy as np
import pytest

if keras.config.backend() != "tensorflow":
    pytest.skip("the kernels are TensorFlow's", allow_module_level=True)

import tensorflow as tf

from blazepose_tf.kernels import library

needs_compiler = pytest.mark.usefixtures("compiler")
# Relative to the largest value: sums in another order; bfloat16 keeps eight bits of what goes in and comes out.
TOLERANCE = {"float32": 2e-6, "bfloat16": 8e-3}
EPSILON = 1e-3


def close(actual, expected, dtype: str) -> None:
    actual, expected = (np.asarray(tf.cast(t, tf.float32)) for t in (actual, expected))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE[dtype] * np.abs(expected).max())


def random(rng, shape, dtype: str):
    return tf.cast(rng.normal(0.5, 1.0, shape), dtype)


@needs_compiler
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("share", [False, True])
@pytest.mark.parametrize(
    ("height", "width", "channels", "kernel", "stride"),
    [(9, 12, 16, 3, 1), (8, 7, 24, 3, 2), (11, 6, 40, 5, 1), (12, 16, 7, 5, 2), (2, 2, 19, 5, 1), (3, 1, 16, 3, 2)],
)
def test_depthwise_is_tensorflows(dtype, share, height, width, channels, kernel, stride):
    rng = np.random.default_rng(0)
    x = random(rng, (3, height, width, channels), dtype)
    w = tf.constant(rng.normal(size=(kernel, kernel, channels)), tf.float32)
    dy = random(rng, (3, -(-height // stride), -(-width // stride), channels), dtype)
    results = []
    for own in (True, False):
        start = x if own else tf.cast(x, tf.float32)
        with tf.GradientTape() as tape:
            tape.watch([start, w])
            if own:
                y, again = library.operations().blaze_depthwise(x=start, w=w, stride=stride, share=share)
            else:
                y = tf.nn.depthwise_conv2d(start, w[..., None], [1, stride, stride, 1], "SAME")
                again = start
            loss = tf.reduce_sum(tf.cast(y, tf.float32) * tf.cast(dy, tf.float32))
            if share:
                loss += tf.reduce_sum(tf.cast(again, tf.float32) ** 2)
        results.append([y, *tape.gradient(loss, [start, w])])
    for actual, expected in zip(*results, strict=True):
        close(actual, expected, dtype)


@needs_compiler
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("has_skip", [False, True])
@pytest.mark.parametrize("channels", [16, 40, 5])
def test_normalisation_to_relu_is_tensorflows(dtype, has_skip, channels):
    rng = np.random.default_rng(1)
    shape = (3, 9, 10, channels)
    x, skip = random(rng, shape, dtype), random(rng, shape, dtype)
    gamma, beta = (tf.constant(rng.normal(1.0, 0.5, channels), tf.float32) for _ in range(2))
    weight = tf.cast(random(rng, shape, dtype), tf.float32)
    results = []
    for own in (True, False):
        given = [x, gamma, beta, skip] if own else [tf.cast(t, tf.float32) for t in (x, gamma, beta, skip)]
        with tf.GradientTape() as tape:
            tape.watch(given)
            if own:
                y, mean, variance = library.operations().blaze_normalize(
                    x=x, gamma=gamma, beta=beta, skip=skip if has_skip else tf.zeros([0], dtype), epsilon=EPSILON
                )
            else:
                mean, variance = tf.nn.moments(given[0], [0, 1, 2])
                before = tf.nn.batch_normalization(given[0], mean, variance, given[2], given[1], EPSILON)
                y = tf.nn.relu(before + given[3] if has_skip else before)
            loss = tf.reduce_sum(tf.cast(y, tf.float32) * weight)
        wanted = given if has_skip else given[:3]
        results.append([y, mean, variance, *tape.gradient(loss, wanted)])
    for actual, expected in zip(*results, strict=True):
        close(actual, expected, dtype)


@needs_compiler
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_what_is_not_a_number_stays_visible(dtype):
    x = np.ones((1, 4, 4, 16), np.float32)
    x[0, 1, 2, 3] = np.nan
    operations, one = library.operations(), tf.ones([16])
    y, _, variance = operations.blaze_normalize(
        x=tf.cast(x, dtype), gamma=one, beta=one, skip=tf.zeros([0], dtype), epsilon=EPSILON
    )
    assert np.isnan(variance[3]) and np.isfinite(variance[4])
    assert np.isnan(tf.cast(y, tf.float32)[0, 0, 0, 3])
    y, _ = operations.blaze_depthwise(x=tf.cast(x, dtype), w=tf.ones([3, 3, 16]), stride=1, share=False)
    assert np.isnan(tf.cast(y, tf.float32)[0, 0, 1, 3])


SCRIPT = """
import hashlib, sys
import numpy as np, tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(int(sys.argv[1]))
from blazepose_tf.kernels.library import operations
rng, ops = np.random.default_rng(0), operations()
x, w = tf.constant(rng.normal(size=(8, 40, 40, 32)), tf.float32), tf.constant(rng.normal(size=(3, 3, 32)), tf.float32)
with tf.GradientTape() as tape:
    tape.watch([x, w])
    y, again = ops.blaze_depthwise(x=x, w=w, stride=1, share=True)
    y, mean, variance = ops.blaze_normalize(x=y, gamma=w[0, 0], beta=w[1, 1], skip=again, epsilon=1e-3)
    loss = tf.reduce_sum(y[0] ** 2)
digest = hashlib.sha256()
for tensor in (y, mean, variance, *tape.gradient(loss, [x, w])):
    digest.update(tensor.numpy().tobytes())
print(digest.hexdigest())
"""


@needs_compiler
def test_threads_do_not_change_a_bit():
    runs = [
        subprocess.run([sys.executable, "-c", SCRIPT, threads], capture_output=True, text=True, check=True)
        for threads in ("1", "3")
    ]
    assert len(runs[0].stdout.strip()) == 64
    assert runs[0].stdout == runs[1].stdout


def test_a_missing_compiler_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("CXX", "no-such-compiler -O1")
    with pytest.raises(RuntimeError, match=r"C\+\+ compiler.*no-such-compiler -O1 was not found"):
        library.build(tmp_path)


def test_a_failing_compiler_is_quoted_and_leaves_nothing(monkeypatch, tmp_path):
    script, folder = tmp_path / "compiler.py", tmp_path / "cache"
    script.write_text("import sys; sys.exit('no such flag')")
    monkeypatch.setenv("CXX", shlex.join([sys.executable, str(script)]))
    with pytest.raises(RuntimeError, match=r"exit code 1(?s:.*)no such flag"):
        library.build(folder)
    assert list(folder.iterdir()) == []


@needs_compiler
def test_compiled_once(tmp_path, monkeypatch):
    library.operations()  # whatever it takes, the cache has it now
    monkeypatch.setattr(library, "_run", lambda command: pytest.fail(f"compiled again: {command}"))
    assert library.build().exists()
    with pytest.raises(pytest.fail.Exception, match="compiled again"):
        library.build(tmp_path)
