"""A tiny experiment on a dozen rendered people."""

from __future__ import annotations

import dataclasses

import pytest

from blazepose_tf import synthetic
from blazepose_tf.models.saving import load_model
from blazepose_tf.training import loop
from blazepose_tf.training.config import Data, Experiment, Optimizer, Stage
from blazepose_tf.training.inputs import open_data


@pytest.fixture(scope="session")
def tiny_experiment() -> Experiment:
    return Experiment(
        name="tiny",
        variant="tiny",
        keypoints="coco_17",
        stages=(
            Stage("first", trains="heatmaps", steps=4, input_size=128, batch_size=4, warmup_steps=1),
            Stage("second", steps=5, input_size=128, batch_size=4, warmup_steps=1),
        ),
        data=Data(synthetic_examples=24, mean_pose_examples=24),
        optimizer=Optimizer(ema_every=1),
        log_every=2,
        validate_every=100,
        checkpoint_every=2,
        validate_examples=4,
        pictures=2,
    )


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory):
    """Where rendered pictures and records are kept for all tests."""
    return tmp_path_factory.mktemp("rendered")


@pytest.fixture
def taught(tmp_path):
    """What a few steps of an experiment for one part make of a tracker, on six rendered people: model, description."""

    def teach(experiment: Experiment, before, *, steps: int):
        stage = dataclasses.replace(experiment.stages[0], steps=steps, batch_size=4, warmup_steps=1)
        data = dataclasses.replace(experiment.data, mean_pose_examples=0)
        experiment = dataclasses.replace(experiment, stages=(stage,), data=data)
        path = synthetic.write_dataset(tmp_path / "people", 6, 3, size=(160, 160), persons=1)
        source = open_data(str(path), experiment=experiment, folder=tmp_path / "cache")
        loop.train(experiment, workdir=tmp_path / "run", source=source, validation=None, init_from=before, quiet=True)
        return load_model(tmp_path / "run" / "model.keras")

    return teach
