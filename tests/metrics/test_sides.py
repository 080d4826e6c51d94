"""Pairs read as one or exchanged, and mirrored people, against people placed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf import topology
from blazepose_tf.metrics.sides import sides

TORSO = 100.0
LIMBS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")


def people(count: int) -> np.ndarray:
    """(N, 33, 2): left points at x = 30, right ones at x = -30, all else at 0; every limb pair 0.6 torsos apart."""
    truth = np.zeros((count, 33, 2))
    for i, part in enumerate(LIMBS):
        for side, x in (("left", 30.0), ("right", -30.0)):
            truth[:, topology.indices((f"{side}_{part}",))] = [x, 50.0 * i]
    return truth


def at(name: str) -> int:
    return int(topology.indices((name,))[0])


def judge(predicted, truth, labelled=None, torso=None):
    labelled = np.ones(truth.shape[:2]) if labelled is None else labelled
    return sides(predicted, truth, labelled, np.full(len(truth), TORSO) if torso is None else torso)


def test_truth_is_neither_as_one_nor_exchanged():
    truth = people(3)
    found = judge(truth, truth)
    assert found.shares() == {"as_one": 0.0, "exchanged": 0.0, "pairs": 18}  # faces and hands lie in one place
    assert found.shares(("knee", "ankle"))["pairs"] == 6
    assert (found.people, found.mirrored, found.mirrored_share) == (3, 0, 0.0)


def test_both_knees_on_one_are_one_and_not_exchanged():
    truth = people(4)
    predicted = truth.copy()
    predicted[0, at("right_knee"), 0] = 19.0  # 11 px from the left one: below 0.12 torsos
    predicted[1, at("right_knee"), 0] = 17.0  # 13 px: two places, still nearer to the wrong leg, not exchanged
    predicted[2, at("left_knee"), 0], predicted[2, at("right_knee"), 0] = -30.0, -25.0  # one place, whatever fits
    found = judge(predicted, truth)
    assert found.shares(("knee",)) == {"as_one": 0.5, "exchanged": 0.0, "pairs": 4}
    assert found.shares(("ankle",)) == {"as_one": 0.0, "exchanged": 0.0, "pairs": 4}
    assert found.shares(("knee", "ankle"))["as_one"] == 0.25


def test_exchanged_by_the_sum_of_distances():
    truth = people(2)
    predicted = truth.copy()
    for name, x in (("left_ankle", -20.0), ("right_ankle", 10.0)):  # straight 50 + 40 = 90, crossed 10 + 20 = 30
        predicted[0, at(name), 0] = x
    found = judge(predicted, truth)
    assert found.shares(("ankle",)) == {"as_one": 0.0, "exchanged": 0.5, "pairs": 2}
    assert found.mirrored == 0


def test_what_is_not_apart_not_labelled_or_not_predicted_is_not_judged():
    truth = people(4)
    truth[0, at("left_knee"), 0], truth[0, at("right_knee"), 0] = 12.0, -12.0  # 0.24 torsos
    predicted, labelled = truth.copy(), np.ones((4, 33))
    labelled[1, at("left_knee")] = 0
    predicted[2, at("right_knee"), 1] = np.nan
    found = judge(predicted, truth, labelled, np.array([TORSO, TORSO, TORSO, np.nan]))
    assert found.shares(("knee",))["pairs"] == 0 and np.isnan(found.shares(("knee",))["as_one"])
    assert found.people == 3


def test_mirrored_is_more_than_half_of_at_least_three_pairs():
    truth = people(4)
    predicted, labelled = truth.copy(), np.ones((4, 33))
    mirror = topology.mirror_permutation()
    predicted[0] = truth[0, mirror]  # six of six
    for part in ("hip", "knee", "ankle"):  # three of six are not most
        for side in ("left", "right"):
            predicted[1, at(f"{side}_{part}"), 0] *= -1
    predicted[2] = truth[2, mirror]
    labelled[2, [at(f"left_{part}") for part in ("shoulder", "elbow", "wrist", "hip")]] = 0  # two pairs say too little
    predicted[3] = truth[3, mirror]
    predicted[3, at("left_knee")] = predicted[3, at("right_knee")]  # five exchanged, one as one
    found = judge(predicted, truth, labelled)
    assert (found.people, found.mirrored) == (3, 2)
    assert found.mirrored_share == pytest.approx(2 / 3)


def test_parts_add_up_to_the_whole():
    truth = people(40)
    rng = np.random.default_rng(3)
    predicted = truth + rng.normal(0, 40, truth.shape)
    whole, parts = judge(predicted, truth), judge(predicted[:15], truth[:15]) + judge(predicted[15:], truth[15:])
    assert whole.shares() == parts.shares() and whole.mirrored == parts.mirrored and whole.people == parts.people
    assert 0 < whole.shares()["exchanged"] < 1


def test_sets_without_pairs_and_shapes_that_do_not_fit():
    lone = sides(np.zeros((2, 1, 2)), np.zeros((2, 1, 2)), np.ones((2, 1)), np.ones(2), names=("nose",))
    assert lone.names == () and lone.people == 0 and np.isnan(lone.shares()["exchanged"])
    with pytest.raises(ValueError, match="labelled"):
        sides(np.zeros((2, 33, 2)), np.zeros((2, 33, 2)), np.ones((2, 17)), np.ones(2))
