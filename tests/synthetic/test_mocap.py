"""Motion capture: joints to angles and back, BVH and C3D through their libraries, rendered people in such poses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from blazepose_tf import topology
from blazepose_tf.formats.c3d import write_c3d
from blazepose_tf.formats.motion import METRES, Motion
from blazepose_tf.synthetic import mocap, render_sample
from blazepose_tf.synthetic.body import Body, build_skeleton, sample_body
from blazepose_tf.synthetic.kinematics import NEEDED, pose_of
from blazepose_tf.synthetic.pose import LIMITS, from_angles, sample_pose, seen_from_anywhere

MARCH = [
    {"root_yaw": 25.0, "left_hip_flex": 60.0, "left_knee": 80.0, "right_shoulder_flex": 40.0, "right_elbow": 70.0},
    {"root_yaw": 20.0, "right_hip_flex": 45.0, "right_knee": 60.0, "left_shoulder_abduct": 80.0, "left_elbow": 30.0},
]
_BONES = {  # name -> parent, joint at its origin, segment whose rotation it has
    "Hips": (None, "mid_hip", "pelvis"),
    "Spine1": ("Hips", "chest", "chest"),
    "Neck": ("Spine1", "neck", "chest"),
    **{
        f"{Side}{bone}": (parent.format(Side), joint.format(Side.lower()), segment.format(Side.lower()))
        for Side in ("Left", "Right")
        for bone, parent, joint, segment in (
            ("Arm", "Neck", "{}_shoulder", "{}_upper_arm"),
            ("ForeArm", "{}Arm", "{}_elbow", "{}_forearm"),
            ("Hand", "{}ForeArm", "{}_wrist", "{}_hand"),
            ("UpLeg", "Hips", "{}_hip", "{}_thigh"),
            ("Leg", "{}UpLeg", "{}_knee", "{}_shin"),
            ("Foot", "{}Leg", "{}_ankle", "{}_foot"),
            ("ToeBase", "{}Foot", "{}_foot_index", "{}_foot"),
        )
    },
}


def write_bvh(path: Path, skeletons, *, seconds: float = 0.05, moving: bool = False) -> None:
    """A file as animation programs write it, of the skeletons' own frames and joints; `moving` bones have positions."""

    def zxy(rotation) -> list[float]:
        x = np.arcsin(np.clip(rotation[2, 1], -1, 1))
        return np.rad2deg(
            [np.arctan2(-rotation[0, 1], rotation[1, 1]), x, np.arctan2(-rotation[2, 0], rotation[2, 2])]
        ).tolist()

    lines, order = ["HIERARCHY"], []

    def emit(name: str, depth: int) -> None:
        order.append(name)
        parent, joint, _ = _BONES[name]
        first = skeletons[0]
        offset = np.zeros(3)
        if parent:
            offset = first.frames[_BONES[parent][2]].T @ (first.joints[joint] - first.joints[_BONES[parent][1]])
        channels = "Zrotation Xrotation Yrotation"
        lines.append(f"{'ROOT' if parent is None else 'JOINT'} {name}")
        lines.extend(["{", "OFFSET " + " ".join(f"{v:.6f}" for v in 100 * offset)])
        moves = "6 Xposition Yposition Zposition" if moving or parent is None else "3"
        lines.append(f"CHANNELS {moves} {channels}")
        children = [child for child, (above, *_) in _BONES.items() if above == name]
        for child in children:
            emit(child, depth + 1)
        if not children:
            lines.extend(["End Site", "{", "OFFSET 0 0 1", "}"])
        lines.append("}")

    emit("Hips", 0)
    lines += ["MOTION", f"Frames: {len(skeletons)}", f"Frame Time: {seconds}"]
    for skeleton in skeletons:
        values = []
        for name in order:
            parent, joint, segment = _BONES[name]
            above = np.eye(3) if parent is None else skeleton.frames[_BONES[parent][2]]
            if parent is None:
                values += [0.0, 95.0, 0.0]
            elif moving:
                values += (100 * above.T @ (skeleton.joints[joint] - skeleton.joints[_BONES[parent][1]])).tolist()
            values += zxy(above.T @ skeleton.frames[segment])
        lines.append(" ".join(f"{value:.6f}" for value in values))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_joints_give_the_pose_that_they_came_from():
    """Over all kinds of poses and builds; of the trunk only the direction is known."""
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(300):
        body, pose = sample_body(rng), sample_pose(rng)
        skeleton = build_skeleton(body, pose)
        found = build_skeleton(body, pose_of(dict(zip(topology.KEYPOINTS, skeleton.keypoints, strict=True))))
        errors.append(np.linalg.norm(found.keypoints - skeleton.keypoints, axis=1) / body.height)
    assert np.median(errors) < 0.006
    assert np.quantile(errors, 0.95) < 0.03


