"""A head that learns from features: the numbers of the whole network, resumed to the bit, more learned per crop."""

from __future__ import annotations

import dataclasses
import logging

import numpy as np
import pytest

from blazepose_tf import specs, synthetic
from blazepose_tf.models import build_detector, build_tracker
from blazepose_tf.models.presets import DETECTORS
from blazepose_tf.models.saving import infer_description, load_model
from blazepose_tf.training import heads, loop
from blazepose_tf.training.build import compile_for
from blazepose_tf.training.config import Stage
from blazepose_tf.training.distributed import Group
from blazepose_tf.training.inputs import open_data
from blazepose_tf.training.replay import FILE_NAME, Replay


def _with_a_say(model):
    """The model with a presence head that does not begin as nothing."""
    rng = np.random.default_rng(0)
    for variable in model.weights:
        if variable.path.startswith("presence") and "conv" in variable.path:
            variable.assign(rng.normal(0, 0.05, variable.shape))
    return model


@pytest.fixture(scope="module")
def tracker():
    return _with_a_say(build_tracker(specs.TrackerSpec(128), variant="tiny", offsets=False))


@pytest.fixture(scope="module")
def detector():
    return _with_a_say(build_detector(dataclasses.replace(DETECTORS["blazeface"].spec, input_size=128)))


def _experiment(model, *, steps: int = 4, replays: int = 3, **changes):
    made = heads.presence(infer_description(model))
    stage = dataclasses.replace(made.stages[0], steps=steps, batch_size=4, warmup_steps=1, replays=replays)
    data = dataclasses.replace(made.data, mean_pose_examples=0)
    return dataclasses.replace(made, stages=(stage,), data=data, pictures=0, **changes)


@pytest.fixture
def source(tmp_path):
    return synthetic.write_dataset(tmp_path / "people", 8, 3, size=(160, 160), persons=1)


def _train(experiment, model, source, folder, **more):
    inputs = open_data(str(source), experiment=experiment, folder=folder / "cache")
    loop.train(experiment, workdir=folder / "run", source=inputs, init_from=model, quiet=True, **more)
    return load_model(folder / "run" / "model.keras")[0]


def _pictures(count: int, **what) -> np.ndarray:
    rendered = [synthetic.render_sample(9, i, size=(128, 128), **what).image for i in range(count)]
    return np.stack(rendered).astype(np.float32) / 255


@pytest.mark.parametrize(("kind", "output"), [("tracker", specs.POSE_PRESENCE), ("detector", specs.LOGITS)])
def test_the_head_alone_says_what_the_whole_network_says(kind, output, request, tmp_path):
    model = request.getfixturevalue(kind)
    experiment = _experiment(model)
    (stage,) = experiment.stages
    compiled, _ = compile_for(model, experiment, stage, steps=4)
    replay = Replay(compiled, experiment, stage, steps=4, folder=tmp_path, resumed=False)
    whole = compiled.predict_on_batch(_pictures(2))[output]
    alone = replay.head.predict_on_batch(replay.trunk.predict_on_batch(_pictures(2)))[output]
    np.testing.assert_allclose(alone, whole, rtol=1e-5, atol=1e-5)
    assert {v.path for v in replay.head.trainable_variables} == {v.path for v in compiled.trainable_variables}
    assert all(v.path.startswith("presence") for v in replay.head.trainable_variables)


def test_a_run_that_was_interrupted_ends_as_one_that_was_not(tracker, source, tmp_path, monkeypatch):
    experiment = _experiment(tracker, checkpoint_every=2)
    undisturbed = _train(experiment, tracker, source, tmp_path / "a")
    assert not (tmp_path / "a" / "run" / FILE_NAME).exists()
    steps = Replay.step

    def fails(self, number, *rest):
        if number == 3:
            raise KeyboardInterrupt
        return steps(self, number, *rest)

    monkeypatch.setattr(Replay, "step", fails)
    with pytest.raises(KeyboardInterrupt):
        _train(experiment, tracker, source, tmp_path / "b")
    assert (tmp_path / "b" / "run" / FILE_NAME).exists()
    monkeypatch.undo()
    resumed = _train(experiment, tracker, source, tmp_path / "b", resume=True)
    for one, other in zip(undisturbed.weights, resumed.weights, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=one.path)


def test_features_that_are_gone_are_missed(tracker, source, tmp_path, monkeypatch, caplog):
    experiment = _experiment(tracker, checkpoint_every=2)
    steps = Replay.step
    monkeypatch.setattr(Replay, "step", lambda self, n, *rest: steps(self, n, *rest) if n < 3 else 1 / 0)
    with pytest.raises(ZeroDivisionError):
        _train(experiment, tracker, source, tmp_path)
    monkeypatch.undo()
    (tmp_path / "run" / FILE_NAME).unlink()
    with caplog.at_level(logging.WARNING):
        model = _train(experiment, tracker, source, tmp_path, resume=True)
    assert "are not learned from again" in caplog.text
    assert all(np.isfinite(v).all() for v in model.weights)


def test_more_is_learned_of_the_same_crops(tracker, source, tmp_path):
    """Everybody is there: the more updates, the surer it is."""
    said = [
        _train(_experiment(tracker, replays=replays), tracker, source, tmp_path / str(replays))
        .predict_on_batch(_pictures(2, persons=1))[specs.POSE_PRESENCE]
        .mean()
        for replays in (0, 12)
    ]
    assert said[1] > said[0] + 0.05


def test_all_anchors_of_a_detector_move_together(detector, source, tmp_path):
    """Whether anybody is in a picture: boxes and points stay, and so does what sets one anchor apart from another."""
    taught = _train(_experiment(detector), detector, source, tmp_path)
    before, after = (model.predict_on_batch(_pictures(2, persons=1)) for model in (detector, taught))
    np.testing.assert_allclose(after[specs.REGRESSORS], before[specs.REGRESSORS], rtol=1e-4, atol=1e-2)
    moved = after[specs.LOGITS] - before[specs.LOGITS]
    np.testing.assert_allclose(moved, np.broadcast_to(moved[:, :1], moved.shape), rtol=1e-4, atol=1e-3)
    assert np.abs(moved).min() > 0.01


def test_a_detector_without_such_a_head_is_refused():
    description = infer_description(build_detector(variant="det_2020"))
    with pytest.raises(ValueError, match="does not have"):
        heads.presence(description)


def test_replays_are_for_the_presence_and_one_process(tracker, source, tmp_path):
    with pytest.raises(ValueError, match="trains 'presence'"):
        Stage("joint", steps=3, replays=2)
    experiment = _experiment(tracker)
    inputs = open_data(str(source), experiment=experiment, folder=tmp_path / "cache")
    with pytest.raises(ValueError, match="one process"):
        loop.train(experiment, workdir=tmp_path / "run", source=inputs, group=Group(0, 2))


def test_a_detector_with_other_anchors_is_refused():
    """The first `blazeface` had anchors of faces alone: the head of today's is not built for it."""
    with pytest.raises(ValueError, match=r"is not trained with what this file has: .*proxies"):
        heads.presence(infer_description(build_detector(specs.DetectorSpec(128))))
