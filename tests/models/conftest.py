"""The contract that every model of the package keeps, as one fixture."""

from __future__ import annotations

import re

import keras
import numpy as np
import pytest

NAME = re.compile(r"[a-z0-9_]+_\d+_(conv|expand|depthwise|project|norm|widen|spread)")


def randomise(model: keras.Model, seed: int = 0) -> None:
    """Fills every kernel (zero heads too) with small random numbers."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            fan_in = np.prod(layer.kernel.shape[:-1])
            layer.kernel.assign(rng.normal(0, 1 / np.sqrt(fan_in), layer.kernel.shape))


def unreached_weights(model: keras.Model, batch: np.ndarray) -> set[str]:
    """Names of trainable weights whose gradient is zero or missing for a loss on all outputs."""
    import tensorflow as tf

    rng = np.random.default_rng(1)
    with tf.GradientTape() as tape:
        outputs = model(batch, training=True)
        loss = sum(tf.reduce_sum(v * rng.normal(size=v.shape).astype(np.float32)) for v in outputs.values())
    weights = model.trainable_variables
    gradients = tape.gradient(loss, [w.value for w in weights])
    return {w.path for w, g in zip(weights, gradients, strict=True) if g is None or not np.any(g.numpy())}


@pytest.fixture
def check_contract(tmp_path):
    """Function (model, {output: shape without batch}, parameters) that checks the model contract."""

    def check(model: keras.Model, outputs: dict[str, tuple[int, ...]], parameters: int) -> None:
        shape = model.inputs[0].shape[1:]
        assert model.inputs[0].name == "image"
        assert model.count_params() == parameters
        names = [layer.name for layer in model.layers if layer.weights]
        assert not [name for name in names if not NAME.fullmatch(name)]
        assert len({w.path for w in model.weights}) == len(model.weights)
        randomise(model)
        batch = np.random.default_rng(2).uniform(size=(3, *shape)).astype(np.float32)
        assert unreached_weights(model, batch) == set()
        results = {k: keras.ops.convert_to_numpy(v) for k, v in model(batch, training=False).items()}
        assert {k: v.shape for k, v in results.items()} == {k: (3, *s) for k, s in outputs.items()}
        assert all(v.dtype == np.float32 for v in results.values())
        # Weights alone decide: plain Keras loads the file, without this package's help and at another batch size.
        model.save(tmp_path / "model.keras")
        loaded = keras.models.load_model(tmp_path / "model.keras")
        single = loaded(batch[:1], training=False)
        for name, value in results.items():
            scale = max(1.0, float(np.abs(value).max()))
            np.testing.assert_allclose(single[name], value[:1], atol=1e-5 * scale, err_msg=name)

    return check


@pytest.fixture
def fill():
    """`randomise`."""
    return randomise


@pytest.fixture
def unreached():
    """`unreached_weights`."""
    return unreached_weights
