"""A tiny experiment on a dozen rendered people."""

from __future__ import annotations

import pytest

from blazepose_tf.training.config import Data, Experiment, Optimizer, Stage


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
