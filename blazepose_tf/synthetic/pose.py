"""Poses of a human body as joint angles within anatomical limits, and random ones of many kinds.

A pose is a flat vector of angles in degrees, so that two poses can be blended (`blend`) into a smooth movement.
Every pose that leaves this module is inside `LIMITS`.

The body frame: x to the person's left, y up, z where the person faces; all angles 0 = upright with hanging arms.
Ranges of motion: rounded from the tables of the American Academy of Orthopaedic Surgeons (1965).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

_CENTRAL_LIMITS: dict[str, tuple[float, float]] = {
    "root_yaw": (-180.0, 180.0),  # positive: turns to the person's left
    "root_pitch": (-180.0, 180.0),  # positive: leans forward
    "root_roll": (-180.0, 180.0),
    "spine_bend": (-30.0, 85.0),
    "spine_side": (-35.0, 35.0),
    "spine_twist": (-45.0, 45.0),
    "neck_bend": (-50.0, 50.0),
    "neck_side": (-40.0, 40.0),
    "neck_turn": (-75.0, 75.0),
}
_SIDED_LIMITS: dict[str, tuple[float, float]] = {
    "shoulder_flex": (-55.0, 180.0),  # positive: the arm rises in front
    "shoulder_abduct": (-25.0, 175.0),  # positive: the arm rises sideways
    "shoulder_twist": (-80.0, 90.0),  # positive: the forearm of a bent elbow turns outwards
    "elbow": (0.0, 150.0),
    "forearm_twist": (-85.0, 85.0),
    "wrist_flex": (-65.0, 70.0),
    "wrist_side": (-30.0, 20.0),
    "fingers": (0.0, 85.0),  # curl
    "hip_flex": (-30.0, 125.0),
    "hip_abduct": (-25.0, 60.0),
    "hip_twist": (-40.0, 45.0),
    "knee": (0.0, 150.0),
    "ankle": (-30.0, 50.0),  # positive: the tip of the foot goes down
}
LIMITS: dict[str, tuple[float, float]] = _CENTRAL_LIMITS | {
    f"{side}_{name}": limits for side in ("left", "right") for name, limits in _SIDED_LIMITS.items()
}
ANGLES: tuple[str, ...] = tuple(LIMITS)
_INDEX = {name: i for i, name in enumerate(ANGLES)}
_LOW, _HIGH = np.array(list(LIMITS.values())).T
# Mirroring a pose exchanges the sides and turns these the other way.
_ODD = ("root_yaw", "root_roll", "spine_side", "spine_twist", "neck_side", "neck_turn")


@dataclass(frozen=True)
class Pose:
    """A pose.

    Attributes:
        kind: name of the kind of pose, a key of `KINDS`, or "" for one made by hand.
        angles: (len(ANGLES),) degrees, inside `LIMITS`.
    """

    kind: str
    angles: np.ndarray

    def __getitem__(self, name: str) -> float:
        return float(self.angles[_INDEX[name]])


# The relaxed ranges that a kind does not overrule.
_RELAXED: dict[str, tuple[float, float]] = {
    "root_yaw": (-180, 180), "root_pitch": (-4, 6), "root_roll": (-4, 4),
    "spine_bend": (-6, 14), "spine_side": (-7, 7), "spine_twist": (-14, 14),
    "neck_bend": (-18, 25), "neck_side": (-12, 12), "neck_turn": (-45, 45),
    "shoulder_flex": (-20, 30), "shoulder_abduct": (4, 24), "shoulder_twist": (-40, 15), "elbow": (5, 60),
    "forearm_twist": (-60, 30), "wrist_flex": (-25, 30), "wrist_side": (-15, 10), "fingers": (5, 60),
    "hip_flex": (-6, 12), "hip_abduct": (-1, 12), "hip_twist": (-5, 25), "knee": (0, 14), "ankle": (-8, 12),
}  # fmt: skip

# kind -> (relative frequency, ranges in degrees that replace the relaxed ones). A name without a side means both
# sides, drawn independently. `shin_tilt` is the forward tilt of the shin in the world and replaces `knee`; `flat_feet`
# derives the ankle so that the sole is level. `same` is the probability that the right side copies the left one.
KINDS: dict[str, tuple[float, dict[str, tuple[float, float]]]] = {
    "standing": (0.17, {"flat_feet": (1, 1)}),
    "hands_on_hips": (0.03, {"shoulder_flex": (-30, -10), "shoulder_abduct": (35, 55), "shoulder_twist": (-80, -60),
                             "elbow": (85, 115), "flat_feet": (1, 1), "same": (0.7, 0.7)}),
    "gesturing": (0.16, {"shoulder_flex": (-20, 110), "shoulder_abduct": (0, 100), "shoulder_twist": (-60, 70),
                         "elbow": (0, 140), "forearm_twist": (-80, 80), "flat_feet": (1, 1)}),
    "reaching": (0.10, {"shoulder_flex": (30, 178), "shoulder_abduct": (0, 60), "elbow": (0, 60),
                        "spine_bend": (-12, 35), "spine_side": (-20, 20), "neck_bend": (-40, 15),
                        "flat_feet": (1, 1), "same": (0.3, 0.3)}),
    "arms_out": (0.05, {"shoulder_abduct": (60, 175), "shoulder_flex": (-10, 10), "elbow": (0, 30),
                        "hip_abduct": (0, 30), "same": (0.7, 0.7), "flat_feet": (1, 1)}),
    "walking": (0.09, {"left_hip_flex": (15, 40), "right_hip_flex": (-22, 0), "left_knee": (2, 25),
                       "right_knee": (5, 50), "left_shoulder_flex": (-35, 5), "right_shoulder_flex": (0, 40),
                       "elbow": (10, 60), "left_ankle": (-15, 0), "right_ankle": (0, 25)}),
    "running": (0.05, {"left_hip_flex": (35, 85), "right_hip_flex": (-28, 5), "left_knee": (30, 110),
                       "right_knee": (10, 100), "left_shoulder_flex": (-50, -10), "right_shoulder_flex": (15, 65),
                       "elbow": (60, 110), "root_pitch": (5, 22), "ankle": (-5, 35)}),
    "sitting": (0.10, {"hip_flex": (78, 105), "shin_tilt": (-30, 25), "hip_abduct": (0, 25), "flat_feet": (1, 1),
                       "root_pitch": (-12, 15), "spine_bend": (-5, 30), "shoulder_flex": (0, 60), "elbow": (10, 110),
                       "shoulder_twist": (-60, 20)}),
    "floor_sitting": (0.03, {"hip_flex": (75, 115), "knee": (0, 130), "hip_abduct": (5, 50), "hip_twist": (0, 40),
                             "spine_bend": (0, 35), "root_pitch": (-15, 10)}),
    "kneeling": (0.03, {"hip_flex": (0, 40), "knee": (88, 140), "ankle": (20, 50), "spine_bend": (0, 25),
                        "same": (0.6, 0.6), "shoulder_flex": (-20, 90), "elbow": (0, 110)}),
    "squatting": (0.08, {"hip_flex": (65, 122), "shin_tilt": (12, 32), "root_pitch": (10, 40), "hip_abduct": (5, 35),
                         "hip_twist": (0, 25), "spine_bend": (0, 35), "shoulder_flex": (0, 110), "elbow": (0, 120),
                         "flat_feet": (1, 1), "same": (0.8, 0.8)}),
    "lunging": (0.05, {"left_hip_flex": (60, 100), "left_knee": (60, 105), "left_ankle": (-15, 0),
                       "right_hip_flex": (-28, -5), "right_knee": (5, 80), "right_ankle": (-25, 20),
                       "shoulder_flex": (-20, 170), "shoulder_abduct": (0, 100), "elbow": (0, 90)}),
    "bending": (0.05, {"root_pitch": (20, 75), "hip_flex": (20, 80), "spine_bend": (15, 75), "knee": (0, 25),
                       "shoulder_flex": (30, 110), "elbow": (0, 50), "neck_bend": (-40, 20), "same": (0.6, 0.6),
                       "flat_feet": (1, 1)}),
    "one_leg": (0.04, {"left_hip_flex": (20, 100), "left_hip_abduct": (0, 55), "left_hip_twist": (0, 45),
                       "left_knee": (20, 140), "shoulder_abduct": (10, 170), "elbow": (0, 90)}),
    "side_bend": (0.03, {"spine_side": (18, 35), "root_roll": (-15, 0), "hip_abduct": (15, 45),
                         "shoulder_abduct": (40, 175), "elbow": (0, 40)}),
    "lying": (0.04, {"root_pitch": (-96, -84), "root_roll": (-60, 60), "hip_flex": (-5, 70), "knee": (0, 100),
                     "shoulder_abduct": (5, 150), "elbow": (0, 120)}),
    "prone": (0.02, {"root_pitch": (84, 96), "hip_flex": (-10, 20), "knee": (0, 90), "shoulder_flex": (0, 170),
                     "shoulder_abduct": (5, 90), "elbow": (0, 120), "neck_bend": (-50, -10), "ankle": (15, 50)}),
    "plank": (0.04, {"root_pitch": (65, 82), "hip_flex": (-8, 12), "knee": (0, 12), "shoulder_flex": (55, 85),
                     "shoulder_abduct": (0, 20), "elbow": (0, 95), "neck_bend": (-45, 0), "ankle": (-30, -5),
                     "wrist_flex": (-65, -35), "same": (0.95, 0.95)}),
    "dog": (0.02, {"root_pitch": (115, 140), "hip_flex": (70, 105), "knee": (0, 20), "shoulder_flex": (150, 180),
                   "elbow": (0, 15), "spine_bend": (0, 15), "ankle": (-25, 0), "same": (0.95, 0.95)}),
    "handstand": (0.02, {"root_pitch": (165, 180), "shoulder_flex": (160, 180), "shoulder_abduct": (0, 15),
                         "elbow": (0, 20), "hip_flex": (-20, 60), "hip_abduct": (0, 50), "knee": (0, 70),
                         "neck_bend": (-50, -10), "wrist_flex": (-65, -40)}),
    "jumping": (0.04, {"shoulder_flex": (-30, 178), "shoulder_abduct": (0, 150), "elbow": (0, 80),
                       "hip_flex": (-25, 90), "hip_abduct": (0, 50), "knee": (0, 120), "ankle": (10, 50),
                       "root_pitch": (-20, 25)}),
    "tumbling": (0.015, {"root_pitch": (-180, 180), "root_roll": (-90, 90), "hip_flex": (0, 120), "knee": (0, 140),
                         "shoulder_flex": (0, 178), "elbow": (0, 120), "spine_bend": (0, 60)}),
}  # fmt: skip
_NAMES = tuple(KINDS)
_FREQUENCIES = np.array([frequency for frequency, _ in KINDS.values()])
_FREQUENCIES /= _FREQUENCIES.sum()
# A left/right unit: the sided names in one fixed order, as index arrays into a pose vector.
_LEFT = np.array([_INDEX[f"left_{name}"] for name in _SIDED_LIMITS])
_RIGHT = np.array([_INDEX[f"right_{name}"] for name in _SIDED_LIMITS])
_ODD_INDEX = np.array([_INDEX[name] for name in _ODD])


def from_angles(angles: Mapping[str, float], *, kind: str = "") -> Pose:
    """A pose from some angles; the others are 0.

    Args:
        angles: degrees by name of `ANGLES`.
        kind: name to carry.

    Raises:
        ValueError: an unknown name, or an angle outside its limits.
    """
    vector = np.zeros(len(ANGLES))
    for name, value in angles.items():
        if name not in _INDEX:
            raise ValueError(f"unknown joint angle {name!r}, expected one of {ANGLES}")
        low, high = LIMITS[name]
        if not low <= value <= high:
            raise ValueError(f"joint angle {name} must be within [{low}, {high}] degrees. Received: {value}")
        vector[_INDEX[name]] = value
    return Pose(kind, vector)


def sample_pose(rng: np.random.Generator, kind: str | None = None) -> Pose:
    """A random pose.

    Args:
        rng: source of randomness.
        kind: a key of `KINDS`; None draws one by its frequency.

    Returns:
        A pose within the joint limits.

    Raises:
        ValueError: unknown kind.
    """
    if kind is None:
        kind = _NAMES[int(rng.choice(len(_NAMES), p=_FREQUENCIES))]
    if kind not in KINDS:
        raise ValueError(f"unknown kind of pose, expected one of {_NAMES}. Received: kind={kind!r}")
    ranges = KINDS[kind][1]
    vector, low, high = np.zeros(len(ANGLES)), np.zeros(len(ANGLES)), np.zeros(len(ANGLES))
    for i, name in enumerate(ANGLES):
        bare = name.split("_", 1)[1] if name.startswith(("left_", "right_")) else name
        low[i], high[i] = ranges.get(name) or ranges.get(bare) or _RELAXED.get(name) or _RELAXED[bare]
    draw = rng.random(len(ANGLES))
    if rng.random() < ranges.get("same", (0.15, 0.15))[0]:
        # Nearly symmetric rather than exactly: people are.
        draw[_RIGHT] = np.clip(draw[_LEFT] + rng.normal(0, 0.06, len(_LEFT)), 0, 1)
    vector = low + draw * (high - low)
    if rng.random() < 0.7:
        # In photographs most people face the camera, which stands at yaw 0.
        vector[_INDEX["root_yaw"]] = np.clip(rng.normal(0, 45), -180, 180)
    for side in ("left", "right"):
        hip, knee, ankle = (_INDEX[f"{side}_{name}"] for name in ("hip_flex", "knee", "ankle"))
        thigh = vector[hip] - vector[_INDEX["root_pitch"]]
        if "shin_tilt" in ranges:
            shin_low, shin_high = ranges["shin_tilt"]
            vector[knee] = thigh + shin_low + draw[knee] * (shin_high - shin_low)
        if "flat_feet" in ranges:
            vector[ankle] = thigh - vector[knee]
    pose = Pose(kind, np.clip(vector, _LOW, _HIGH))
    return mirror(pose) if rng.random() < 0.5 else pose


def seen_from_anywhere(rng: np.random.Generator, pose: Pose) -> Pose:
    """The pose turned about the vertical by any angle, mirrored half of the time."""
    angles = pose.angles.copy()
    angles[_INDEX["root_yaw"]] = rng.uniform(-180, 180)
    turned = Pose(pose.kind, angles)
    return mirror(turned) if rng.random() < 0.5 else turned


def mirror(pose: Pose) -> Pose:
    """The pose of the person in a mirror: sides exchanged, sideways angles negated."""
    angles = pose.angles.copy()
    angles[_LEFT], angles[_RIGHT] = pose.angles[_RIGHT], pose.angles[_LEFT]
    angles[_ODD_INDEX] *= -1
    return Pose(pose.kind, angles)


def blend(first: Pose, second: Pose, *, share: float) -> Pose:
    """The pose between two: `share` 0 gives the first, 1 the second; limits hold because they are intervals."""
    return Pose(second.kind, first.angles + (second.angles - first.angles) * float(share))
