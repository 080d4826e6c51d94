"""OpenPose's JSON, one file per frame, as Pose2Sim, Sports2D and many other tools read it.

A folder whose name ends in `_json`; the frame's number is the last one of a file's name and starts at 0. A point that
is not known is 0, 0, 0 there. Coordinates count pixels by index (half a pixel less than elsewhere here).
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from blazepose_tf import topology
from blazepose_tf.runtime.recording import Recording

# Order of the points by the name that other tools know; BODY_25 is OpenPose's own, HALPE_26 the default of Pose2Sim.
SKELETONS: dict[str, tuple[str, ...]] = {
    "BLAZEPOSE": topology.KEYPOINTS,
    "COCO_17": topology.COCO_17,
    "HALPE_26": topology.KEYPOINT_SETS["halpe_26"],
    "BODY_25": (
        "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
        "mid_hip", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
        "right_eye", "left_eye", "right_ear", "left_ear",
        "left_foot_index", "left_small_toe", "left_heel", "right_foot_index", "right_small_toe", "right_heel",
    ),
}  # fmt: skip
# Points that lie between two others: their place is the middle, their confidence the smaller one.
_BETWEEN = {"neck": ("left_shoulder", "right_shoulder"), "mid_hip": ("left_hip", "right_hip")}


def in_skeleton(values: np.ndarray, names: tuple[str, ...], skeleton: tuple[str, ...]) -> np.ndarray:
    """(N, 3) x, y, confidence of the `skeleton` from (K, 3) of `names`; zeros for points that there are none of."""
    values = np.where(np.isfinite(values).all(axis=-1, keepdims=True), values, 0.0)
    out = topology.remap(values, names, skeleton)
    for name, (a, b) in _BETWEEN.items():
        if name in skeleton and name not in names and a in names and b in names:
            ends = values[[names.index(a), names.index(b)]]
            if (ends[:, 2] > 0).all():
                out[skeleton.index(name)] = [*ends[:, :2].mean(axis=0), ends[:, 2].min()]
    return out


def write_folder(recording: Recording, folder: Path, *, stem: str, skeleton: str = "BLAZEPOSE") -> None:
    """Writes a file per frame; people are listed by id, frames without anybody have an empty list.

    Raises:
        ValueError: a skeleton that is not known.
    """
    if skeleton not in SKELETONS:
        raise ValueError(f"skeleton must be one of {tuple(SKELETONS)}. Received: {skeleton!r}")
    folder.mkdir()
    for number, frame in enumerate(recording):
        people = []
        for pose in frame.people:
            values = np.concatenate([pose.landmarks - 0.5, pose.visibility[:, None]], axis=1).astype(np.float64)
            values = in_skeleton(values, recording.names, SKELETONS[skeleton])
            people.append(
                {
                    "person_id": [pose.id],
                    "pose_keypoints_2d": [round(float(v), 3) for v in values.ravel()],
                    "face_keypoints_2d": [], "hand_left_keypoints_2d": [], "hand_right_keypoints_2d": [],
                    "pose_keypoints_3d": [], "face_keypoints_3d": [],
                    "hand_left_keypoints_3d": [], "hand_right_keypoints_3d": [],
                }
            )  # fmt: skip
        text = json.dumps({"version": 1.3, "people": people}, separators=(",", ":"))
        (folder / f"{stem}_{number:012d}_keypoints.json").write_text(text + "\n", encoding="utf-8")