def test_twelve_joints_are_enough_for_arms_and_legs():
    rng, errors = np.random.default_rng(1), []
    for _ in range(100):
        body, pose = sample_body(rng), sample_pose(rng)
        skeleton = build_skeleton(body, pose)
        pose = pose_of({name: skeleton.joints[name] for name in NEEDED})
        assert all(low <= value <= high for value, (low, high) in zip(pose.angles, LIMITS.values(), strict=True))
        found = build_skeleton(body, pose)
        errors += [np.linalg.norm(found.joints[name] - skeleton.joints[name]) / body.height for name in NEEDED]
    # A bent spine counts as a straight one, and hips that would leave their limits then stay within them.
    assert np.median(errors) < 0.005
    assert np.quantile(errors, 0.95) < 0.06


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"left_knee": None}, "Missing: left_knee"),
        ({"left_knee": "left_hip"}, "left thigh: both ends are in one place"),
    ],
)
def test_what_is_no_body(change, message):
    joints = dict(build_skeleton(Body(), from_angles({})).joints)
    for name, other in change.items():
        joints[name] = np.full(3, np.nan) if other is None else joints[other]
    with pytest.raises(ValueError, match=message):
        pose_of(joints)


@pytest.mark.parametrize("up", [None, "y"])
def test_bvh_gives_the_poses_that_wrote_it(tmp_path, up):
    pytest.importorskip("pymotion")
    skeletons = [build_skeleton(Body(), from_angles(angles)) for angles in MARCH]
    write_bvh(tmp_path / "march.bvh", skeletons)
    capture = mocap.read_capture(tmp_path / "march.bvh", up=up)
    assert capture.rate == pytest.approx(20.0)
    text = (tmp_path / "march.bvh").read_text(encoding="utf-8")
    (tmp_path / "blank.bvh").write_text(text.replace("MOTION", "\nMOTION") + "\n\n", encoding="utf-8")
    assert len(mocap.read_capture(tmp_path / "blank.bvh").poses()) == 2
    for skeleton, pose in zip(skeletons, capture.poses(), strict=True):
        found = build_skeleton(Body(), pose)
        for name in NEEDED:
            # Shoulders and what hangs on them: a raised arm lifts its shoulder, which tilts the measured chest.
            close = 0.01 if name.split("_")[1] in ("hip", "knee", "ankle") else 0.03
            assert np.linalg.norm(found.joints[name] - skeleton.joints[name]) < close, name


