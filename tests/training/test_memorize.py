"""The first thing to ask of a training program: can a small network learn a few rendered people by heart?"""

from __future__ import annotations

import dataclasses

import pytest

from blazepose_tf.training.experiments import SMOKE, memorizing
from blazepose_tf.training.inputs import open_data
from blazepose_tf.training.loop import train


@pytest.mark.slow
def test_tiny_learns_rendered_people_by_heart(tmp_path):
    joint = dataclasses.replace(SMOKE.stages[-1], steps=360, batch_size=16, learning_rate=1e-2, warmup_steps=40)
    data = dataclasses.replace(SMOKE.data, synthetic_examples=16)
    config = memorizing(dataclasses.replace(SMOKE, stages=(joint,), data=data, validate_every=120, validate_examples=0))
    inputs = open_data("synthetic", experiment=config, folder=tmp_path / "data")
    result = train(config, workdir=tmp_path / "run", source=inputs, validation=inputs, quiet=True)
    assert result.scores["pck_torso"] >= 0.95, (tmp_path / "run" / "validation.csv").read_text()
