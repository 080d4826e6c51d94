"""Joint angles of a recording by clinical definition (neutral zero: 0 degrees in upright standing, arms hanging).

| angle | definition |
|---|---|
| elbow_flexion, knee_flexion, hip_flexion | 180 degrees less the angle between the two limbs that meet in the joint |
| shoulder_elevation | angle between the upper arm and the line from shoulder to hip |
| ankle_plantarflexion | angle between shin and foot, less 90 degrees; negative is dorsiflexion |
| trunk_lean | inclination of mid-shoulder over mid-hip against the picture's vertical, positive to its right |

Angles of landmarks are those of the picture's plane: exact for movements in it, too small or too large for others.
World landmarks give them in space. Hip flexion has no sign here: a hip extended by 10 degrees reads 10.

Reference: American Academy of Orthopaedic Surgeons, "Joint motion: method of measuring and recording", 1965.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from blazepose_tf import topology
from blazepose_tf.geometry import angles
from blazepose_tf.runtime.recording import Recording

__all__ = ["angle_errors", "joint_angles", "recording_angles", "recording_errors"]

SIDES = ("left", "right")
TRUNK = "trunk_lean"
MOTIONS = {"elbow": "elbow_flexion", "knee": "knee_flexion", "hip": "hip_flexion", "shoulder": "shoulder_elevation"}
ANKLE = "ankle_plantarflexion"
PICTURE, WORLD = "picture", "world"
# What is seen less than this is a guess (`runtime.drawing` leaves it out, too).
LEAST_VISIBILITY = 0.1


def _joints(names: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    """Angle -> its three points, the vertex in the middle; angles whose points are not among the names are left out."""
    index = {name: i for i, name in enumerate(names)}
    joints = {}
    for joint, points in topology.angle_indices(names).items():
        side, _, part = joint.partition("_")
        joints[f"{side}_{MOTIONS[part]}"] = points
    for side in SIDES:
        knee, ankle, toes = (f"{side}_{part}" for part in ("knee", "ankle", "foot_index"))
        if {knee, ankle, toes} <= set(index):
            joints[f"{side}_{ANKLE}"] = (index[knee], index[ankle], index[toes])
    return joints


def joint_angles(points, names: Sequence[str], *, upright=None) -> dict[str, np.ndarray]:
    """Angles over time.

    Args:
        points: (T, K, 2) pixels or (T, K, 3) metres; nan where unknown.
        names: the K keypoint names; angles whose points are not among them are left out.
        upright: (T, K, 2) pixels for the trunk's lean; `points` without it.

    Returns:
        name, such as "left_knee_flexion" -> (T,) degrees, nan where a point is unknown.
    """
    points = np.asarray(points, np.float64)
    out = {}
    for name, (a, b, c) in _joints(names).items():
        between = angles.between(points[:, a], points[:, b], points[:, c])
        elevation, plantarflexion = name.endswith(MOTIONS["shoulder"]), name.endswith(ANKLE)
        out[name] = between if elevation else between - 90.0 if plantarflexion else 180.0 - between
    places = topology.alignment_indices(names)
    if places is not None:
        flat = points if upright is None else np.asarray(upright, np.float64)
        lower, upper = (flat[:, list(places[part]), :2].mean(axis=1) for part in ("hips", "shoulders"))
        out[TRUNK] = angles.lean(lower, upper)
    return out


def angle_errors(points, errors, names: Sequence[str], factors: Mapping[str, float] = {}) -> dict[str, np.ndarray]:
    """Error bars of `joint_angles` in the picture.

    Args:
        points: (T, K, 2) pixels; nan where unknown.
        errors: (T, K) pixels of `Pose.error`; nan where unknown.
        names: the K keypoint names.
        factors: of `Recording.angle_factors`; without them bars are as if points were off independently: too wide.

    Returns:
        name -> (T,) degrees that hold about 90 % of the angle's errors; nan where a point has no error bar.
    """
    points, errors = np.asarray(points, np.float64), np.asarray(errors, np.float64)
    out = {}
    for name, (a, b, c) in _joints(names).items():
        out[name] = angles.between_error(points[:, a], points[:, b], points[:, c], errors[:, [a, b, c]])
    places = topology.alignment_indices(names)
    if places is not None:
        both = [list(places[part]) for part in ("hips", "shoulders")]
        lower, upper = (points[:, pair].mean(axis=1) for pair in both)
        out[TRUNK] = angles.lean_error(lower, upper, angles.middle_errors(errors, *both))
    return {name: np.minimum(bars * angles.factor(factors, _joint(name)), 180.0) for name, bars in out.items()}


def _joint(name: str) -> str:
    """ "left_knee_flexion" -> "knee"."""
    parts = name.split("_")
    return parts[1] if parts[0] in SIDES else parts[0]


def recording_angles(recording: Recording, *, person: int | None = None, space: str = PICTURE) -> dict[str, np.ndarray]:
    """Angles of one person of a recording, frame by frame.

    Args:
        recording: of `blazepose predict`.
        person: id; the first in each frame without it.
        space: PICTURE, or WORLD for models that give metres.

    Raises:
        ValueError: a space that the recording does not have, or nobody is seen.
    """
    if space not in (PICTURE, WORLD):
        raise ValueError(f"space must be {PICTURE!r} or {WORLD!r}. Received: space={space!r}")
    if not recording.found(person).any():
        raise ValueError(
            "nobody is seen in the recording" if person is None else f"no person {person} in the recording"
        )
    pixels, seen = _seen(recording, person)
    if space == PICTURE:
        return joint_angles(pixels, recording.names)
    world = recording.world(person)
    if not np.isfinite(world).any():
        raise ValueError("the recording has no world landmarks: its model does not give metres")
    return joint_angles(np.where(seen, world, np.nan), recording.names, upright=pixels)


def recording_errors(recording: Recording, *, person: int | None = None) -> dict[str, np.ndarray]:
    """Error bars of `recording_angles` in the picture; empty where the recording's model has no error bars."""
    errors = recording.error(person)
    if not np.isfinite(errors).any():
        return {}
    return angle_errors(_seen(recording, person)[0], errors, recording.names, recording.angle_factors)


def _seen(recording: Recording, person: int | None) -> tuple[np.ndarray, np.ndarray]:
    """(T, K, 2) pixels, nan where a point is hardly visible, and (T, K, 1) bool."""
    seen = (recording.visibility(person) >= LEAST_VISIBILITY)[..., None]
    return np.where(seen, recording.landmarks(person), np.nan), seen
