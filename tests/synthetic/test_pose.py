"""Poses stay within the joint limits and move the body the right way."""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf.synthetic.body import Body, build_skeleton, sample_body
from blazepose_tf.synthetic.pose import ANGLES, KINDS, LIMITS, blend, from_angles, mirror, sample_pose

LOW, HIGH = np.array([LIMITS[name] for name in ANGLES]).T


@pytest.mark.parametrize("kind", KINDS)
def test_sampled_poses_are_within_the_joint_limits(kind):
    rng = np.random.default_rng(3)
    for _ in range(20):
        pose = sample_pose(rng, kind)
        assert pose.kind == kind
        assert (pose.angles >= LOW).all() and (pose.angles <= HIGH).all()


def test_all_zero_pose_hangs_straight_down():
    """Half-hand-computed: lengths are the shares of the height in `body`, directions are exact."""
    j = build_skeleton(Body(height=2.0), from_angles({})).joints
    np.testing.assert_allclose(j["left_hip"], (0.106, 0, 0), atol=1e-12)  # 0.053 * 2
    np.testing.assert_allclose(j["left_knee"] - j["left_hip"], (0, -0.49, 0), atol=1e-12)  # 0.245 * 2
    np.testing.assert_allclose(j["right_ankle"] - j["right_knee"], (0, -0.48, 0), atol=1e-12)
    np.testing.assert_allclose(j["left_elbow"] - j["left_shoulder"], (0, -0.336, 0), atol=1e-12)
    np.testing.assert_allclose(j["left_wrist"] - j["left_elbow"], (0, -0.292, 0), atol=1e-12)
    assert j["left_shoulder"][0] > 0 > j["right_shoulder"][0]
    assert j["nose"][2] > j["left_ear"][2] and j["left_foot_index"][2] > j["left_heel"][2]


@pytest.mark.parametrize(
    ("angles", "start", "end", "direction"),
    [
        ({"left_shoulder_flex": 90}, "left_shoulder", "left_elbow", (0, 0, 1)),
        ({"left_shoulder_abduct": 90}, "left_shoulder", "left_elbow", (1, 0, 0)),
        ({"right_shoulder_abduct": 90}, "right_shoulder", "right_elbow", (-1, 0, 0)),
        ({"right_shoulder_flex": 180}, "right_shoulder", "right_elbow", (0, 1, 0)),
        ({"left_elbow": 90}, "left_elbow", "left_wrist", (0, 0, 1)),
        ({"left_elbow": 90, "left_shoulder_twist": 90}, "left_elbow", "left_wrist", (1, 0, 0)),
        ({"right_elbow": 90, "right_shoulder_twist": 90}, "right_elbow", "right_wrist", (-1, 0, 0)),
        ({"left_hip_flex": 90}, "left_hip", "left_knee", (0, 0, 1)),
        ({"left_knee": 90}, "left_knee", "left_ankle", (0, 0, -1)),
        ({"root_yaw": 90}, "mid_hip", "left_hip", (0, 0, -1)),
        ({"root_pitch": 90}, "mid_hip", "waist", (0, 0, 1)),
        ({"root_pitch": -90}, "mid_hip", "waist", (0, 0, -1)),
    ],
)
def test_joints_turn_the_anatomical_way(angles, start, end, direction):
    joints = build_skeleton(Body(), from_angles(angles)).joints
    bone = joints[end] - joints[start]
    np.testing.assert_allclose(bone / np.linalg.norm(bone), direction, atol=1e-9)


def test_bone_lengths_do_not_depend_on_the_pose():
    rng = np.random.default_rng(5)
    body = sample_body(rng)
    bones = [
        ("left_hip", "left_knee"),
        ("right_knee", "right_ankle"),
        ("left_elbow", "left_wrist"),
        ("nose", "left_ear"),
    ]
    rest = build_skeleton(body, from_angles({})).joints
    for _ in range(10):
        posed = build_skeleton(body, sample_pose(rng)).joints
        for a, b in bones:
            assert np.linalg.norm(posed[a] - posed[b]) == pytest.approx(np.linalg.norm(rest[a] - rest[b]), rel=1e-9)


def test_mirrored_pose_gives_the_mirrored_body():
    rng = np.random.default_rng(7)
    pose = sample_pose(rng, "walking")
    one = build_skeleton(Body(bust=0.0), pose).joints
    other = build_skeleton(Body(bust=0.0), mirror(pose)).joints
    for name in ("wrist", "ankle", "ear", "thumb", "foot_index"):
        np.testing.assert_allclose(other[f"left_{name}"], one[f"right_{name}"] * (-1, 1, 1), atol=1e-9)
    np.testing.assert_allclose(mirror(mirror(pose)).angles, pose.angles)


def test_blend_runs_from_the_first_to_the_second():
    a, b = from_angles({"left_knee": 20}), from_angles({"left_knee": 60})
    assert [blend(a, b, share=s)["left_knee"] for s in (0, 0.25, 1)] == [20, 30, 60]


def test_bad_angles_are_refused():
    with pytest.raises(ValueError, match=r"left_elbow must be within \[0.0, 150.0\]"):
        from_angles({"left_elbow": -5})
    with pytest.raises(ValueError, match="unknown joint angle 'tail'"):
        from_angles({"tail": 1})
    with pytest.raises(ValueError, match="unknown kind of pose"):
        sample_pose(np.random.default_rng(0), "levitating")
