"""Metric points of somebody whose standing height is known: one camera sees proportions, not metres."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from blazepose_tf import topology
from blazepose_tf.runtime.poses import PoseResult

# Hip to ankle and mid-hip to mid-shoulder as shares of the standing height (Drillis & Contini 1966, in Winter).
LEG, TRUNK = 0.491, 0.288
_NEEDED = ("shoulder", "hip", "knee", "ankle")


def height_of(world: np.ndarray, names: Sequence[str] = topology.KEYPOINTS) -> float:
    """Standing height in metres by the lengths of legs and trunk of (K, 3) world landmarks, whatever the pose.

    Raises:
        ValueError: a keypoint set without hips, knees, ankles or shoulders.
    """
    index = {name: i for i, name in enumerate(names)}
    if missing := [f"{s}_{part}" for part in _NEEDED for s in ("left", "right") if f"{s}_{part}" not in index]:
        raise ValueError(f"a height needs {', '.join(missing)}, which the keypoints lack")
    shoulder, hip, knee, ankle = (
        np.array([world[index[f"{side}_{part}"]] for side in ("left", "right")]) for part in _NEEDED
    )
    legs = np.linalg.norm(hip - knee, axis=1) + np.linalg.norm(knee - ankle, axis=1)
    trunk = np.linalg.norm(shoulder.mean(axis=0) - hip.mean(axis=0))
    return float((legs.mean() + trunk) / (LEG + TRUNK))


def with_height(result: PoseResult, height: float | None) -> PoseResult:
    """The result with the world landmarks of its people scaled to a standing height in metres; None changes nothing.

    Raises:
        ValueError: a height that nobody has, or a keypoint set that does not tell one.
    """
    if height is None:
        return result
    if not 0.3 < height < 3.0:
        raise ValueError(f"height must be that of a person in metres. Received: height={height}")
    people = tuple(
        pose
        if pose.world is None
        else dataclasses.replace(
            pose, world=(pose.world * (height / max(height_of(pose.world, pose.names), 1e-3))).astype(np.float32)
        )
        for pose in result.people
    )
    return dataclasses.replace(result, people=people)
