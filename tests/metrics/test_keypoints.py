"""PCK, PDJ and NME against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf import topology
from blazepose_tf.metrics import keypoints


def body(scale: float = 1.0):
    """Two people, 33 points: shoulders at y = 0, hips at y = 100 (torso exactly 100), everything labelled."""
    truth = np.zeros((2, 33, 2))
    truth[:, topology.indices(("left_hip", "right_hip")), 1] = 100.0
    truth[:, topology.indices(("left_shoulder", "left_hip")), 0] = 20.0
    truth[:, topology.indices(("right_shoulder", "right_hip")), 0] = -20.0
    return truth * scale, np.ones((2, 33))


def test_torso_is_mid_shoulder_to_mid_hip():
    truth, labelled = body()
    np.testing.assert_allclose(keypoints.torso_size(truth, labelled), [100.0, 100.0])


def test_a_person_without_a_labelled_hip_is_left_out():
    truth, labelled = body()
    labelled[1, topology.indices(("left_hip",))] = 0
    size = keypoints.torso_size(truth, labelled)
    assert size[0] == 100.0 and np.isnan(size[1])
    result = keypoints.pck(truth, truth, labelled, size)
    assert result.counts.sum() == 33  # the first person only
    assert result.overall == 1.0


def test_pck_by_hand():
    truth, labelled = body()
    predicted = truth.copy()
    # Person 0: errors 19.99 (hit), 20.0 (a miss: strictly below), 25 (3-4-5 triangle, miss); person 1: nan (miss).
    predicted[0, 0] += [19.99, 0]
    predicted[0, 1] += [0, 20.0]
    predicted[0, 2] += [15, 20]
    predicted[1, 0] = np.nan
    labelled[1, 1] = 0  # not labelled: neither hit nor miss
    result = keypoints.pck(predicted, truth, labelled, keypoints.torso_size(truth, labelled))
    assert result.counts.tolist()[:3] == [2, 1, 2]
    assert result.hits.tolist()[:3] == [1, 0, 1]
    np.testing.assert_allclose(result.per_keypoint[:3], [0.5, 0.0, 0.5])
    assert result.overall == pytest.approx((33 * 2 - 1 - 3) / (33 * 2 - 1))


def test_pck_does_not_depend_on_the_scale_of_the_picture():
    rng = np.random.default_rng(0)
    truth, labelled = body()
    predicted = truth + rng.normal(0, 20, truth.shape)
    small = keypoints.pck(predicted, truth, labelled, keypoints.torso_size(truth, labelled))
    large = keypoints.pck(7 * predicted, 7 * truth, labelled, keypoints.torso_size(7 * truth, labelled))
    assert small.hits.tolist() == large.hits.tolist()
    assert 0 < small.overall < 1


def test_parts_add_up_to_the_whole():
    rng = np.random.default_rng(1)
    truth, labelled = rng.normal(0, 50, (9, 33, 2)), rng.integers(0, 2, (9, 33))
    predicted = truth + rng.normal(0, 8, truth.shape)
    size = np.full(9, 40.0)
    size[4] = np.nan
    whole = keypoints.pck(predicted, truth, labelled, size)
    parts = [keypoints.pck(predicted[s], truth[s], labelled[s], size[s]) for s in (slice(0, 4), slice(4, 9))]
    both = parts[0] + parts[1]
    assert both.hits.tolist() == whole.hits.tolist() and both.counts.tolist() == whole.counts.tolist()
    nmes = [keypoints.nme(predicted[s], truth[s], labelled[s], size[s]) for s in (slice(0, 4), slice(4, 9))]
    assert (nmes[0] + nmes[1]).overall == pytest.approx(keypoints.nme(predicted, truth, labelled, size).overall)


def test_pdj_needs_the_visibility_to_match():
    truth, labelled = body()
    state = 2 * labelled
    state[0, 5] = 1  # occluded
    visible = np.ones((2, 33), bool)
    result = keypoints.pdj(truth, truth, state, np.full(2, 100.0), visible)
    assert result.hits[5] == 1 and result.counts[5] == 2  # said to be visible, is not
    visible[0, 5] = False
    assert keypoints.pdj(truth, truth, state, np.full(2, 100.0), visible).overall == 1.0


def test_nme_by_hand():
    truth = np.zeros((1, 3, 2))
    predicted = np.array([[[3.0, 4.0], [np.nan, 0.0], [0.0, 50.0]]])
    result = keypoints.nme(predicted, truth, np.ones((1, 3)), np.array([10.0]))
    np.testing.assert_allclose(result.per_keypoint, [0.5, 1.0, 1.0])  # 5/10; missing and 5.0 are cut at 1
    loose = keypoints.nme(predicted, truth, np.ones((1, 3)), np.array([10.0]), cap=np.inf)
    np.testing.assert_allclose(loose.per_keypoint, [0.5, np.nan, 5.0])


def test_head_size_by_hand():
    truth, labelled = np.zeros((1, 33, 2)), np.ones((1, 33))
    truth[0, topology.indices(("left_ear", "right_ear"))] = [[10, 0], [-10, 0]]  # 20 apart
    truth[0, topology.indices(("mouth_left", "mouth_right"))] = [[4, 8], [-4, 8]]  # 2 x 8 = 16 below
    np.testing.assert_allclose(keypoints.head_size(truth, labelled), [24.0])


@pytest.mark.parametrize(
    ("shapes", "word"),
    [
        (((2, 33, 2), (2, 17, 2), (2, 17), (2,)), "both be"),
        (((2, 33, 2), (2, 33, 2), (2, 17), (2,)), "labelled"),
        (((2, 33, 2), (2, 33, 2), (2, 33), (3,)), "normalizer"),
    ],
)
def test_shapes_that_do_not_fit_are_named(shapes, word):
    with pytest.raises(ValueError, match=word):
        keypoints.pck(*(np.ones(shape) for shape in shapes))


def test_a_threshold_must_be_positive():
    truth, labelled = body()
    with pytest.raises(ValueError, match="threshold"):
        keypoints.pck(truth, truth, labelled, np.ones(2), threshold=0)