def test_bvh_of_other_names_axes_and_rates(tmp_path):
    """Unreal's bone names under a name space, z up, and every second frame wanted."""
    pytest.importorskip("pymotion")
    skeletons = [build_skeleton(Body(), from_angles(angles)) for angles in MARCH * 2]
    write_bvh(tmp_path / "a.bvh", skeletons)
    text = (tmp_path / "a.bvh").read_text(encoding="utf-8")
    for bone, other in (("UpLeg", "thigh"), ("ForeArm", "lowerarm"), ("Arm", "upperarm"), ("Leg", "calf"),
                        ("Foot", "foot"), ("ToeBase", "ball"), ("Hand", "hand")):  # fmt: skip
        for side in ("Left", "Right"):
            text = text.replace(f" {side}{bone}\n", f" rig:{other}_{side[0].lower()}\n")
    (tmp_path / "a.bvh").write_text(text, encoding="utf-8")
    joints = mocap.read_capture(tmp_path / "a.bvh")
    standing = {
        name: points @ np.array([(1, 0, 0), (0, 0, 1), (0, -1, 0)], float) for name, points in joints.joints.items()
    }
    again = mocap._upright(standing, None)
    np.testing.assert_allclose(again["left_knee"], joints.joints["left_knee"], atol=1e-9)
    assert len(joints.poses(rate=10.0)) == 2


def test_bones_that_move_in_their_parents(tmp_path):
    """A raised arm moves its shoulder in the trunk, which offsets that stay cannot tell."""
    pytest.importorskip("pymotion")
    skeletons = [build_skeleton(Body(), from_angles(angles)) for angles in MARCH]
    write_bvh(tmp_path / "a.bvh", skeletons, moving=True)
    joints = mocap.read_capture(tmp_path / "a.bvh").joints
    for i, skeleton in enumerate(skeletons):
        for name in NEEDED:
            expected = 100 * (skeleton.joints[name] - skeleton.joints["mid_hip"]) + (0, 95, 0)
            np.testing.assert_allclose(joints[name][i], expected, atol=1e-3)


def test_c3d_with_markers_of_a_laboratory(tmp_path):
    """Plug-in Gait, millimetres, z up."""
    ezc3d = pytest.importorskip("ezc3d")
    skeleton = build_skeleton(Body(), from_angles(MARCH[1]))
    joints, markers = skeleton.joints, {}
    left, up, front = skeleton.frames["pelvis"].T
    width = np.linalg.norm(joints["left_hip"] - joints["right_hip"]) / 0.72
    middle = 0.22 * width * front + 0.30 * width * up
    for side, sign in (("L", 1), ("R", -1)):
        markers[f"{side}ASI"] = middle + sign * 0.5 * width * left
        markers[f"{side}PSI"] = middle - 0.2 * front + sign * 0.05 * left
        name = {"L": "left", "R": "right"}[side]
        for marker, joint in (
            ("SHO", "shoulder"),
            ("ELB", "elbow"),
            ("KNE", "knee"),
            ("ANK", "ankle"),
            ("HEE", "heel"),
        ):
            markers[side + marker] = joints[f"{name}_{joint}"]
        markers[f"{side}WRA"], markers[f"{side}WRB"] = (joints[f"{name}_wrist"] + s * left / 50 for s in (1, -1))
    file = ezc3d.c3d()
    file["parameters"]["POINT"]["RATE"]["value"] = [100.0]
    file["parameters"]["POINT"]["LABELS"]["value"] = [f"Trial:{name}" for name in markers]
    points = np.stack(list(markers.values())) @ np.array([(1, 0, 0), (0, 0, 1), (0, -1, 0)], float)
    file["data"]["points"] = np.concatenate([1000 * points.T, np.ones((1, len(markers)))])[:, :, None].repeat(3, axis=2)
    file.write(str(tmp_path / "trial.c3d"))
    capture = mocap.read_capture(tmp_path / "trial.c3d")
    assert capture.rate == pytest.approx(100.0)
    pose = capture.poses()[0]
    for name in ("right_hip_flex", "right_knee", "left_shoulder_abduct", "left_elbow"):
        assert pose[name] == pytest.approx(MARCH[1][name], abs=4.0), name


