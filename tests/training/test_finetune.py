"""The experiment `finetune`: made for the model that it starts from; own keypoints begin with what is known of them."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from blazepose_tf import topology
from blazepose_tf.models import Description, build_tracker, save_model
from blazepose_tf.models.heads import mean_pose_of
from blazepose_tf.models.mean_pose import mean_pose
from blazepose_tf.models.presets import DETECTORS
from blazepose_tf.models.weights import describe, load_described, transfer, values_of
from blazepose_tf.runtime.weights import weight_file
from blazepose_tf.specs import DetectorSpec, TrackerSpec
from blazepose_tf.training import plan
from blazepose_tf.training.build import build_model
from blazepose_tf.training.finetune import FINETUNE, finetune
from blazepose_tf.training.inputs import open_data
from blazepose_tf.training.loop import train

SQUAT = tuple(f"{side}_{part}" for part in ("shoulder", "hip", "knee", "ankle") for side in ("left", "right"))


@pytest.mark.parametrize("name", ["lite", "full"])
def test_a_tracker_gives_variant_size_and_keypoints(name):
    experiment = finetune(*describe(weight_file(f"{name}.npz")))
    assert (experiment.model, experiment.variant, experiment.keypoint_names) == ("tracker", name, topology.KEYPOINTS)
    assert [stage.input_size for stage in experiment.stages] == [256]
    own = finetune(Description("lite", TrackerSpec(128, SQUAT)))
    assert (own.keypoint_names, own.stages[0].input_size) == (SQUAT, 128)


def test_what_a_tracker_knows_beside_its_points_goes_on():
    path = weight_file("lite_3d.npz")
    experiment = finetune(*describe(path))
    assert (experiment.depth, experiment.world, experiment.mask) == (True, True, True)
    report = transfer(values_of(path), build_model(experiment, experiment.stages[0]))
    assert not (report.missing or report.mismatched)
    assert not [name for name in report.unused if not name.startswith("offsets")]
    plain = finetune(*describe(weight_file("lite.npz")))
    assert not (plain.depth or plain.world or plain.mask)


def test_mediapipes_other_outputs_do_not():
    spec = TrackerSpec(256, mediapipe_head=True, depth=True)
    experiment = finetune(Description("ghum_lite", spec), {"world", "segmentation"})
    assert not (experiment.depth or experiment.world or experiment.mask)


def test_a_detector_has_one_stage_of_its_size():
    spec = dataclasses.replace(DETECTORS["blazeface"].spec, input_size=160, score_threshold=0.31)
    experiment = finetune(Description("blazeface", spec))
    assert (experiment.model, experiment.variant, len(experiment.stages)) == ("detector", "blazeface", 1)
    assert experiment.spec(experiment.stages[0].input_size) == spec
    with pytest.raises(ValueError, match="score_threshold"):
        dataclasses.replace(experiment, score_threshold=1.0)


def test_the_shipped_detector_goes_on_whole():
    path = weight_file("blazeface.npz")
    description, _ = describe(path)
    experiment = finetune(description)
    assert experiment.spec(experiment.stages[0].input_size) == description.spec
    report = transfer(values_of(path), build_model(experiment, experiment.stages[0]))
    assert not (report.missing or report.mismatched or report.unused)


def test_a_detector_of_other_anchors_is_refused():
    with pytest.raises(ValueError, match=r"anchors_per_cell=\(1,\) \(not \(2,\)\)"):
        finetune(Description("blazeface", DetectorSpec(160)))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A tracker of 33 points whose heads say something."""
    model = build_tracker(TrackerSpec(128), variant="tiny", offsets=False)
    rng = np.random.default_rng(0)
    for variable in model.weights:
        if "_0_conv" in variable.path:
            variable.assign(rng.normal(0, 0.05, variable.shape))
    path = tmp_path_factory.mktemp("source") / "model.keras"
    save_model(model, path, Description("tiny", TrackerSpec(128)))
    return path


def test_keypoints_that_the_source_has_start_as_they_were(source):
    names = (*SQUAT, "left_glove", "right_glove")
    rows = topology.indices(SQUAT)
    values = values_of(source, keypoints=names)
    old = load_described(source)[0]
    pose = mean_pose_of(old)
    new_pose = np.concatenate([pose[rows], [[0.3, 0.4], [0.7, 0.4]]]).astype(np.float32)
    model = build_tracker(TrackerSpec(128, names), variant="tiny", offsets=False, mean_pose=new_pose)
    report = transfer(values, model)
    assert not (report.missing or report.mismatched)
    known, own = ({w.path: w.numpy() for w in m.weights} for m in (old, model))
    for head, count in (("heatmaps_0_conv", 1), ("coordinates_0_conv", 2), ("visibility_0_conv", 1)):
        for part in ("kernel", "bias"):
            before, after = (values[f"{head}/{part}"] for values in (known, own))
            before, after = (v.reshape(*v.shape[:-1], -1, count) for v in (before, after))
            np.testing.assert_array_equal(after[..., :8, :], before[..., rows, :])
    images = np.random.default_rng(1).uniform(size=(2, 128, 128, 3)).astype(np.float32)
    before, after = (m.predict(images, verbose=0) for m in (old, model))
    # Up to rounding: a product with fewer columns adds up in another order.
    near = {"rtol": 1e-5, "atol": 1e-2}
    np.testing.assert_allclose(after["landmarks"][:, :8], before["landmarks"][:, rows], **near)
    np.testing.assert_allclose(after["heatmaps"][..., :8], before["heatmaps"][..., rows], **near)
    for name in ("alignment", "pose_presence"):
        np.testing.assert_array_equal(after[name], before[name])
    # What is new says nothing yet: hardly any heat, everyone in the same place.
    np.testing.assert_allclose(after["heatmaps"][..., 8:], -4.0, atol=1e-6)
    np.testing.assert_allclose(after["landmarks"][:, 8:, :2], 128 * new_pose[None, 8:].repeat(2, 0), atol=0.05)


