"""A tracker's heads by keypoint name: what a model knows of a keypoint moves to one with other keypoints.

A head's last axis holds one or more values per keypoint, in the order of the spec. Rows of keypoints that both models
have are copied; those of new keypoints begin as a fresh head does: zeros, and the heatmaps' bias.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from blazepose_tf.models.heads import HEATMAP_BIAS
from blazepose_tf.specs import HEATMAPS, OFFSETS

MEAN_POSE = "mean_pose"
# Convolution of a head -> values per keypoint.
HEADS = {f"{HEATMAPS}_0": 1, f"{OFFSETS}_0": 2, "coordinates_0": 2, "depth_0": 1, "visibility_0": 1, "world_0": 3}


def by_name(values: dict[str, np.ndarray], source: Sequence[str], target: Sequence[str]) -> dict[str, np.ndarray]:
    """Weights for a model with the keypoints `target` from those of one with the keypoints `source`.

    Args:
        values: weights by variable path, and `mean_pose` (S, 2) where the model has one.
        source: names of its S keypoints.
        target: names of the T keypoints wanted.

    Returns:
        The same with T keypoints in every head; the mean pose of a new keypoint is nan: it starts from the target's.
    """
    if tuple(source) == tuple(target):
        return values
    position = {name: i for i, name in enumerate(source)}
    there = np.array([i for i, name in enumerate(target) if name in position], int)
    rows = np.array([position[target[i]] for i in there], int)
    out = dict(values)
    for path, value in values.items():
        per_keypoint = HEADS.get(path.rpartition("_conv/")[0])
        if per_keypoint is None or value.shape[-1] != per_keypoint * len(source):
            continue
        old = value.reshape(*value.shape[:-1], len(source), per_keypoint)
        fresh = HEATMAP_BIAS if path.startswith(HEATMAPS) and path.endswith("/bias") else 0.0
        new = np.full((*value.shape[:-1], len(target), per_keypoint), fresh, value.dtype)
        new[..., there, :] = old[..., rows, :]
        out[path] = new.reshape(*value.shape[:-1], -1)
    if MEAN_POSE in values:
        pose = np.full((len(target), 2), np.nan, np.float32)
        pose[there] = values[MEAN_POSE][rows]
        out[MEAN_POSE] = pose
    return out