def test_c3d_of_this_package_gives_its_poses(tmp_path):
    pytest.importorskip("ezc3d")
    skeletons = [build_skeleton(Body(), from_angles(angles)) for angles in (*MARCH, *MARCH)]
    points = np.stack([skeleton.keypoints for skeleton in skeletons])
    points[3, 11] = np.nan
    motion = Motion(topology.KEYPOINTS, np.arange(4) * 0.05, points, np.ones((4, 33)), METRES, 20.0)
    write_c3d(motion, tmp_path / "march.c3d")
    capture = mocap.read_capture(tmp_path / "march.c3d")
    poses = capture.poses()
    assert len(poses) == 3  # of the last frame a shoulder is unknown
    assert poses[0]["left_knee"] == pytest.approx(80.0, abs=0.1)
    assert poses[0]["left_hip_flex"] == pytest.approx(60.0, abs=3.0)


def test_hips_from_the_markers_of_the_pelvis():
    """Spines 0.24 m apart on level: hip centres 0.36 of that to each side, 0.22 back, 0.30 down."""
    place = {
        "LASI": np.array([[0.12, 1.0, 0.1]]),
        "RASI": np.array([[-0.12, 1.0, 0.1]]),
        "LPSI": np.array([[0.04, 1.0, -0.1]]),
        "RPSI": np.array([[-0.04, 1.0, -0.1]]),
    }
    found = mocap._hips(place)
    np.testing.assert_allclose(found["left_hip"], [[0.0864, 1 - 0.072, 0.1 - 0.0528]], atol=1e-12)
    np.testing.assert_allclose(found["right_hip"], [[-0.0864, 1 - 0.072, 0.1 - 0.0528]], atol=1e-12)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.fbx", b"", "expected a .bvh or .c3d file"),
        ("a.bvh", b"HIERARCHY\nROOT Hips\n{\nOFFSET 0 0 0\nCHANNELS 3 Zrotation\n", "not a BVH file"),
        ("a.bvh", b"", "not a BVH file"),
        ("a.c3d", b"nothing of the kind", "not a C3D file"),
    ],
)
def test_what_is_no_capture(tmp_path, name, content, message):
    pytest.importorskip("pymotion")
    pytest.importorskip("ezc3d")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        mocap.read_capture(tmp_path / name)


def test_missing_frames_are_told(tmp_path):
    pytest.importorskip("pymotion")
    write_bvh(tmp_path / "a.bvh", [build_skeleton(Body(), from_angles(angles)) for angles in MARCH])
    text = (tmp_path / "a.bvh").read_text(encoding="utf-8").rstrip()
    (tmp_path / "a.bvh").write_text(text[: text.rindex("\n")], encoding="utf-8")
    with pytest.raises(ValueError, match="it says 2 frames and has 1"):
        mocap.read_capture(tmp_path / "a.bvh")


def test_bones_without_known_names_are_named(tmp_path):
    pytest.importorskip("pymotion")
    write_bvh(tmp_path / "a.bvh", [build_skeleton(Body(), from_angles(MARCH[0]))])
    text = (tmp_path / "a.bvh").read_text(encoding="utf-8").replace("LeftForeArm", "Thing")
    (tmp_path / "a.bvh").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="no bone or marker for left_elbow"):
        mocap.read_capture(tmp_path / "a.bvh")


def test_people_are_rendered_in_such_poses():
    """Legs as given, in any view; without poses a picture is what it was."""
    pose = from_angles(MARCH[0])
    sample = render_sample(3, 0, size=(64, 64), persons=1, poses=[pose])
    world = sample.world[0]
    left, right = (
        topology.indices([f"{side}_{part}" for part in ("hip", "knee", "ankle")]) for side in ("left", "right")
    )

    def knee(leg) -> float:
        hip, joint, ankle = world[leg]
        a, b = hip - joint, ankle - joint
        return 180.0 - float(np.rad2deg(np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1))))

    assert sorted((knee(left), knee(right))) == pytest.approx([0.0, 80.0], abs=1.0)
    turned = [seen_from_anywhere(np.random.default_rng(i), pose) for i in range(20)]
    assert {bool(p["left_knee"] == 80.0) for p in turned} == {True, False}
    assert np.ptp([p["root_yaw"] for p in turned]) > 90.0
