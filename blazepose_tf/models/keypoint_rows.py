"""A tracker's heads by keypoint name: what a model knows of a keypoint moves to one with other keypoints.

A head's last axis holds one or more values per keypoint, in the order of the spec. Rows of keypoints that both models
have are copied; those of new keypoints begin as a fresh head does: zeros, and the heatmaps' bias.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from blazepose_tf import topology
from blazepose_tf.models.heads import COORDINATE_SCALE, HEATMAP_BIAS, MEDIAPIPE_POINTS, MEDIAPIPE_VALUES
from blazepose_tf.models.mean_pose import CENTER, SCALE_POINT
from blazepose_tf.specs import ALIGNMENT, HEATMAPS, LANDMARKS, OFFSETS

MEAN_POSE = "mean_pose"
# Convolution of a head -> values per keypoint.
HEADS = {f"{HEATMAPS}_0": 1, f"{OFFSETS}_0": 2, "coordinates_0": 2, "depth_0": 1, "visibility_0": 1, "world_0": 3}


def of_mediapipe(values: dict[str, np.ndarray], size: int) -> dict[str, np.ndarray]:
    """Weights with this project's heads from those with MediaPipe's 39 x 5 values (`TrackerSpec.mediapipe_head`).

    The 33 points keep their x, y, visibility and heatmaps, points 33 and 34 become the alignment; depth, the presence
    of single points, world landmarks and the hands' points are left behind.

    Args:
        values: weights by variable path.
        size: side of the input in pixels.
    """
    count = len(topology.KEYPOINTS)
    out = {
        path: value for path, value in values.items() if not path.startswith((f"{LANDMARKS}_0_conv", "world_0_conv"))
    }
    kernel, bias = (
        values[f"{LANDMARKS}_0_conv/{part}"].reshape(*shape, MEDIAPIPE_POINTS, MEDIAPIPE_VALUES)
        for part, shape in (("kernel", values[f"{LANDMARKS}_0_conv/kernel"].shape[:-1]), ("bias", ()))
    )
    unit = COORDINATE_SCALE * size
    flat = (*kernel.shape[:3], -1)
    out["coordinates_0_conv/kernel"] = kernel[..., :count, :2].reshape(flat) / unit
    out["coordinates_0_conv/bias"] = np.zeros(2 * count, np.float32)
    out[MEAN_POSE] = bias[:count, :2] / size  # what such a head says of nothing
    out["visibility_0_conv/kernel"] = kernel[..., :count, 3]
    out["visibility_0_conv/bias"] = bias[:count, 3]
    start = np.array([CENTER, SCALE_POINT], np.float32) * size
    start = start.astype(np.float16).astype(np.float32)  # as the head rounds it
    out[f"{ALIGNMENT}_0_conv/kernel"] = kernel[..., count : count + 2, :2].reshape(flat) / unit
    out[f"{ALIGNMENT}_0_conv/bias"] = ((bias[count : count + 2, :2] - start) / unit).ravel()
    for part in ("kernel", "bias"):
        path = f"{HEATMAPS}_0_conv/{part}"
        if path in out:
            out[path] = out[path][..., :count]
    return out


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
