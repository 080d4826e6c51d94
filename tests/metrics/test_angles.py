"""Joint angle errors and their limits of agreement, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf import topology
from blazepose_tf.metrics.angles import agreement, angle_errors


def at(name: str) -> int:
    return int(topology.indices((name,))[0])


def person() -> np.ndarray:
    """(33, 2) torso 100 px; the left arm hangs straight, the left knee is bent by a right angle."""
    points = np.zeros((33, 2))
    for name, place in {
        "left_shoulder": (20, 0), "right_shoulder": (-20, 0), "left_hip": (20, 100), "right_hip": (-20, 100),
        "left_elbow": (20, 50), "left_wrist": (20, 100), "left_knee": (20, 180), "left_ankle": (100, 180),
        "right_elbow": (-20, 50), "right_wrist": (-20, 55), "right_knee": (-20, 180), "right_ankle": (-20, 260),
    }.items():  # fmt: skip
        points[at(name)] = place
    return points


def test_errors_are_predicted_minus_labelled():
    truth = person()[None]
    predicted = truth.copy()
    predicted[0, at("left_wrist")] = (70, 50)  # 90 instead of 180 degrees
    predicted[0, at("left_ankle")] = (20 + 80, 180 + 80)  # 135 instead of 90
    for side in ("left", "right"):
        predicted[0, at(f"{side}_shoulder")] += (100, 0)  # the trunk leans by 45 degrees
    errors = angle_errors(predicted, truth, np.ones((1, 33)), np.array([100.0]))
    assert sorted(errors) == ["elbow", "hip", "knee", "shoulder", "trunk"]
    np.testing.assert_allclose(errors["knee"], [45, 0], atol=1e-6)
    np.testing.assert_allclose(errors["trunk"], [45])
    assert len(errors["elbow"]) == 1  # the right forearm is shorter than 0.2 torsos: it points at the camera


def test_what_is_not_labelled_or_not_predicted_is_left_out():
    truth = np.stack([person()] * 3)
    labelled, predicted = np.ones((3, 33)), truth.copy()
    labelled[0, at("left_knee")] = 0
    predicted[1, at("left_ankle")] = np.nan
    errors = angle_errors(predicted, truth, labelled, np.array([100.0, 100.0, np.nan]))
    assert len(errors["knee"]) == 2 and len(errors["hip"]) == 3 and len(errors["trunk"]) == 2


def test_the_trunk_of_a_head_stand_turns_the_short_way():
    truth = person()[None] * [1, -1]
    predicted = truth.copy()
    for side, dx in (("left", 10), ("right", 10)):
        truth[0, at(f"{side}_shoulder"), 0] += dx
        predicted[0, at(f"{side}_shoulder"), 0] -= dx
    (error,) = angle_errors(predicted, truth, np.ones((1, 33)), np.array([100.0]))["trunk"]
    assert abs(error) == pytest.approx(2 * np.rad2deg(np.arctan(0.1)))


def test_limits_of_agreement():
    found = agreement([1.0, 3.0, -5.0, 5.0])  # mean 1, deviation sqrt(56 / 3)
    spread = 1.96 * np.sqrt(56 / 3)
    assert found == pytest.approx((4.0, 1.0, 1 - spread, 1 + spread, 4))
    assert agreement([]).count == 0 and np.isnan(agreement([]).bias)
    assert np.isnan(agreement([2.0]).low) and agreement([2.0]).bias == 2.0