def test_mediapipes_heads_become_ours():
    spec = TrackerSpec(128, mediapipe_head=True)
    old = build_tracker(spec, variant="tiny")
    rng = np.random.default_rng(0)
    for variable in old.weights:
        if "_0_conv/kernel" in variable.path and not variable.path.startswith("f"):
            variable.assign(rng.normal(0, 0.01, variable.shape))
    pose = mean_pose(topology.KEYPOINTS) + 0.01
    new = build_tracker(TrackerSpec(128), variant="tiny", offsets=False, mean_pose=pose)
    report = transfer(values_of(old, keypoints=topology.KEYPOINTS), new)
    # What ours has beside them has no say before it is taught.
    assert {name.split("/")[0] for name in report.missing} == {
        "presence_1_conv",
        "presence_1_norm",
        "presence_2_0_conv",
    }
    assert not report.mismatched
    images = rng.uniform(size=(2, 128, 128, 3)).astype(np.float32)
    before, after = (m.predict(images, verbose=0) for m in (old, new))
    theirs = before["landmarks"].reshape(2, 39, 5)
    assert np.abs(theirs[0, :33, :2] - theirs[1, :33, :2]).max() > 0.5
    near = {"rtol": 1e-4, "atol": 0.02}
    np.testing.assert_allclose(after["landmarks"], theirs[:, :33, [0, 1, 3]], **near)
    np.testing.assert_allclose(after["alignment"], theirs[:, 33:35, :2], **near)
    np.testing.assert_allclose(after["heatmaps"], before["heatmaps"][..., :33], **near)
    np.testing.assert_allclose(after["pose_presence"], before["pose_presence"], **near)


@pytest.mark.slow
def test_a_run_goes_on_from_the_mean_pose_of_its_source(source, tmp_path, data_folder):
    experiment = finetune(*describe(source))
    stages = tuple(
        dataclasses.replace(stage, steps=1, batch_size=2, learning_rate=1e-30, warmup_steps=0)
        for stage in experiment.stages
    )
    data = dataclasses.replace(experiment.data, synthetic_examples=24)
    experiment = dataclasses.replace(
        experiment, stages=stages, data=data, keypoints=",".join((*SQUAT, "left_glove", "right_glove")), pictures=0
    )
    inputs = open_data("synthetic", experiment=experiment, folder=data_folder)
    train(experiment, workdir=tmp_path / "run", source=inputs, init_from=source, quiet=True)
    poses = [mean_pose_of(load_described(p)[0]) for p in (source, tmp_path / "run" / "model.keras")]
    np.testing.assert_array_equal(poses[1][:8], poses[0][topology.indices(SQUAT)])


@pytest.fixture
def tiny_inputs(tiny_experiment, data_folder):
    return open_data("synthetic", experiment=tiny_experiment, folder=data_folder)


def test_a_budget_becomes_steps_in_the_same_proportions(tiny_experiment, tiny_inputs):
    # 4 steps of 1 s and 5 of 0.5 s: 6.5 s. A minute, 15 % of it for the rest, holds them 7.8 times.
    speeds = [plan.Speed("first", 1.0), plan.Speed("second", 0.5)]
    planned = plan.within(tiny_experiment, tiny_inputs, speeds, 1.0)
    assert [stage.steps for stage in planned.stages] == [31, 39]
    with pytest.raises(ValueError, match=r"0.1 minutes are too few for stage 'first' on this machine: at least 0.3"):
        plan.within(tiny_experiment, tiny_inputs, speeds, 0.1)


def test_the_plan_says_steps_and_times(tiny_experiment, tiny_inputs):
    speeds = [plan.Speed("first", 300.0), plan.Speed("second", 1500.0)]
    assert plan.lines(tiny_experiment, tiny_inputs, speeds) == [
        "stage 1 of 2 'first': 4 steps of 4 at 128 px, about 20 min",
        "stage 2 of 2 'second': 5 steps of 4 at 128 px, about 2 h 5 min",
        "in all about 2 h 25 min and what validation takes; 24 examples",
    ]


def test_measured_speed_is_positive_and_takes_each_kind_once(tiny_experiment, tiny_inputs):
    stages = (*tiny_experiment.stages, dataclasses.replace(tiny_experiment.stages[1], name="third"))
    speeds = plan.measure(dataclasses.replace(tiny_experiment, stages=stages), tiny_inputs)
    assert [speed.stage for speed in speeds] == ["first", "second", "third"]
    assert all(speed.seconds > 0 for speed in speeds) and speeds[1].seconds == speeds[2].seconds


@pytest.mark.slow
def test_the_command_says_its_plan_and_keeps_to_its_minutes(source, tmp_path):
    command = [
        sys.executable, "-m", "blazepose_tf", "train", "--experiment=finetune", f"--init_from={source}",
        f"--keypoints={','.join(SQUAT)}", "--data=synthetic", "--set=data.synthetic_examples=24", "--threads=1",
        "--set=stages.joint.batch_size=2", "--minutes=0.2",
        f"--workdir={tmp_path / 'run'}",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    assert "plan: stage 1 of 1 'joint': " in done.stderr and "plan: in all about " in done.stderr
    assert load_described(tmp_path / "run" / "model.keras")[1].spec.keypoint_names == SQUAT
    assert FINETUNE.stages[0].steps > 0
