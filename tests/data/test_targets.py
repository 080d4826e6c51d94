"""Samples to targets and weights."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from blazepose_tf import specs
from blazepose_tf.codecs import heatmaps as heatmap_codec
from blazepose_tf.data.config import TrackerDataConfig
from blazepose_tf.data.targets import inside, tracker_targets

SPEC = specs.TrackerSpec(input_size=128, keypoint_names=("left_hip", "right_hip", "nose", "tail"))
POINTS = np.float32([[30.0, 50.0], [61.5, 10.2], [-6.0, 40.0], [0.0, 0.0]])
STATE = np.float32([2, 1, 2, 0])  # visible, occluded, visible but outside the crop, unlabelled


def sample(**changes):
    values = {
        "points": POINTS,
        "state": STATE,
        "alignment": np.float32([[64, 64], [64, 10]]),
        "presence": np.float32(1),
        "weight": np.float32(0.5),
        "heatmap_weight": np.float32(0.1),
    }
    return {key: tf.constant(value)[None] for key, value in {**values, **changes}.items()}


@pytest.fixture(scope="module")
def person():
    return tracker_targets(sample(), spec=SPEC, config=TrackerDataConfig(outside_heatmap_weight=0.2))


def test_crop_is_half_open():
    np.testing.assert_array_equal(
        inside(tf.constant([[0.0, 0], [127.99, 3], [128, 3], [3, -0.01]]), 128.0), [True, True, False, False]
    )


def test_landmarks_carry_visibility_and_keep_coordinates_outside(person):
    targets, weights = person
    np.testing.assert_array_equal(targets["landmarks"][0, :, :2], POINTS)
    np.testing.assert_array_equal(targets["landmarks"][0, :, 2], [1, 0, 0, 0])
    np.testing.assert_array_equal(weights["landmarks"][0], [0.5, 0.5, 0.5, 0.0])


def test_presence_and_alignment_have_the_weight_of_the_sample(person):
    targets, weights = person
    assert targets["pose_presence"].shape == (1, 1)
    assert targets["pose_presence"][0, 0] == 1
    np.testing.assert_array_equal(weights["pose_presence"], [0.5])
    np.testing.assert_array_equal(targets["alignment"][0], [[64, 64], [64, 10]])
    np.testing.assert_array_equal(weights["alignment"], [[0.5, 0.5]])


def test_heatmaps_and_offsets_decode_to_the_points(person):
    targets, _ = person
    assert targets["heatmaps"].shape == (1, 32, 32, 4)
    assert targets["offsets"].shape == (1, 32, 32, 16)
    points, scores = heatmap_codec.decode(
        targets["heatmaps"].numpy()[..., :2], targets["offsets"].numpy()[..., :4], stride=4.0
    )
    np.testing.assert_allclose(points[0], POINTS[:2], atol=1e-3)
    assert scores.min() > 0.9
    offset_weights = targets["offsets"].numpy()[0, ..., 8:]
    # Around each labelled point within reach 12 or so cells are taught, x and y alike; nothing of the unlabelled one.
    assert 9 <= offset_weights[..., 0].sum() <= 16
    np.testing.assert_array_equal(offset_weights[..., 0], offset_weights[..., 1])
    assert offset_weights[..., 6:].sum() == 0


def test_heatmap_weights_tell_inside_outside_and_unlabelled_apart(person):
    _, weights = person
    np.testing.assert_allclose(weights["heatmaps"][0], [0.5, 0.5, 0.1, 0.0])
    np.testing.assert_allclose(weights["offsets"][0], [0.5, 0.5, 0.5, 0.0])


def test_negative_teaches_presence_and_empty_heatmaps_only():
    targets, weights = tracker_targets(sample(presence=np.float32(0)), spec=SPEC, config=TrackerDataConfig())
    assert targets["pose_presence"][0, 0] == 0
    assert weights["pose_presence"][0] == 0.5
    for name in ("landmarks", "alignment", "offsets"):
        assert tf.reduce_max(weights[name]) == 0
    assert tf.reduce_max(targets["heatmaps"]) == 0
    np.testing.assert_allclose(weights["heatmaps"][0], np.full(4, 0.05))


def test_sample_without_weight_counts_for_nothing():
    _, weights = tracker_targets(sample(weight=np.float32(0)), spec=SPEC, config=TrackerDataConfig())
    assert all(float(tf.reduce_max(weight)) == 0 for weight in weights.values())


def test_visibility_can_mean_inside_the_frame():
    spec = specs.TrackerSpec(input_size=128, keypoint_names=SPEC.keypoint_names, visibility=specs.INSIDE_FRAME)
    targets, _ = tracker_targets(sample(), spec=spec, config=TrackerDataConfig())
    np.testing.assert_array_equal(targets["landmarks"][0, :, 2], [1, 1, 0, 0])


def test_stages_can_leave_outputs_out():
    first = tracker_targets(sample(), spec=SPEC, config=TrackerDataConfig(coordinate_targets=False))
    assert [set(part) for part in first] == [{"heatmaps", "offsets"}] * 2
    plain = tracker_targets(sample(), spec=SPEC, config=TrackerDataConfig(offset_targets=False))
    assert [set(part) for part in plain] == [{"landmarks", "pose_presence", "alignment", "heatmaps"}] * 2
    last = tracker_targets(sample(), spec=SPEC, config=TrackerDataConfig(heatmap_targets=False))
    assert [set(part) for part in last] == [{"landmarks", "pose_presence", "alignment"}] * 2
