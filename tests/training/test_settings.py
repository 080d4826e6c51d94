"""Configurations: overrides by type and name, errors that help, JSON round trip."""

from __future__ import annotations

import pytest

from blazepose_tf.data import config as config_lib
from blazepose_tf.training import settings
from blazepose_tf.training.config import Experiment, Stage
from blazepose_tf.training.experiments import EXPERIMENTS, experiment

BASE = Experiment(
    name="x", variant="tiny", stages=(Stage("a", trains="heatmaps", steps=5), Stage("b", epochs=2.0, warmup_steps=7))
)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiments_survive_json(name):
    assert settings.from_json(settings.to_json(EXPERIMENTS[name])) == EXPERIMENTS[name]


def test_values_get_the_type_of_their_field():
    changed = settings.override(
        BASE,
        ["variant=full", "seed=3", "stop_gradient=false", "losses.coordinates=wing", "data.tracker.view.rotation_std=5",
         "data.tracker.dataset_weights.lspet=0.5", 'data.detector.dataset_weights={"lsp": 2}'],
    )  # fmt: skip
    assert (changed.variant, changed.seed, changed.stop_gradient) == ("full", 3, False)
    assert changed.losses.coordinates == "wing"
    assert changed.data.tracker.view.rotation_std == 5.0
    assert changed.data.detector.dataset_weights == {"lsp": 2}
    assert changed.data.tracker.dataset_weights == {"lspet": 0.5}
    assert BASE.variant == "tiny"
    assert settings.from_json(settings.to_json(changed)) == changed


def test_stages_are_reached_by_name_and_index():
    changed = settings.override(BASE, ["stages.a.steps=9", "stages.1.learning_rate=1e-3", "stages.b.batch_size=8"])
    assert [s.steps for s in changed.stages] == [9, 0]
    assert (changed.stages[1].learning_rate, changed.stages[1].batch_size) == (1e-3, 8)


def test_a_length_in_steps_takes_back_the_one_in_epochs():
    stage = settings.override(BASE, ["stages.b.steps=100"]).stages[1]
    assert (stage.steps, stage.epochs) == (100, 0.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("losses.cordinates=l1", "unknown setting 'losses.cordinates'; did you mean 'losses.coordinates'"),
        ("rotation_std=3", "unknown setting 'rotation_std'; did you mean 'data.tracker.view.rotation_std'?"),
        ("stages.a.learning_rat=1", "did you mean 'stages.a.learning_rate'?"),
        ("loses.knee=1", "unknown setting 'loses'; did you mean 'losses'?"),
        ("stages.c.steps=1", "unknown setting 'stages.c'"),
        ("seed=one", "'seed' needs a value of type int. Received: 'one'"),
        ("stop_gradient=maybe", "'stop_gradient' needs a value of type bool"),
        ("losses=l1", "'losses' is a group"),
        ("seed.x=1", "'seed' is a value, not a group"),
        ("seed", "expected path=value"),
        ("losses.coordinates=l3", "losses.coordinates must be one of"),
        ("stages.a.steps=0", "give either steps or epochs"),
        ("keypoints=coco_18", "keypoints must be one of"),
        ("heatmaps=false", "stages ['a'] train a part of the network"),
        ("precision=float64", "precision must be one of"),
    ],
)
def test_mistakes_are_named(text, message):
    with pytest.raises(ValueError) as error:
        settings.override(BASE, [text])
    assert message in str(error.value)


def test_some_stages_of_an_experiment_in_its_order():
    lite = experiment("tracker_lite")
    assert [s.name for s in lite.with_stages(["settle", "joint"]).stages] == ["joint", "settle"]
    assert lite.with_stages([]) is lite
    with pytest.raises(ValueError, match="no stage tail"):
        lite.with_stages(["tail"])


def test_a_stage_weakens_the_augmentation_and_nothing_else():
    plain = config_lib.TrackerDataConfig()
    third = config_lib.weakened(plain, 0.25)
    assert third.view.rotation_std == 3.0 and third.view.rotation_limit == 30.0
    assert third.photometric.tone_limit == 0.125 and third.occlusion.probability == 0.0375
    assert third.view.mirror_probability == 0.5 and third.negative_probability == plain.negative_probability
    assert config_lib.weakened(plain, 1.0) == plain
    still = config_lib.weakened(config_lib.DetectorDataConfig(), 0.0)
    assert still.rotation_std == 0.0 and still.plain_probability == 0.35 and still.scale_max == 2.2


def test_own_keypoints_by_name():
    changed = settings.override(BASE, ["keypoints=nose,left_wrist,right_wrist"])
    assert changed.spec(128).keypoint_names == ("nose", "left_wrist", "right_wrist")


def test_unknown_experiment_names_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'tracker_lite'"):
        experiment("tracker_light")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "c.json:1:2: not valid JSON"),
        ('{"nam": "x"}', "c.json: unknown setting 'nam'; did you mean 'name'"),
        ("[]", "c.json: expected an object at the top"),
        ('{"stages": [{"name": "a", "steps": 1}]}', "c.json: .*missing 1 required .*'name'"),
        ('{"name": "x", "stages": 3}', "c.json: stages: expected a list. Received: 3"),
        ('{"name": "x", "stages": [[]]}', r"c.json: expected an object at stages\.0\."),
        ('{"name": "x", "stages": [{"name": "a", "steps": "many"}]}', r"stages\.0\.steps: expected a whole number"),
        ('{"name": "x", "stages": [{"name": "a", "steps": 1.5}]}', r"stages\.0\.steps: expected a whole number"),
        ('{"name": "x", "optimizer": {"beta_1": NaN}}', r"c.json: optimizer\.beta_1: expected a finite number"),
        ('{"name": null}', "c.json: name: expected text. Received: None"),
        (
            '{"name": "x", "data": {"tracker": {"dataset_weights": {"a": "b"}}}}',
            r"dataset_weights: a: expected a finite",
        ),
    ],
)
def test_damaged_configurations_end_in_one_line(text, message):
    with pytest.raises(ValueError, match=message) as caught:
        settings.from_json(text, where="c.json")
    assert "\n" not in str(caught.value)


def test_whole_numbers_may_be_written_as_fractions():
    text = settings.to_json(BASE).replace('"seed": 0', '"seed": 0.0').replace('"epochs": 2.0', '"epochs": 2')
    assert settings.from_json(text) == BASE


def test_a_run_of_another_version_can_go_on(caplog):
    text = settings.to_json(BASE).replace('"seed": 0', '"seed": 0, "obsolete": 1')
    assert settings.from_json(text, strict=False) == BASE
    assert "obsolete" in caplog.text
