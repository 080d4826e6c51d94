"""Tracker tensors to keypoints and back: coordinates in crop pixels, visibility and presence as logits."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from blazepose_tf.array_api import array_namespace
from blazepose_tf.topology import KEYPOINTS

# MediaPipe's 39 points: the 33 keypoints, then mid-hip, the scale/rotation point, and two points per hand.
MEDIAPIPE_POINTS = 39
MEDIAPIPE_ALIGNMENT = slice(33, 35)


class Landmarks(NamedTuple):
    """Decoded landmarks of one or more crops.

    Attributes:
        points: (..., K, 2) crop pixels.
        z: (..., K) crop pixels, or None where the model has none.
        visibility: (..., K) in [0, 1].
        presence: (..., K) in [0, 1], or None where the model has none per point.
        alignment: (..., 2, 2) crop pixels, or None.
    """

    points: np.ndarray
    z: np.ndarray | None
    visibility: np.ndarray
    presence: np.ndarray | None
    alignment: np.ndarray | None


def encode(points, state):
    """Targets of the landmark head.

    Args:
        points: (..., K, 2) keypoints in crop pixels.
        state: (..., K) 0 unlabelled, 1 labelled but occluded, 2 visible.

    Returns:
        targets (..., K, 3) x, y, visibility in {0, 1}; weights (..., K) 1 where labelled.
    """
    xp = array_namespace(points)
    state = xp.cast(state, points)
    visible = xp.clip(state - 1.0, 0.0, 1.0)
    targets = xp.concatenate([points, visible[..., None]], axis=-1)
    return targets, xp.clip(state, 0.0, 1.0)


def decode(landmarks, alignment=None) -> Landmarks:
    """Reads a (..., K, 3) x, y, visibility logit or (..., K, 4) x, y, z, visibility logit tensor.

    Args:
        landmarks: model output.
        alignment: (..., 2, 2) refined alignment points in crop pixels, passed through.

    Raises:
        ValueError: another number of columns.
    """
    columns = landmarks.shape[-1]
    if columns not in (3, 4):
        raise ValueError(f"expected (..., K, 3) or (..., K, 4) landmarks. Received: shape={tuple(landmarks.shape)}")
    xp = array_namespace(landmarks)
    z = landmarks[..., 2] if columns == 4 else None
    return Landmarks(landmarks[..., :2], z, xp.sigmoid(landmarks[..., -1]), None, alignment)


def decode_mediapipe(landmarks) -> Landmarks:
    """Reads MediaPipe's vector: (..., 195) or (..., 39, 5) as x, y, z, visibility logit, presence logit.

    Raises:
        ValueError: another size.
    """
    xp = array_namespace(landmarks)
    if landmarks.shape[-1] == MEDIAPIPE_POINTS * 5:
        landmarks = xp.reshape(landmarks, (*landmarks.shape[:-1], MEDIAPIPE_POINTS, 5))
    if tuple(landmarks.shape[-2:]) != (MEDIAPIPE_POINTS, 5):
        raise ValueError(f"expected 39 x 5 landmarks. Received: shape={tuple(landmarks.shape)}")
    body = landmarks[..., : len(KEYPOINTS), :]
    return Landmarks(
        body[..., :2],
        body[..., 2],
        xp.sigmoid(body[..., 3]),
        xp.sigmoid(body[..., 4]),
        landmarks[..., MEDIAPIPE_ALIGNMENT, :2],
    )
