"""From where joints are to the joint angles of a pose: what poses a rendered body like a measured one.

Angles are what `body.build_skeleton` turns back into joints, in closed form and within the anatomical limits of `pose`;
only directions count, so that a child moves like the adult who was measured.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from blazepose_tf.synthetic.body import half_rotation, rotations
from blazepose_tf.synthetic.pose import ANGLES, LIMITS, Pose

Joints = Mapping[str, np.ndarray]
NEEDED = tuple(
    f"{side}_{name}" for side in ("left", "right") for name in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
)
# Of whose elbow is straight nobody can tell how the upper arm is turned, and so for the knee.
_STRAIGHT = 12.0
_BONES = {"shoulder": "upper arm", "elbow": "forearm", "hip": "thigh", "knee": "shin"}  # by where they begin
_RELAXED_TWIST = {"shoulder": -15.0, "hip": 5.0}
# Degrees by which a level foot points down, from the heel and from the ankle to its tip (`body`).
_FOOT_FROM_HEEL, _FOOT_FROM_ANKLE = 2.2, 16.6


def pose_of(joints: Joints, *, kind: str = "") -> Pose:
    """The pose of a body whose joints are known.

    Args:
        joints: (3,) by name, y up, in any unit: those of `NEEDED`. Keypoints of the face, hands and feet, and `waist`,
            `chest`, `neck` and `head` (its centre) as in `body.Skeleton` are used where they are there.
        kind: name to carry.

    Raises:
        ValueError: a needed joint is missing or not finite, or two that a bone joins are in one place.
    """
    known = {name: np.asarray(point, float) for name, point in joints.items() if np.isfinite(point).all()}
    missing = [name for name in NEEDED if name not in known]
    if missing:
        raise ValueError(f"a pose needs {', '.join(NEEDED)}. Missing: {', '.join(missing)}")
    angles: dict[str, float] = {}
    pelvis, chest = _trunk(known)
    angles |= _named("root", ("pitch", "yaw", "roll"), _yaw_pitch_roll(pelvis))
    spine = _yaw_pitch_roll(half_rotation(pelvis.T @ chest))
    angles |= _named("spine", ("bend", "twist", "side"), 2.0 * spine)
    angles |= _named("neck", ("bend", "turn", "side"), _yaw_pitch_roll(chest.T @ _head(known, chest)))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        angles |= _arm(known, chest, side, sign)
        angles |= _leg(known, pelvis, side, sign)
    vector = [np.clip(angles.get(name, 0.0), *LIMITS[name]) for name in ANGLES]
    return Pose(kind, np.array(vector))


def _named(part: str, keys: tuple[str, str, str], values: np.ndarray) -> dict[str, float]:
    return {f"{part}_{key}": float(value) for key, value in zip(keys, values, strict=True)}


def _unit(vector: np.ndarray, what: str) -> np.ndarray:
    length = float(np.linalg.norm(vector))
    if length <= 1e-9:
        raise ValueError(f"{what}: both ends are in one place")
    return vector / length


def _frame(left: np.ndarray, up: np.ndarray, what: str) -> np.ndarray:
    """(3, 3) columns left, up, front: left as given, up as near as can be."""
    left = _unit(left, what)
    up = _unit(up - (up @ left) * left, what)
    return np.stack([left, up, np.cross(left, up)], axis=1)


def _yaw_pitch_roll(rotation: np.ndarray) -> np.ndarray:
    """(3,) degrees about x, y and z of a rotation that turns, then leans, then tilts (`body`)."""
    x = np.arcsin(np.clip(-rotation[1, 2], -1.0, 1.0))
    y = np.arctan2(rotation[0, 2], rotation[2, 2])
    z = np.arctan2(rotation[1, 0], rotation[1, 1])
    return np.rad2deg([x, y, z])


def _trunk(known: Joints) -> tuple[np.ndarray, np.ndarray]:
    """Rotations of pelvis and chest; without joints of the spine it is straight."""
    hips, shoulders = ((known[f"left_{part}"], known[f"right_{part}"]) for part in ("hip", "shoulder"))
    low, high = (hips[0] + hips[1]) / 2.0, (shoulders[0] + shoulders[1]) / 2.0
    above = next((known[name] for name in ("waist", "chest") if name in known), high)
    neck = known.get("neck", high)
    below = known.get("chest", low)
    pelvis = _frame(hips[0] - hips[1], above - low, "the trunk from hips to shoulders")
    return pelvis, _frame(shoulders[0] - shoulders[1], neck - below, "the trunk from hips to shoulders")


def _head(known: Joints, chest: np.ndarray) -> np.ndarray:
    """Rotation of the head: by its face, else by where it is, else the chest's."""
    face = ("left_ear", "right_ear", "left_eye", "right_eye", "nose")
    if all(name in known for name in face):
        left_ear, right_ear, left_eye, right_eye, nose = (known[name] for name in face)
        # Eyes are a little above the ears, the nose as much below them.
        front = ((left_eye + right_eye) / 2.0 + nose) / 2.0 - (left_ear + right_ear) / 2.0
        left = _unit(left_ear - right_ear, "the ears")
        return _frame(left, np.cross(front, left), "the head")
    if "head" in known and "neck" in known:
        up = _unit(known["head"] - known["neck"], "neck and head")
        left = np.cross(up, chest[:, 2])
        if np.linalg.norm(left) > 0.1:
            return _frame(left, up, "the head")
    return chest


