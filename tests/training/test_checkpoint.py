"""Checkpoints come back whole or not at all."""

from __future__ import annotations

import resource

import keras
import numpy as np
import pytest

from blazepose_tf.training import checkpoint
from blazepose_tf.training.checkpoint import State
from blazepose_tf.training.optimizers import WeightAverage
from blazepose_tf.training.stopping import NonFiniteLoss


def make(units: int = 4):
    keras.utils.set_random_seed(0)
    x = keras.Input((3,))
    model = keras.Model(x, keras.layers.BatchNormalization(name="b")(keras.layers.Dense(units, name="a")(x)))
    optimizer = keras.optimizers.AdamW(1e-2)
    optimizer.build(model.trainable_variables)
    return model, optimizer, WeightAverage(model, decay=0.9)


def train(model, optimizer, average, steps):
    for step in steps:
        grads = [keras.ops.cast(v + step, "float32") for v in model.trainable_variables]
        optimizer.apply(grads, model.trainable_variables)
        average.update(step + 1)


def arrays(model, optimizer, average):
    return [np.array(v) for v in (*model.weights, *optimizer.variables)] + [np.array(v) for v in average.values]


def test_a_restored_run_goes_on_as_if_nothing_had_happened(tmp_path):
    straight = make()
    train(*straight, range(6))
    first = make()
    train(*first, range(3))
    state = State(stage=1, step=3, total_step=9, epoch=2, batch=1, best=0.25, best_stage=1)
    checkpoint.save(tmp_path / "c.npz", state=state, average=first[2], optimizer=first[1])
    second = make()
    train(*second, range(1))  # whatever it held before
    assert checkpoint.restore(tmp_path / "c.npz", average=second[2], optimizer=second[1]) == state
    train(*second, range(3, 6))
    for a, b in zip(arrays(*straight), arrays(*second), strict=True):
        np.testing.assert_array_equal(a, b)
    assert list(tmp_path.iterdir()) == [tmp_path / "c.npz"]


def test_weights_are_read_by_path(tmp_path):
    model, optimizer, average = make()
    train(model, optimizer, average, range(2))
    checkpoint.save(tmp_path / "c.npz", state=State(), average=average, optimizer=optimizer)
    np.testing.assert_array_equal(checkpoint.read_weights(tmp_path / "c.npz")["a/kernel"], average.values[0])
    own = checkpoint.read_weights(tmp_path / "c.npz", averaged=False)
    np.testing.assert_array_equal(own["a/kernel"], np.array(model.get_layer("a").kernel))


@pytest.mark.parametrize("content", [b"", b"not a zip file", "cut"])
def test_damage_is_a_value_error(tmp_path, content):
    _model, optimizer, average = make()
    path = tmp_path / "c.npz"
    checkpoint.save(path, state=State(), average=average, optimizer=optimizer)
    path.write_bytes(path.read_bytes()[:-200] if content == "cut" else content)
    with pytest.raises(ValueError, match="not a whole checkpoint"):
        checkpoint.restore(path, average=average, optimizer=optimizer)


def test_another_model_is_refused(tmp_path):
    _model, optimizer, average = make()
    checkpoint.save(tmp_path / "c.npz", state=State(), average=average, optimizer=optimizer)
    _, optimizer, average = make(units=5)
    with pytest.raises(ValueError, match="shape"):
        checkpoint.restore(tmp_path / "c.npz", average=average, optimizer=optimizer)


def test_non_finite_weights_are_not_written(tmp_path):
    model, optimizer, average = make()
    checkpoint.save(tmp_path / "c.npz", state=State(step=1), average=average, optimizer=optimizer)
    model.get_layer("a").kernel.assign(np.full((3, 4), np.nan))
    with pytest.raises(NonFiniteLoss, match="a/kernel"):
        checkpoint.save(tmp_path / "c.npz", state=State(step=2), average=average, optimizer=optimizer)
    assert checkpoint.read_state(tmp_path / "c.npz").step == 1


def test_a_full_disk_leaves_the_last_checkpoint_intact(tmp_path):
    _model, optimizer, average = make(units=600)
    path = tmp_path / "c.npz"
    checkpoint.save(path, state=State(step=1), average=average, optimizer=optimizer)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))  # writing beyond fails as on a full disk
    try:
        with pytest.raises(OSError, match="an earlier one is intact"):
            checkpoint.save(path, state=State(step=2), average=average, optimizer=optimizer)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert checkpoint.read_state(path).step == 1
    assert list(tmp_path.iterdir()) == [path], "no rubbish is left behind"
