"""Bodies of all ages and builds, and where their 33 keypoints are in a pose.

Lengths are shares of the standing height (adult values: Drillis & Contini 1966 as tabulated by Winter, Biomechanics and
Motor Control of Human Movement), with a larger head and shorter legs for children. World frame: metres, y up; `scene`
puts the lowest solid of the body on y = 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blazepose_tf.synthetic.pose import ANGLES, Pose
from blazepose_tf.topology import KEYPOINTS

_ANGLE = {name: i for i, name in enumerate(ANGLES)}
_SIDES = (("left", 1.0), ("right", -1.0))


@dataclass(frozen=True)
class Body:
    """Build of a person.

    Attributes:
        height: metres.
        age: 0 = small child, 1 = adult; sets the proportions.
        girth: thickness of trunk and limbs, 1 = average.
        shoulders: width of the shoulders, 1 = average.
        hips: width of the hips, 1 = average.
        bust: 0 = flat, 1 = full.
        belly: 0 = none, 1 = large.
        legs: length of the legs, 1 = average.
    """

    height: float = 1.75
    age: float = 1.0
    girth: float = 1.0
    shoulders: float = 1.0
    hips: float = 1.0
    bust: float = 0.0
    belly: float = 0.0
    legs: float = 1.0


def sample_body(rng: np.random.Generator) -> Body:
    """A random build: about one in six is a child, and all between thin and heavy."""
    draw = rng.random(8)
    child = draw[0] < 0.17
    age = draw[1] if child else 1.0
    curvy = draw[2] < 0.5
    girth = float(np.clip(np.exp(rng.normal(0.0, 0.17)), 0.75, 1.6))
    return Body(
        height=float(0.95 + 0.6 * age if child else rng.normal(1.65 if curvy else 1.77, 0.07)),
        age=float(age),
        girth=girth,
        shoulders=float((0.9 if curvy else 1.04) + 0.12 * (draw[3] - 0.5)),
        hips=float((1.1 if curvy else 0.97) + 0.12 * (draw[4] - 0.5)),
        bust=float(0.3 + 0.7 * draw[5]) if curvy and not child else 0.0,
        belly=float(np.clip((girth - 1.05) * 2.5 + 0.3 * (draw[6] - 0.5), 0, 1)),
        legs=float(0.94 + 0.12 * draw[7]),
    )


@dataclass(frozen=True)
class Skeleton:
    """A body in a pose.

    Attributes:
        body: the build.
        joints: (3,) metres by name: the 33 keypoints and mid_hip, waist, chest, neck, head (centre), head_top,
            and `left_`/`right_` toes, knuckles (mid of index and pinky), fingertips.
        frames: (3, 3) rotation by name of the segment (pelvis, chest, head, and `left_`/`right_` upper_arm, forearm,
            hand, thigh, shin, foot); the columns are the segment's left, up and front in the world.
    """

    body: Body
    joints: dict[str, np.ndarray]
    frames: dict[str, np.ndarray]

    @property
    def keypoints(self) -> np.ndarray:
        """(33, 3) metres in the order of `topology.KEYPOINTS`."""
        return np.stack([self.joints[name] for name in KEYPOINTS])

    def moved(self, offset: np.ndarray) -> Skeleton:
        """The skeleton shifted by (3,) metres."""
        return Skeleton(self.body, {name: joint + offset for name, joint in self.joints.items()}, self.frames)


def head_radii(body: Body) -> np.ndarray:
    """(3,) half width, half height, half depth of the head in metres."""
    share = 0.066 + 0.026 * (1 - body.age)
    return body.height * share * np.array([0.68 + 0.04 * min(body.girth, 1.3), 1.0, 0.84])


# Face points in units of the half axes of the head; the depth puts them on the surface of the solids of `appearance`.
_FACE: dict[str, tuple[float, float, float]] = {
    "eye_inner": (0.20, 0.04, 0.96),
    "eye": (0.39, 0.05, 0.90),
    "eye_outer": (0.58, 0.04, 0.79),
    "ear": (1.0, -0.06, -0.06),
    "mouth": (0.27, -0.50, 0.86),
}
NOSE = (0.0, -0.20, 1.10)


def rotations(degrees: np.ndarray, axis: int) -> np.ndarray:
    """(..., 3, 3) rotations about axis 0, 1 or 2."""
    radians = np.deg2rad(degrees)
    c, s = np.cos(radians), np.sin(radians)
    i, j = (axis + 1) % 3, (axis + 2) % 3
    out = np.zeros((*np.shape(degrees), 3, 3))
    out[..., axis, axis] = 1
    out[..., i, i] = out[..., j, j] = c
    out[..., i, j], out[..., j, i] = -s, s
    return out


def _rotations(pose: Pose) -> dict[str, np.ndarray]:
    """Rotation of every segment against its parent."""
    a = pose.angles
    names: list[str] = []
    xyz: list[tuple[float, float, float]] = []

    def turn(name: str, x: float, y: float, z: float) -> None:
        names.append(name)
        xyz.append((x, y, z))

    for part, half in (("pelvis", 1.0), ("spine", 0.5), ("neck", 1.0)):
        prefix = {"pelvis": "root", "spine": "spine", "neck": "neck"}[part]
        keys = (
            ("pitch", "yaw", "roll") if part == "pelvis" else ("bend", "twist" if part == "spine" else "turn", "side")
        )
        turn(part, *(half * a[_ANGLE[f"{prefix}_{key}"]] for key in keys))
    for side, sign in _SIDES:
        get = {name.split("_", 1)[1]: a[i] for name, i in _ANGLE.items() if name.startswith(side)}
        turn(f"{side}_upper_arm", -get["shoulder_flex"], sign * get["shoulder_twist"], sign * get["shoulder_abduct"])
        turn(f"{side}_forearm", -get["elbow"], 0, 0)
        turn(f"{side}_hand", get["wrist_side"], sign * get["forearm_twist"], -sign * get["wrist_flex"])
        turn(f"{side}_thigh", -get["hip_flex"], sign * get["hip_twist"], sign * get["hip_abduct"])
        turn(f"{side}_shin", get["knee"], 0, 0)
        turn(f"{side}_foot", get["ankle"], 0, 0)
    angles = np.array(xyz)
    rx, ry, rz = (rotations(angles[:, axis], axis) for axis in range(3))
    # Trunk: turn, then lean, then tilt. Limbs: twist about their own axis first, then sideways, then forwards.
    trunk = ry[:3] @ rx[:3] @ rz[:3]
    limbs = rx[3:] @ rz[3:] @ ry[3:]
    local = dict(zip(names, np.concatenate([trunk, limbs]), strict=True))
    for side, _ in _SIDES:
        i = names.index(f"{side}_hand")
        local[names[i]] = ry[i] @ rz[i] @ rx[i]  # the twist is the forearm's and comes before the wrist's bend
    return local


def build_skeleton(body: Body, pose: Pose) -> Skeleton:
    """Forward kinematics.

    Args:
        body: the build.
        pose: the joint angles.

    Returns:
        The skeleton with its mid-hip in the origin.
    """
    h = body.height
    local = _rotations(pose)
    joints: dict[str, np.ndarray] = {}
    frames: dict[str, np.ndarray] = {}

    def point(frame: np.ndarray, x: float, y: float, z: float) -> np.ndarray:
        return frame @ np.array((x, y, z))

    leg = body.legs * (0.86 + 0.14 * body.age)
    arm = 0.94 + 0.06 * body.age
    trunk = 1.0 + 0.06 * (1 - body.age)
    pelvis = frames["pelvis"] = local["pelvis"]
    joints["mid_hip"] = np.zeros(3)
    joints["waist"] = point(pelvis, 0, 0.07 * h * trunk, 0)
    middle = pelvis @ local["spine"]
    joints["chest"] = joints["waist"] + point(middle, 0, 0.10 * h * trunk, 0)
    chest = frames["chest"] = middle @ local["spine"]
    joints["neck"] = joints["chest"] + point(chest, 0, 0.135 * h * trunk, -0.004 * h)
    # Half of the bend happens in the neck, the rest where the skull sits on it.
    half_turn = half_rotation(local["neck"])
    neck = chest @ half_turn
    radii = head_radii(body)
    base = joints["neck"] + point(neck, 0, 0.035 * h, 0.008 * h)
    head = frames["head"] = neck @ half_turn
    joints["head"] = base + point(head, 0, 0.82 * radii[1], 0.10 * radii[2])
    joints["head_top"] = joints["head"] + point(head, 0, radii[1], 0)
    joints["nose"] = joints["head"] + head @ (np.array(NOSE) * radii)
    for side, sign in _SIDES:
        for name, (x, y, z) in _FACE.items():
            label = f"mouth_{side}" if name == "mouth" else f"{side}_{name}"
            joints[label] = joints["head"] + head @ (np.array((sign * x, y, z)) * radii)
        upper = frames[f"{side}_upper_arm"] = chest @ local[f"{side}_upper_arm"]
        # A raised arm lifts the shoulder with it (a third of the scapulohumeral rhythm is enough to look right).
        lift = max(0.0, -float(upper[:, 1] @ chest[:, 1]))
        joints[f"{side}_shoulder"] = joints["neck"] + point(
            chest, sign * (0.104 * body.shoulders - 0.012 * lift) * h, (-0.022 + 0.025 * lift) * h, 0
        )
        fore = frames[f"{side}_forearm"] = upper @ local[f"{side}_forearm"]
        hand = frames[f"{side}_hand"] = fore @ local[f"{side}_hand"]
        joints[f"{side}_elbow"] = joints[f"{side}_shoulder"] + point(upper, 0, -0.168 * h * arm, 0)
        wrist = joints[f"{side}_wrist"] = joints[f"{side}_elbow"] + point(fore, 0, -0.146 * h * arm, 0)
        joints[f"{side}_index"] = wrist + point(hand, 0, -0.052 * h, 0.017 * h)
        joints[f"{side}_pinky"] = wrist + point(hand, 0, -0.046 * h, -0.018 * h)
        joints[f"{side}_thumb"] = wrist + point(hand, -sign * 0.010 * h, -0.034 * h, 0.031 * h)
        joints[f"{side}_knuckles"] = (joints[f"{side}_index"] + joints[f"{side}_pinky"]) / 2
        curl = np.deg2rad(pose[f"{side}_fingers"])
        joints[f"{side}_fingertips"] = joints[f"{side}_knuckles"] + point(
            hand, -sign * 0.045 * h * np.sin(curl), -0.045 * h * np.cos(curl), 0
        )
        thigh = frames[f"{side}_thigh"] = pelvis @ local[f"{side}_thigh"]
        shin = frames[f"{side}_shin"] = thigh @ local[f"{side}_shin"]
        foot = frames[f"{side}_foot"] = shin @ local[f"{side}_foot"]
        joints[f"{side}_hip"] = point(pelvis, sign * 0.053 * body.hips * h, 0, 0)
        joints[f"{side}_knee"] = joints[f"{side}_hip"] + point(thigh, 0, -0.245 * h * leg, 0)
        ankle = joints[f"{side}_ankle"] = joints[f"{side}_knee"] + point(shin, 0, -0.240 * h * leg, 0)
        joints[f"{side}_heel"] = ankle + point(foot, 0, -0.026 * h, -0.026 * h)
        joints[f"{side}_foot_index"] = ankle + point(foot, -sign * 0.003 * h, -0.031 * h, 0.104 * h)
    return Skeleton(body, joints, frames)


def half_rotation(rotation: np.ndarray) -> np.ndarray:
    """The rotation by half the angle: the normalised mean of the rotation and none (angles below 120 degrees)."""
    u, _, vt = np.linalg.svd(rotation + np.eye(3))
    return u @ vt