def _limb(
    known: Joints, trunk: np.ndarray, side: str, sign: float, *, bones: tuple[str, str, str]
) -> tuple[dict[str, float], np.ndarray]:
    """Angles of an arm or leg, and the rotation of its lower bone.

    Two pairs of angles point a bone in one direction; taken is the one within the limits, and the smaller one of two.

    Args:
        known: the joints.
        trunk: (3, 3) rotation of chest or pelvis.
        side: left or right.
        sign: 1 or -1.
        bones: the joints at which the two bones begin and where the lower one ends.
    """
    joint, hinge, _ = bones
    backwards = -1.0 if hinge == "elbow" else 1.0
    start, bend_at, stop = (known[f"{side}_{name}"] for name in bones)
    direction = trunk.T @ _unit(bend_at - start, f"{side} {_BONES[joint]}")
    lower = trunk.T @ _unit(stop - bend_at, f"{side} {_BONES[hinge]}")
    options = []
    sideways = np.rad2deg(np.arcsin(np.clip(sign * direction[0], -1.0, 1.0)))
    for abduct, flex in (
        (sideways, np.arctan2(direction[2], -direction[1])),
        (180.0 - sideways, np.arctan2(-direction[2], direction[1])),
    ):
        flex = np.rad2deg(flex)
        upper = rotations(-flex, 0) @ rotations(sign * abduct, 2)
        x, y, z = upper.T @ lower
        bend = np.rad2deg(np.arccos(np.clip(-y, -1.0, 1.0)))
        twist = sign * np.rad2deg(np.arctan2(-backwards * x, -backwards * z))
        if bend < _STRAIGHT:
            twist = _RELAXED_TWIST[joint]
        degrees = [flex, (abduct + 180.0) % 360.0 - 180.0, twist, bend]
        names = [f"{joint}_flex", f"{joint}_abduct", f"{joint}_twist", hinge]
        beyond = sum(
            max(LIMITS[f"left_{name}"][0] - value, value - LIMITS[f"left_{name}"][1], 0.0)
            for name, value in zip(names, degrees, strict=True)
        )
        frame = trunk @ upper @ rotations(sign * twist, 1) @ rotations(backwards * bend, 0)
        options.append((beyond, abs(degrees[0]) + abs(degrees[1]), dict(zip(names, degrees, strict=True)), frame))
    return min(options, key=lambda option: option[:2])[2:]


def _arm(known: Joints, chest: np.ndarray, side: str, sign: float) -> dict[str, float]:
    found, fore = _limb(known, chest, side, sign, bones=("shoulder", "elbow", "wrist"))
    index, pinky = (known.get(f"{side}_{name}") for name in ("index", "pinky"))
    if index is not None and pinky is not None:
        along = _unit(known[f"{side}_wrist"] - (index + pinky) / 2.0, f"{side} hand")
        across = index - pinky
        if np.linalg.norm(across - (across @ along) * along) > 1e-9:
            hand = fore.T @ _frame(np.cross(along, across), along, f"{side} hand")
            found["forearm_twist"] = sign * float(np.rad2deg(np.arctan2(-hand[2, 0], hand[0, 0])))
            found["wrist_flex"] = -sign * float(np.rad2deg(np.arcsin(np.clip(hand[1, 0], -1.0, 1.0))))
            found["wrist_side"] = float(np.rad2deg(np.arctan2(-hand[1, 2], hand[1, 1])))
    return {f"{side}_{name}": value for name, value in found.items()} | {f"{side}_fingers": 30.0}


def _leg(known: Joints, pelvis: np.ndarray, side: str, sign: float) -> dict[str, float]:
    found, shin = _limb(known, pelvis, side, sign, bones=("hip", "knee", "ankle"))
    tip = known.get(f"{side}_foot_index")
    if tip is not None:
        start, level = (known.get(f"{side}_heel"), _FOOT_FROM_HEEL)
        if start is None:
            start, level = known[f"{side}_ankle"], _FOOT_FROM_ANKLE
        _, y, z = shin.T @ _unit(tip - start, f"{side} foot")
        found["ankle"] = float(np.rad2deg(np.arctan2(-y, z))) - level
    return {f"{side}_{name}": value for name, value in found.items()}
