"""The loop on rendered people: a whole run, stopping and going on, divergence, collapse, other keypoints."""

from __future__ import annotations

import csv
import dataclasses
import os
import signal

import keras
import numpy as np
import pytest
import tensorflow as tf

from blazepose_tf.models.saving import load_model
from blazepose_tf.training import checkpoint
from blazepose_tf.training import inputs as inputs_lib
from blazepose_tf.training.inputs import open_data
from blazepose_tf.training.loop import FINISHED, STOPPED, train
from blazepose_tf.training.stopping import NonFiniteLoss


@pytest.fixture(scope="module", autouse=True)
def eager():
    """A handful of steps is faster than tracing a graph for them."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def inputs(tiny_experiment, data_folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inputs_lib, "ROUND", 24)  # a new round begins within the few steps here
        return open_data("synthetic", experiment=tiny_experiment, folder=data_folder)


@pytest.fixture(scope="module")
def validation(tiny_experiment, data_folder):
    return open_data("synthetic", experiment=tiny_experiment, folder=data_folder, validation=True)


@pytest.fixture(scope="module")
def finished(tiny_experiment, inputs, validation, tmp_path_factory):
    """Working folder and result of an undisturbed run."""
    workdir = tmp_path_factory.mktemp("undisturbed")
    result = train(tiny_experiment, workdir=workdir, source=inputs, validation=validation, quiet=True)
    return workdir, result


def test_a_run_leaves_everything_behind(finished, tiny_experiment):
    workdir, result = finished
    assert (result.status, result.state.total_step, result.state.finished) == (FINISHED, 9, True)
    assert {p.name for p in workdir.iterdir()} == {
        "config.json", "run.json", "train.csv", "validation.csv", "tensorboard", "last.npz", "best.npz", "model.keras",
    }  # fmt: skip
    sides = {f"{part}_{kind}" for part in ("legs", "knee", "ankle") for kind in ("as_one", "exchanged")} | {"mirrored"}
    by_output = {f"{name}{output}" for name in {"pck_torso"} | sides for output in ("", "_heatmaps", "_refined")}
    assert by_output | {"variation"} == set(result.scores)
    with open(workdir / "train.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [2, 4, 6, 8, 9]
    assert rows[0]["landmarks_loss"] == "" and float(rows[-1]["landmarks_loss"]) > 0
    model, description = load_model(workdir / "model.keras")
    assert description.spec == tiny_experiment.spec(128)
    average = checkpoint.read_weights(workdir / "last.npz")
    np.testing.assert_array_equal(np.array(model.get_layer("f2_0_conv").kernel), average["f2_0_conv/kernel"])


def test_a_stopped_run_goes_on_to_the_same_weights(finished, tiny_experiment, inputs, validation, tmp_path):
    """Stopped by a real signal in the second stage and the second round."""
    workdir, _ = finished
    stopping = StopAfter(inputs, 7)
    result = train(tiny_experiment, workdir=tmp_path, source=stopping, validation=validation, resume=True, quiet=True)
    assert (result.status, result.signal_number) == (STOPPED, signal.SIGTERM)
    assert (result.state.total_step, result.state.stage, result.state.epoch) == (7, 1, 1)
    result = train(tiny_experiment, workdir=tmp_path, source=inputs, validation=validation, resume=True, quiet=True)
    assert result.status == FINISHED
    with np.load(workdir / "last.npz") as straight, np.load(tmp_path / "last.npz") as resumed:
        assert set(straight.files) == set(resumed.files)
        for key in straight.files:
            np.testing.assert_array_equal(straight[key], resumed[key], err_msg=key)
    assert (workdir / "validation.csv").read_text() == (tmp_path / "validation.csv").read_text()


class StopAfter:
    """The same batches, and SIGTERM to this process while the given step (of all) is prepared."""

    def __init__(self, inputs, step: int):
        self.inputs = inputs
        self.step = step

    def __getattr__(self, name):
        return getattr(self.inputs, name)

    def batches(self, stage, *, epoch: int, skip_batches: int):
        done = epoch * self.inputs.steps_per_epoch(stage) + skip_batches
        for batch in self.inputs.batches(stage, epoch=epoch, skip_batches=skip_batches):
            done += 1
            if done == self.step:
                os.kill(os.getpid(), signal.SIGTERM)
            yield batch


def test_weights_without_a_place_in_a_stage_wait_for_the_next(finished, tiny_experiment, inputs, tmp_path):
    """A heatmap stage has no regression: that of `init_from` must not be lost in it, stopped and resumed or not."""
    first, second = tiny_experiment.stages
    still = dataclasses.replace(second, trains="regression", steps=1, learning_rate=1e-12)
    experiment = dataclasses.replace(tiny_experiment, stages=(first, still))
    start = finished[0] / "model.keras"
    train(experiment, workdir=tmp_path / "straight", source=inputs, init_from=start, quiet=True)
    before, after = (load_model(p)[0] for p in (start, tmp_path / "straight" / "model.keras"))
    for layer in ("coordinates_0_conv", "presence_0_conv"):
        kernel = np.array(before.get_layer(layer).kernel)
        assert np.abs(kernel).max() > 1e-4
        np.testing.assert_allclose(np.array(after.get_layer(layer).kernel), kernel, atol=1e-6)
    stem = [np.array(model.get_layer("f2_0_conv").kernel) for model in (before, after)]
    assert np.abs(stem[0] - stem[1]).max() > 1e-4  # the heatmap stage did train
    stopped = tmp_path / "stopped"
    train(experiment, workdir=stopped, source=StopAfter(inputs, 2), init_from=start, quiet=True)
    result = train(experiment, workdir=stopped, source=inputs, resume=True, quiet=True)
    assert result.status == FINISHED
    with np.load(tmp_path / "straight" / "last.npz") as straight, np.load(stopped / "last.npz") as resumed:
        for key in straight.files:
            np.testing.assert_array_equal(straight[key], resumed[key], err_msg=key)


def test_a_started_folder_is_not_overwritten(finished, tiny_experiment, inputs):
    workdir, _ = finished
    with pytest.raises(ValueError, match="give --resume to go on"):
        train(tiny_experiment, workdir=workdir, source=inputs)
    other = dataclasses.replace(tiny_experiment, seed=5)
    with pytest.raises(ValueError, match="another configuration: seed: 0 -> 5"):
        train(other, workdir=workdir, source=inputs, resume=True)


def test_divergence_stops_and_keeps_the_last_good_checkpoint(tiny_experiment, inputs, tmp_path):
    stage = dataclasses.replace(tiny_experiment.stages[0], steps=60, learning_rate=1e19, warmup_steps=30)
    wild = dataclasses.replace(tiny_experiment, stages=(stage,), checkpoint_every=1)
    with pytest.raises(NonFiniteLoss, match=r"(last\.npz)|(not finite)"):
        train(wild, workdir=tmp_path, source=inputs, quiet=True)
    values = checkpoint.read_weights(tmp_path / "last.npz", averaged=False)
    assert all(np.isfinite(value).all() for value in values.values())


def test_collapse_is_reported(tiny_experiment, inputs, validation, tmp_path, caplog):
    # A rate of almost nothing leaves the regression at the mean pose: the same answer for every picture.
    stage = dataclasses.replace(tiny_experiment.stages[1], steps=4, learning_rate=1e-9)
    still = dataclasses.replace(tiny_experiment, stages=(stage,))
    train(still, workdir=tmp_path, source=inputs, validation=validation, quiet=True)
    assert "hardly vary with the picture" in caplog.text


def test_own_keypoints_start_from_another_model(finished, tiny_experiment, inputs, tmp_path, caplog):
    """Five keypoints on top of a model with 17: everything is taken, of the heads the rows of those five."""
    workdir, _ = finished
    caplog.set_level("INFO")
    names = "nose,left_wrist,right_wrist,left_ankle,right_ankle"
    stage = dataclasses.replace(tiny_experiment.stages[1], steps=2, learning_rate=1e-9)
    own = dataclasses.replace(tiny_experiment, keypoints=names, stages=(stage,))
    five = type(inputs)(inputs.sources, own)
    train(own, workdir=tmp_path, source=five, validation=five, init_from=workdir / "model.keras", quiet=True)
    before, after = keras.models.load_model(workdir / "model.keras"), load_model(tmp_path / "model.keras")
    assert after[1].spec.keypoint_names == tuple(names.split(","))
    assert after[0].output["landmarks"].shape == (None, 5, 3)
    kernel = "decoder_d4_0_project"
    np.testing.assert_allclose(
        np.array(after[0].get_layer(kernel).kernel), np.array(before.get_layer(kernel).kernel), atol=1e-6
    )
    rows = [tiny_experiment.keypoint_names.index(name) for name in names.split(",")]
    for head, count in (("heatmaps_0_conv", 1), ("coordinates_0_conv", 2), ("visibility_0_conv", 1)):
        known, own = (np.array(model.get_layer(head).kernel) for model in (before, after[0]))
        known, own = (kernel.reshape(*kernel.shape[:-1], -1, count) for kernel in (known, own))
        np.testing.assert_allclose(own, known[..., rows, :], atol=1e-6)
    assert "carried over" in caplog.text and "of another shape" not in caplog.text and " new: " not in caplog.text
    assert "pck_circle" in (tmp_path / "validation.csv").read_text()


def test_mean_pose_of_the_data(inputs, tiny_experiment):
    pose = inputs.mean_pose()
    names = tiny_experiment.keypoint_names
    hips = pose[[names.index("left_hip"), names.index("right_hip")]].mean(axis=0)
    np.testing.assert_allclose(hips, [0.5, 0.5], atol=0.02)
    assert pose[names.index("nose"), 1] < 0.4 < 0.6 < pose[names.index("left_ankle"), 1]
