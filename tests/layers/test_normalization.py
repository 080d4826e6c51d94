"""The fused kernel computes what Keras computes, and leaves no trace in what is saved."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from blazepose_tf.layers.normalization import batch_norm, use_fused_kernels

# Float32 sums in another order.
TOLERANCE = 2e-5


@pytest.fixture
def pair():
    if keras.config.backend() != "tensorflow":
        pytest.skip("the fused kernel is TensorFlow's")
    x = keras.Input((5, 7, 3))
    stock = keras.Model(x, batch_norm(x, name="n_0_norm"))
    fused = keras.models.clone_model(stock)
    fused.set_weights(stock.get_weights())
    assert use_fused_kernels(fused) == 1
    return stock, fused


@pytest.fixture
def batch():
    return np.random.default_rng(0).normal(3.0, 2.0, (4, 5, 7, 3)).astype(np.float32)


def test_training_step_is_the_same(pair, batch):
    import tensorflow as tf

    results = []
    for model in pair:
        with tf.GradientTape() as tape:
            y = model(batch, training=True)
            loss = tf.reduce_sum(y**3)
        results.append([y.numpy(), *(g.numpy() for g in tape.gradient(loss, model.trainable_variables))])
    for stock, fused in zip(*results, strict=True):
        np.testing.assert_allclose(fused, stock, rtol=1e-4, atol=1e-3)
    for stock, fused in zip(*(m.get_weights() for m in pair), strict=True):
        np.testing.assert_allclose(fused, stock, atol=TOLERANCE)


def test_inference_and_frozen_layers_use_the_running_statistics(pair, batch):
    stock, fused = pair
    np.testing.assert_allclose(fused(batch, training=False), stock(batch, training=False), atol=TOLERANCE)
    fused.trainable = False
    before = fused.get_weights()
    np.testing.assert_allclose(fused(batch, training=True), stock(batch, training=False), atol=TOLERANCE)
    for a, b in zip(before, fused.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_saved_model_holds_stock_layers(pair, tmp_path):
    pair[1].save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    assert type(loaded.layers[-1]) is keras.layers.BatchNormalization
    assert loaded.layers[-1].get_config() == pair[0].layers[-1].get_config()
