"""When a second teacher confirms a label, on distances worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf import topology
from blazepose_tf.labelling.agreement import COMMON, Label, confirmed

WRIST = topology.COCO_17.index("left_wrist")


@pytest.fixture
def label() -> Label:
    """Somebody with a torso of 100 pixels."""
    points = np.full((33, 3), 2.0)
    points[:, :2] = np.random.default_rng(0).uniform(100, 300, (33, 2))
    points[topology.indices(("left_shoulder", "right_shoulder")), :2] = (220.0, 100.0), (180.0, 100.0)
    points[topology.indices(("left_hip", "right_hip")), :2] = (220.0, 200.0), (180.0, 200.0)
    return Label(points, np.array([[200.0, 200.0], [200.0, 20.0]]))


def seen(label: Label, shift: float = 0.0) -> np.ndarray:
    return label.points[COMMON, :2] + (shift, 0.0)


def test_who_is_seen_in_the_same_place_is_confirmed(label):
    found = confirmed(label, np.stack([seen(label, 500.0), seen(label, 9.0)]))
    np.testing.assert_array_equal(found.points, label.points)
    assert found.distance == pytest.approx(0.09)
    assert confirmed(label, seen(label, 11.0)[None]) is None
    assert confirmed(label, seen(label, 11.0)[None], near=0.12) is not None


def test_a_point_on_which_they_do_not_agree_stays_unlabelled(label):
    other = seen(label)
    other[WRIST, 0] += 30.0
    found = confirmed(label, other[None])
    assert not found.points[COMMON[WRIST]].any()
    assert (np.delete(found.points, COMMON[WRIST], axis=0) == np.delete(label.points, COMMON[WRIST], axis=0)).all()
    assert found.distance == pytest.approx(0.3 / 17)


def test_arms_that_another_system_sees_elsewhere_say_nothing_against_the_rest(label):
    other = seen(label)
    arms = [topology.COCO_17.index(f"{side}_{joint}") for side in ("left", "right") for joint in ("elbow", "wrist")]
    other[arms, 0] += 90.0  # 0.21 torsos on average over all points
    found = confirmed(label, other[None])
    assert not found.points[COMMON[arms]].any() and (found.points[:, 2] > 0).sum() == 33 - len(arms)
    other[:12, 0] += 90.0  # more than half of them elsewhere: somebody else
    assert confirmed(label, other[None]) is None


def test_nobody_confirms_nobody(label):
    assert confirmed(label, np.zeros((0, 17, 2))) is None
    assert confirmed(label, np.full((1, 17, 2), np.nan)) is None
    few = seen(label)
    few[7:] = np.nan  # seven of 17 points are too few to say who it is
    assert confirmed(label, few[None]) is None
    hip = seen(label)
    hip[topology.COCO_17.index("left_hip"), 0] += 25.0
    assert confirmed(label, hip[None]) is None  # a label needs its torso
