"""Output heads of the tracker, and the presence that a detector has, too.

All of them compute in float32, also under a mixed precision policy.

Each kind of value has a convolution of its own, so that a quantised model gives each its own scale.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from blazepose_tf.layers.convolution import conv_norm_relu
from blazepose_tf.models.mean_pose import CENTER, SCALE_POINT, mean_pose
from blazepose_tf.specs import ALIGNMENT, HEATMAPS, LANDMARKS, OFFSETS, POSE_PRESENCE, WORLD_LANDMARKS, TrackerSpec

# One unit of a coordinate head's raw output in crop sides: keeps its weights as large as those of other layers.
COORDINATE_SCALE = 0.25
# Few cells are positive: start at sigmoid(-4) = 2 % instead of 50 %.
HEATMAP_BIAS = -4.0
MEDIAPIPE_POINTS = 39
# What depth and metric points are read from: one layer of so many channels between the last feature and their heads.
DEPTH_FEATURES = 256
MEDIAPIPE_VALUES = 5
# Units between the backbone's features, averaged over the crop, and their say in whether somebody is there.
PRESENCE_FEATURES = 64


def _dense(x, channels: int, name: str):
    """Convolution over the whole (B, n, n, C) feature -> (B, 1, 1, channels), zero to begin with."""
    return keras.layers.Conv2D(
        channels,
        x.shape[1],
        kernel_initializer="zeros",
        dtype="float32",
        name=f"{name}_0_conv",
    )(x)


def _points(x, pose: np.ndarray, size: int, name: str):
    """(B, n, n, C) -> (B, N, 2) crop pixels around `pose` ((N, 2) in crop units)."""
    # To the nearest float16, so that a file in half precision has the very same offsets.
    pixels = (pose * size).astype(np.float16).astype(np.float32)
    x = _dense(x, 2 * len(pose), name)
    x = keras.layers.Rescaling(
        COORDINATE_SCALE * size, offset=pixels.ravel().tolist(), dtype="float32", name=f"{name}_pixels"
    )(x)
    return keras.layers.Reshape((len(pose), 2), dtype="float32", name=f"{name}_points")(x)


def mean_pose_of(model: keras.Model) -> np.ndarray | None:
    """(K, 2) mean pose of a tracker in crop units; None for a model without the coordinate head."""
    names = {layer.name for layer in model.layers}
    if "coordinates_pixels" not in names:
        return None
    offset = np.asarray(model.get_layer("coordinates_pixels").offset, np.float32)
    return offset.reshape(-1, 2) / model.inputs[0].shape[1]


def _flat(x, name: str):
    return keras.layers.Reshape((x.shape[-1],), dtype="float32", name=name)(x)


def regression_heads(
    x, seen: Sequence, spec: TrackerSpec, *, pose: np.ndarray | None = None, world: bool = False, barrier: bool = True
) -> dict:
    """Heads on the last feature.

    Args:
        x: (B, n, n, C) feature, 2x2 for a 256 px input.
        seen: (B, n, n, C) features of the backbone that say what is in the crop at all (not with the MediaPipe head).
        pose: (K, 2) mean pose in crop units; that of `mean_pose` by default.
        world: also metric landmarks, (B, K, 3) metres, hip-centred ((B, 117) with the MediaPipe head).
        barrier: the heads of z and metric landmarks do not teach the feature.

    Returns:
        Tensors by output name: see `build_tracker`.

    Raises:
        ValueError: the shape of `pose` is not (K, 2).
    """
    if pose is None:
        pose = mean_pose(spec.keypoint_names)
    pose = np.asarray(pose, np.float32)
    if pose.shape != (spec.num_keypoints, 2):
        raise ValueError(f"mean_pose must be ({spec.num_keypoints}, 2). Received: shape={pose.shape}")
    outputs = {}
    deep = x
    if (world or spec.depth) and not spec.mediapipe_head:
        deep = _depth_features(keras.ops.stop_gradient(x) if barrier else x)
    if spec.mediapipe_head:
        outputs[LANDMARKS] = _flat(_dense(x, MEDIAPIPE_POINTS * MEDIAPIPE_VALUES, LANDMARKS), LANDMARKS)
    else:
        outputs[LANDMARKS] = _landmarks(x, deep, spec, pose)
        outputs[ALIGNMENT] = _points(x, np.array([CENTER, SCALE_POINT], np.float32), spec.input_size, ALIGNMENT)
    presence = _dense(x, 1, "presence")
    if not spec.mediapipe_head:
        seen_presence = presence_of(seen, PRESENCE_FEATURES)
        presence = keras.layers.Add(dtype="float32", name="presence_sum")([presence, seen_presence])
    outputs[POSE_PRESENCE] = _flat(presence, POSE_PRESENCE)
    if world:
        count = MEDIAPIPE_POINTS if spec.mediapipe_head else spec.num_keypoints
        values = _dense(deep, 3 * count, "world")
        if spec.mediapipe_head:
            outputs[WORLD_LANDMARKS] = _flat(values, WORLD_LANDMARKS)
        else:
            outputs[WORLD_LANDMARKS] = keras.layers.Reshape((count, 3), dtype="float32", name=WORLD_LANDMARKS)(values)
    return outputs


def presence_of(seen: Sequence, units: int):
    """(B, n, n, C) features -> (B, 1, 1, 1) logit, zero to begin with.

    The last feature of the regression knows where the joints of a body would be, and a cat's lie where a crouching
    person's would; fur, hands and clothes are what the backbone saw. It is asked and not taught.

    Args:
        seen: of the backbone; their means over the picture are read.
        units: between them and the logit.
    """
    pooled = [
        keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"presence_mean{i}")(keras.ops.stop_gradient(x))
        for i, x in enumerate(seen)
    ]
    x = conv_norm_relu(keras.layers.Concatenate(name="presence_pooled")(pooled), units, kernel=1, name="presence_1")
    return _dense(x, 1, "presence_2")


def presence_inputs(model: keras.Model) -> list:
    """The two tensors that a model's presence is read from: the backbone's means, (B, 1, 1, C), and a tracker's last
    feature or the logits that a detector's anchors have without it.

    Raises:
        ValueError: a model without such a head.
    """
    names = {layer.name for layer in model.layers}
    if "presence_pooled" not in names:
        raise ValueError(f"{model.name} does not read its presence from what the backbone saw")
    in_tracker = "presence_0_conv" in names
    rest = model.get_layer("presence_0_conv").input if in_tracker else model.get_layer("logits_0_conv").output
    return [model.get_layer("presence_pooled").output, rest]


def _depth_features(x):
    """(B, n, n, C) -> (B, 1, 1, DEPTH_FEATURES); places are a linear function of the last feature, depths are not."""
    return keras.layers.Conv2D(
        DEPTH_FEATURES,
        x.shape[1],
        activation="relu",
        kernel_initializer="he_normal",
        dtype="float32",
        name="depth_features_0_conv",
    )(x)


def _landmarks(x, deep, spec: TrackerSpec, pose: np.ndarray):
    """(B, K, 3 or 4): x, y, (z,) in crop pixels and the visibility logit."""
    count = spec.num_keypoints
    parts = [_points(x, pose, spec.input_size, "coordinates")]
    if spec.depth:
        z = _dense(deep, count, "depth")
        z = keras.layers.Rescaling(COORDINATE_SCALE * spec.input_size, dtype="float32", name="depth_pixels")(z)
        parts.append(keras.layers.Reshape((count, 1), dtype="float32", name="depth_points")(z))
    visibility = _dense(x, count, "visibility")
    parts.append(keras.layers.Reshape((count, 1), dtype="float32", name="visibility_points")(visibility))
    return keras.layers.Concatenate(dtype="float32", name=LANDMARKS)(parts)


def mediapipe_bias(names: Sequence[str], size: int) -> np.ndarray:
    """(195,) initial bias of the MediaPipe head: the mean pose in pixels, zero depth and logits.

    Points 33 and 34 are the alignment points; 35, 36 (37, 38) are hand centre and wrist of the left (right) arm.
    """
    hands = mean_pose(("left_index", "left_wrist", "right_index", "right_wrist"))
    points = np.concatenate([mean_pose(names), [CENTER, SCALE_POINT], hands])
    bias = np.zeros((MEDIAPIPE_POINTS, MEDIAPIPE_VALUES), np.float32)
    bias[:, :2] = points * size
    return bias.ravel()


def heatmap_heads(x, spec: TrackerSpec, *, kernel: int = 1, offsets: bool = True) -> dict:
    """Training heads on the decoder's output (B, S, S, C).

    Returns:
        HEATMAPS (B, S, S, K) logits and OFFSETS (B, S, S, 2K), [2k] = dx and [2k+1] = dy of keypoint k from the
        cell's centre in cells. With the MediaPipe head, heatmaps of its 39 points and no offsets, as in its files.
    """

    def head(channels: int, name: str, role: str, bias: float):
        return keras.layers.Conv2D(
            channels,
            kernel,
            padding="same",
            kernel_initializer=keras.initializers.RandomNormal(0.0, 0.01),
            bias_initializer=keras.initializers.Constant(bias),
            dtype="float32",
            name=f"{name}_0_{role}",
        )(x)

    if spec.mediapipe_head:
        return {HEATMAPS: head(MEDIAPIPE_POINTS, HEATMAPS, "conv", HEATMAP_BIAS)}
    outputs = {HEATMAPS: head(spec.num_keypoints, HEATMAPS, "conv", HEATMAP_BIAS)}
    if offsets:
        outputs[OFFSETS] = head(2 * spec.num_keypoints, OFFSETS, "conv", 0.0)
    return outputs
