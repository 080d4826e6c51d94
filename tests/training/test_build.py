"""Which weights learn in each stage, by taking one real step and looking at what moved."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest

from blazepose_tf.training.build import build_losses, build_model, compile_for
from blazepose_tf.training.config import Experiment, Losses, Optimizer, Stage
from blazepose_tf.training.optimizers import in_regression

BATCH, SIZE, POINTS = 2, 128, 33
BASE = Experiment(
    name="x",
    variant="tiny",
    optimizer=Optimizer(weight_decay=0.0),
    stages=(Stage("joint", steps=4, input_size=SIZE, batch_size=BATCH, warmup_steps=0),),
)


def batch():
    rng = np.random.default_rng(0)
    cells = SIZE // 4
    targets = {
        "landmarks": rng.uniform(20, 100, (BATCH, POINTS, 3)).astype(np.float32),
        "pose_presence": np.ones((BATCH, 1), np.float32),
        "alignment": rng.uniform(20, 100, (BATCH, 2, 2)).astype(np.float32),
        "heatmaps": rng.uniform(0, 1, (BATCH, cells, cells, POINTS)).astype(np.float32),
        "offsets": np.ones((BATCH, cells, cells, 4 * POINTS), np.float32),
    }
    targets["landmarks"][..., 2] = 1.0
    weights = {
        "landmarks": np.ones((BATCH, POINTS), np.float32),
        "pose_presence": np.ones(BATCH, np.float32),
        "alignment": np.ones((BATCH, 2), np.float32),
        "heatmaps": np.ones((BATCH, POINTS), np.float32),
        "offsets": np.ones((BATCH, POINTS), np.float32),
    }
    return rng.uniform(0, 1, (BATCH, SIZE, SIZE, 3)).astype(np.float32), targets, weights


def moved(experiment: Experiment) -> tuple[set[str], keras.Model]:
    """Paths of the weights that two steps change (normalisation statistics included)."""
    stage = experiment.stages[0]
    model = build_model(experiment, stage)
    compiled, names = compile_for(model, experiment, stage, steps=4)
    compiled.run_eagerly = True
    before = {v.path: np.array(v) for v in model.weights}
    image, targets, weights = batch()
    for _ in range(2):  # the heads start at zero: the layers below them learn from the second step on
        compiled.train_on_batch(image, {n: targets[n] for n in names}, sample_weight={n: weights[n] for n in names})
    return {v.path for v in model.weights if not np.array_equal(before[v.path], np.array(v))}, model


def split(model: keras.Model) -> tuple[set[str], set[str]]:
    """Paths of the heatmap network and of the regression network."""
    regression = {v.path for v in model.weights if in_regression(v)}
    return {v.path for v in model.weights} - regression, regression


def stage_of(trains: str, **changes) -> Experiment:
    return dataclasses.replace(BASE, stages=(dataclasses.replace(BASE.stages[0], trains=trains),), **changes)


def test_heatmap_stage_has_and_teaches_the_heatmap_network_only():
    learned, model = moved(stage_of("heatmaps"))
    assert set(model.output) == {"heatmaps", "offsets"}
    assert learned == {v.path for v in model.weights}


def test_regression_stage_leaves_the_heatmap_network_alone():
    learned, model = moved(stage_of("regression"))
    heatmap, regression = split(model)
    assert not learned & heatmap, "statistics of frozen normalisations count as well"
    assert learned == regression


def test_running_statistics_stay_and_normalise():
    stage = dataclasses.replace(BASE.stages[0], trains="regression", running_statistics=True)
    experiment = dataclasses.replace(BASE, stages=(stage,))
    learned, model = moved(experiment)
    _, regression = split(model)
    # What stands before a kernel of zeros has no gradient in the first step.
    assert learned == {path for path in regression if "norm" not in path} - {"presence_1_conv/kernel"}
    # In training, too, an example is what it is alone: its neighbours in the batch do not move it.
    image = batch()[0]
    together = np.array(model(image, training=True)["landmarks"])
    np.testing.assert_allclose(together[:1], np.array(model(image[:1], training=True)["landmarks"]), atol=1e-3)


def test_joint_stage_teaches_everything():
    learned, model = moved(stage_of("joint"))
    assert learned == {v.path for v in model.weights}


def test_the_gradient_stop_is_an_ablation():
    # Without losses on the heatmaps their features learn only if the regression's gradients reach them.
    quiet = Losses(heatmaps=0.0, offsets=0.0)
    for stop, reached in ((True, False), (False, True)):
        learned, model = moved(stage_of("joint", losses=quiet, stop_gradient=stop))
        kernels = {p for p in split(model)[0] if "kernel" in p and not p.startswith("heatmaps")}
        assert bool(learned & kernels) == reached
        assert not {p for p in learned if p.startswith("heatmaps")}


def test_without_heatmaps_the_regression_teaches_all():
    learned, model = moved(stage_of("joint", heatmaps=False))
    assert "heatmaps" not in model.output
    assert learned == {v.path for v in model.weights}


def test_without_their_loss_there_are_no_offsets():
    learned, model = moved(stage_of("heatmaps", losses=Losses(offsets=0.0)))
    assert set(model.output) == {"heatmaps"}
    assert learned == {v.path for v in model.weights}
    assert not any(path.startswith("offsets") for path in learned)


@pytest.mark.parametrize("kind", ["l1", "wing", "rle"])
def test_coordinate_losses_are_a_flag(kind):
    learned, model = moved(stage_of("regression", losses=Losses(coordinates=kind)))
    assert "coordinates_0_conv/kernel" in learned
    assert model.output["landmarks"].shape == (None, POINTS, 3), "the scale of rle is no part of the model"


def test_a_stage_without_a_loss_is_refused():
    with pytest.raises(ValueError, match="no loss with a weight above 0"):
        build_losses(Losses(heatmaps=0.0, offsets=0.0), stage=Stage("a", "heatmaps", steps=1), outputs=("heatmaps",))


def test_weights_are_a_function_of_the_seed():
    stage = BASE.stages[0]
    first, again = (build_model(BASE, stage).get_weights() for _ in range(2))
    other = build_model(dataclasses.replace(BASE, seed=1), stage).get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_mixed_precision_computes_in_half_and_keeps_float32_weights_and_outputs():
    model = build_model(dataclasses.replace(BASE, precision="mixed_bfloat16"), BASE.stages[0])
    assert model.get_layer("f4_0_project").compute_dtype == "bfloat16"
    assert {str(v.dtype) for v in model.weights} == {"float32"}
    assert {name: str(t.dtype) for name, t in model.output.items()}.items() >= {"landmarks": "float32"}.items()
    assert keras.config.dtype_policy().name == "float32"
