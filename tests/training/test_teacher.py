"""Heatmaps of a finished tracker beside those of the labels."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from blazepose_tf import topology
from blazepose_tf.codecs import heatmaps as heatmap_codec
from blazepose_tf.models import build_tracker
from blazepose_tf.models.saving import Description, save_model
from blazepose_tf.specs import HEATMAPS, LANDMARKS, TrackerSpec
from blazepose_tf.training import settings
from blazepose_tf.training.config import Stage
from blazepose_tf.training.inputs import open_data
from blazepose_tf.training.loop import FINISHED, train
from blazepose_tf.training.teacher import blended

SIZE = 64
DETECTOR = {"model": "detector", "variant": "blazeface", "stages": (Stage("joint", steps=1),)}


def maps(*points) -> np.ndarray:
    """(1, 64, 64, K) with a Gaussian at each (x, y, height), in cells."""
    points = np.array([points], np.float32)
    found, _, _ = heatmap_codec.encode(points[..., :2], np.ones(points.shape[:2], np.float32), size=SIZE, stride=1.0)
    return found * points[..., 2][:, None, None]


def test_where_both_mean_one_place_the_target_is_between_them():
    label, teacher = maps((20.5, 30.5, 1)), maps((22.5, 30.5, 0.6))
    targets, weights = blended(teacher, label, np.float32([[0.8]]), share=0.7)
    np.testing.assert_allclose(targets, 0.7 * teacher + 0.3 * label, atol=1e-6)
    assert weights.tolist() == [[np.float32(0.8)]]


def test_a_label_that_the_teacher_looks_for_elsewhere_stays_alone():
    label = maps((20.5, 30.5, 1))
    targets, _ = blended(maps((25.5, 30.5, 0.9)), label, np.float32([[1]]), share=0.7)
    np.testing.assert_array_equal(targets, label)


def test_points_without_a_label_are_taught_where_the_teacher_is_sure():
    label = maps((20.5, 30.5, 1), (0, 0, 0), (0, 0, 0))
    teacher = maps((20.5, 30.5, 0.9), (40.5, 12.5, 0.6), (50.5, 12.5, 0.3))
    targets, weights = blended(teacher, label, np.float32([[0.8, 0, 0]]), share=1.0)
    np.testing.assert_allclose(targets[..., 1], teacher[..., 1])
    assert not targets[..., 2].any()
    np.testing.assert_allclose(weights, [[0.8, 0.4, 0]])


def test_nobody_stays_nobody_whatever_the_teacher_imagines():
    """Empty maps of a picture without people, and those of one that does not count at all."""
    teacher, label = maps((20.5, 30.5, 0.9)), maps((20.5, 30.5, 0))
    for weight in (0.1, 0.0):
        targets, weights = blended(teacher, label, np.float32([[weight]]), share=0.7)
        assert not targets.any() and weights.tolist() == [[np.float32(weight)]]


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A tracker file of the tiny experiment's size whose maps are those of its random weights."""
    spec = TrackerSpec(input_size=128, keypoint_names=topology.COCO_17[:5])
    path = tmp_path_factory.mktemp("teacher") / "teacher.keras"
    save_model(build_tracker(spec, variant="tiny"), path, Description("tiny", spec))
    return path


def taught_by(experiment, teacher, **settings):
    return dataclasses.replace(experiment, data=dataclasses.replace(experiment.data, teacher=str(teacher), **settings))


def test_a_shipped_tracker_teaches_beside_the_labels(tiny_experiment, testdata_dir, tmp_path):
    """Rendered people: the targets of a LiteRT file differ from the labels' and mean the same places."""
    stage = Stage("joint", steps=1, batch_size=6)
    experiment = dataclasses.replace(tiny_experiment, stages=(stage,))
    batches = []
    for with_teacher in (experiment, taught_by(experiment, "lite")):
        inputs = open_data(str(testdata_dir / "people" / "people.json"), experiment=with_teacher, folder=tmp_path)
        batches.append(next(inputs.batches(stage, epoch=0)))
    (_, plain, weights), (_, taught, also) = batches
    label, blend = np.asarray(plain[HEATMAPS]), taught[HEATMAPS]
    np.testing.assert_array_equal(np.asarray(plain[LANDMARKS]), np.asarray(taught[LANDMARKS]))
    labelled = label.max(axis=(1, 2)) > 0.9
    changed = np.abs(blend - label).max(axis=(1, 2)) > 0.05
    assert labelled.sum() > 60 and 0.6 < changed[labelled].mean() <= 1
    peaks = [m.reshape(len(m), -1, m.shape[-1]).argmax(axis=1) for m in (label, blend)]
    apart = np.hypot(*(np.array(np.divmod(peaks[0], 64)) - np.array(np.divmod(peaks[1], 64))))
    assert apart[labelled].max() <= 4
    assert (np.asarray(weights[HEATMAPS]) > 0).sum() <= (also[HEATMAPS] > 0).sum()


def test_points_that_the_teacher_does_not_know_have_their_labels_alone(tiny_experiment, own, data_folder):
    experiment = taught_by(tiny_experiment, own, teacher_share=1.0)
    stage = experiment.stages[0]
    plain = next(open_data("synthetic", experiment=tiny_experiment, folder=data_folder).batches(stage, epoch=0))
    taught = next(open_data("synthetic", experiment=experiment, folder=data_folder).batches(stage, epoch=0))
    np.testing.assert_array_equal(np.asarray(plain[1][HEATMAPS])[..., 5:], taught[1][HEATMAPS][..., 5:])


def test_two_runs_with_a_teacher_end_with_the_same_weights(tiny_experiment, own, data_folder, tmp_path):
    """The batches are prepared in a thread of their own, and a run goes on with the teacher of its configuration."""
    experiment = taught_by(tiny_experiment, own)
    tf.config.run_functions_eagerly(True)
    try:
        inputs = open_data("synthetic", experiment=experiment, folder=data_folder)
        for name in ("one", "other"):
            assert train(experiment, workdir=tmp_path / name, source=inputs, quiet=True).status == FINISHED
    finally:
        tf.config.run_functions_eagerly(False)
    with np.load(tmp_path / "one" / "last.npz") as one, np.load(tmp_path / "other" / "last.npz") as other:
        for name in one.files:
            np.testing.assert_array_equal(one[name], other[name])
    assert settings.read(tmp_path / "one" / "config.json") == experiment


@pytest.mark.parametrize(
    ("teacher", "changes", "message"),
    [
        ("blazeface", {}, "expected a tracker"),
        ("lite", {}, "reads crops of 128 px in .* heatmaps of 32 cells. Received: 256 px"),
        ("own", {"keypoints": "left_hip,right_hip,left_shoulder,right_shoulder"}, "knows none of the points left_hip"),
        ("own", DETECTOR, "only heatmaps of a tracker have a teacher"),
        ("nowhere.tflite", {}, "no such model file"),
    ],
)
def test_what_is_no_teacher_is_refused_before_anything_trains(
    teacher, changes, message, tiny_experiment, own, data_folder
):
    experiment = taught_by(tiny_experiment, own if teacher == "own" else teacher)
    experiment = dataclasses.replace(experiment, **changes)
    with pytest.raises((ValueError, OSError), match=message):
        open_data("synthetic", experiment=experiment, folder=data_folder)
