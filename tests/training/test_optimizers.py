"""Schedule, clipping by network, decay of kernels only, head rate, and the averaged weights."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from blazepose_tf.training.config import Optimizer, Stage
from blazepose_tf.training.optimizers import GroupClippedAdamW, WeightAverage, build_optimizer, schedule

STAGE = Stage("a", steps=100, learning_rate=1e-2, warmup_steps=10, final_rate=0.02)


def small_model() -> keras.Model:
    x = keras.Input((4, 4, 3))
    y = keras.layers.Conv2D(2, 1, name="f4_0_conv")(x)
    y = keras.layers.BatchNormalization(name="f4_0_norm")(y)
    z = keras.layers.Conv2D(2, 4, name="coordinates_0_conv")(y)
    return keras.Model(x, z)


def test_schedule_by_hand():
    rate = schedule(STAGE, 100)
    values = [float(rate(step)) for step in (0, 5, 10, 55, 100)]
    # Half-way of the cosine: (1 + 0.02) / 2 of the peak.
    np.testing.assert_allclose(values, [0.0, 5e-3, 1e-2, 0.51e-2, 2e-4], rtol=1e-4)


def test_a_short_stage_does_not_only_warm_up():
    rate = schedule(Stage("a", steps=8, learning_rate=1.0, warmup_steps=100), 8)
    assert float(rate(4)) == pytest.approx(1.0) and float(rate(8)) == pytest.approx(0.02)


def test_decay_acts_on_kernels_only():
    model = small_model()
    optimizer = build_optimizer(Optimizer(weight_decay=0.5), Stage("a", steps=9, warmup_steps=0), steps=9, model=model)
    for variable in model.trainable_variables:
        variable.assign(np.ones(variable.shape))
    optimizer.apply([keras.ops.zeros(v.shape) for v in model.trainable_variables], model.trainable_variables)
    for variable in model.trainable_variables:
        shrunk = float(np.max(variable)) < 1.0
        assert shrunk == variable.path.endswith("kernel"), variable.path


def test_each_network_is_clipped_by_its_own_norm():
    model = small_model()
    optimizer = GroupClippedAdamW(
        learning_rate=0.1, weight_decay=0.0, beta_1=0.0, clip_heatmaps=1.0, clip_regression=2.0
    )
    variables = model.trainable_variables
    grads = [keras.ops.ones(v.shape) * (1e-3 if v.path.startswith("f4") else 1e3) for v in variables]
    optimizer.apply(grads, variables)
    norms = {"f4": 0.0, "coordinates": 0.0}
    for variable, momentum in zip(variables, optimizer._momentums, strict=True):
        norms[variable.path.split("_")[0]] += float(np.sum(np.square(momentum)))
    # With beta_1 = 0 the momentum is the clipped gradient; the small one is left as it was.
    count = sum(int(np.prod(v.shape)) for v in variables if v.path.startswith("f4"))
    assert norms["f4"] == pytest.approx(count * 1e-6, rel=1e-4)
    assert norms["coordinates"] == pytest.approx(4.0, rel=1e-4)


def test_heads_move_slower():
    model = small_model()
    optimizer = GroupClippedAdamW(learning_rate=0.1, weight_decay=0.0, head_rate=0.1)
    before = {v.path: np.array(v) for v in model.trainable_variables}
    optimizer.apply([keras.ops.ones(v.shape) for v in model.trainable_variables], model.trainable_variables)
    # The first step of Adam is the learning rate whatever the gradient.
    for variable in model.trainable_variables:
        step = 0.01 if variable.path.startswith("coordinates") else 0.1
        np.testing.assert_allclose(before[variable.path] - np.array(variable), step, rtol=1e-3)


def test_average_follows_the_formula_and_includes_statistics():
    model = small_model()
    for variable in model.weights:
        variable.assign(np.zeros(variable.shape))
    average = WeightAverage(model, decay=0.9, every=1)
    expected = 0.0
    for step in range(1, 60):
        for variable in model.weights:
            variable.assign(np.full(variable.shape, step))
        average.update(step)
        keep = min(0.9, (1 + step) / (10 + step))
        expected = keep * expected + (1 - keep) * step
    paths = [v.path for v in average.variables]
    assert any(path.endswith("moving_mean") for path in paths)
    for value in average.values:
        np.testing.assert_allclose(value, expected, rtol=1e-5)
    with average.applied():
        assert float(np.max(model.get_layer("f4_0_norm").moving_mean)) == pytest.approx(expected, rel=1e-5)
    assert float(np.max(model.get_layer("f4_0_norm").moving_mean)) == 59.0


def test_average_of_every_fourth_step_decays_as_fast():
    model = small_model()
    results = []
    for every in (1, 4):
        for variable in model.weights:
            variable.assign(np.zeros(variable.shape))
        average = WeightAverage(model, decay=0.99, every=every)
        for step in range(1, 2001):
            if step == 1200:
                for variable in model.weights:
                    variable.assign(np.ones(variable.shape))
            if step % every == 0 or step <= 10 * every:
                average.update(step)
        results.append(float(average.values[0].max()))
    assert results[0] == pytest.approx(results[1], abs=2e-2)


def test_without_decay_the_model_keeps_its_own_weights():
    model = small_model()
    average = WeightAverage(model, decay=0.0)
    model.trainable_variables[0].assign(np.full(model.trainable_variables[0].shape, 7.0))
    with average.applied():
        assert float(np.max(model.trainable_variables[0])) == 7.0
