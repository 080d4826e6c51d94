"""Where the bodies of an example are: alignment points and face boxes, stored ones first, derived ones else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from blazepose_tf import topology
from blazepose_tf.geometry import alignment as alignment_lib

# The face box is a square from forehead to chin around the face points: this many times their extent, or the distance
# from the eyes to the mouth, whichever is larger, within limits that are fractions of the body circle's radius.
FACE_EXTENT_FACTOR = 1.5
EYES_TO_MOUTH_FACTOR = 3.0
FACE_LIMITS = (0.13, 0.6)
# Where the mouth is unlabelled it is taken to lie this much further along the line from the eyes to the nose.
MOUTH_BELOW_NOSE = 0.6

# Where nobody labelled a face: its middle in torso lengths beyond mid-shoulder, its side in radii of the body circle
# (medians of 3,861 people).
HEAD_ABOVE_SHOULDERS, HEAD_SIDE = 0.33, 0.25


@dataclass(frozen=True)
class BodyIndices:
    """Positions in a keypoint set of the points that alignment and face need; None where the set lacks them."""

    body: dict | None  # of topology.alignment_indices
    face: tuple[int, ...] | None  # in the order of topology.GROUPS["face"]; a missing one is -1

    @staticmethod
    def of(names: Sequence[str]) -> BodyIndices:
        index = {name: i for i, name in enumerate(names)}
        face = tuple(index.get(name, -1) for name in topology.GROUPS["face"])
        return BodyIndices(topology.alignment_indices(names), face if max(face) >= 0 else None)


def alignment(keypoints, stored, *, indices: BodyIndices):
    """Alignment points of N persons: the stored ones, else those of the keypoints.

    Args:
        keypoints: (N, K, 3) x, y, state.
        stored: (N, 2, 2); zeros where unknown.
        indices: of the keypoint set.

    Returns:
        alignment (N, 2, 2) and known (N,) bool: False where nothing is stored and a hip or shoulder is unlabelled (the
        paper trains on people whose hips and shoulders are labelled).
    """
    is_stored = tf.reduce_any(stored != 0.0, axis=[1, 2])
    if indices.body is None:
        return stored, is_stored

    def derive():
        labelled = tf.cast(keypoints[..., 2] > 0, tf.float32)
        derived = alignment_lib.from_keypoints(keypoints[..., :2], labelled, **indices.body)
        needed = [*indices.body["hips"], *indices.body["shoulders"]]
        torso = tf.reduce_min(tf.gather(labelled, needed, axis=1), axis=1) > 0
        return tf.where(is_stored[:, None, None], stored, derived), is_stored | torso

    found, known = tf.cond(tf.reduce_all(is_stored), lambda: (stored, is_stored), derive)
    return tf.ensure_shape(found, [None, 2, 2]), tf.ensure_shape(known, [None])


def face_boxes(keypoints, stored, body_radius, *, indices: BodyIndices):
    """Face boxes of N persons: the stored ones, else squares around the labelled face points.

    Args:
        keypoints: (N, K, 3) x, y, state.
        stored: (N, 4) x0, y0, x1, y1; zeros where unknown.
        body_radius: (N,) radius of the body circle in pixels.
        indices: of the keypoint set.

    Returns:
        boxes (N, 4) and known (N,) bool: False where nothing is stored and fewer than two face points are labelled.
    """
    is_stored = tf.reduce_any(stored != 0.0, axis=1)
    if indices.face is None:
        return stored, is_stored
    padded = tf.concat([keypoints, tf.zeros_like(keypoints[:, :1])], axis=1)
    missing = keypoints.shape[1] if keypoints.shape[1] is not None else tf.shape(keypoints)[1]
    face = tf.gather(padded, [missing if i < 0 else i for i in indices.face], axis=1)
    points, labelled = face[..., :2], face[..., 2] > 0
    derived, known = _face_squares(points, labelled, body_radius)
    return tf.where(is_stored[:, None], stored, derived), is_stored | known


def head_boxes(keypoints, found, *, indices: BodyIndices):
    """Where the heads of N persons must be whose faces nobody labelled: squares above the shoulders.

    Args:
        keypoints: (N, K, 3) x, y, state.
        found: (N, 2, 2) their alignment.
        indices: of the keypoint set.

    Returns:
        boxes (N, 4) and known (N,) bool: False where a hip or shoulder is unlabelled.
    """
    if indices.body is None:
        return tf.zeros([tf.shape(keypoints)[0], 4]), tf.zeros([tf.shape(keypoints)[0]], tf.bool)
    needed = [*indices.body["hips"], *indices.body["shoulders"]]
    points = tf.gather(keypoints, needed, axis=1)
    known = tf.reduce_min(points[..., 2], axis=1) > 0
    hips, shoulders = tf.reduce_mean(points[:, :2, :2], axis=1), tf.reduce_mean(points[:, 2:, :2], axis=1)
    center = shoulders + HEAD_ABOVE_SHOULDERS * (shoulders - hips)
    half = (0.5 * HEAD_SIDE * alignment_lib.radius(found))[:, None]
    return tf.concat([center - half, center + half], axis=1), known


def _positions(*names: str) -> list[int]:
    return [topology.GROUPS["face"].index(name) for name in names]


def _mean(points, labelled, which: list[int]):
    """Mean of the labelled ones of some points (N, 2), and whether there is any (N,)."""
    weight = tf.cast(tf.gather(labelled, which, axis=1), tf.float32)
    total = tf.reduce_sum(weight, axis=1)
    mean = tf.einsum("nk,nkd->nd", weight, tf.gather(points, which, axis=1)) / tf.maximum(total, 1.0)[:, None]
    return mean, total > 0


def _face_squares(points, labelled, body_radius):
    eyes, has_eyes = _mean(points, labelled, _positions("left_eye", "right_eye"))
    corners, has_corners = _mean(
        points, labelled, _positions("left_eye_inner", "left_eye_outer", "right_eye_inner", "right_eye_outer")
    )
    eyes, has_eyes = tf.where(has_eyes[:, None], eyes, corners), has_eyes | has_corners
    nose, has_nose = _mean(points, labelled, _positions("nose"))
    mouth, has_mouth = _mean(points, labelled, _positions("mouth_left", "mouth_right"))
    guessed = has_eyes & has_nose & ~has_mouth
    mouth = tf.where(guessed[:, None], nose + MOUTH_BELOW_NOSE * (nose - eyes), mouth)
    points = tf.concat([points, mouth[:, None]], axis=1)
    labelled = tf.concat([labelled, guessed[:, None]], axis=1)
    far = tf.constant(1e9)
    low = tf.reduce_min(tf.where(labelled[..., None], points, far), axis=1)
    high = tf.reduce_max(tf.where(labelled[..., None], points, -far), axis=1)
    both = tf.cast(labelled[:, :, None] & labelled[:, None, :], tf.float32)
    extent = tf.reduce_max(tf.norm(points[:, :, None] - points[:, None], axis=-1) * both, axis=[1, 2])
    drop = tf.norm(eyes - mouth, axis=-1) * tf.cast(has_eyes & (has_mouth | guessed), tf.float32)
    side = tf.maximum(FACE_EXTENT_FACTOR * extent, EYES_TO_MOUTH_FACTOR * drop)
    side = tf.clip_by_value(side, FACE_LIMITS[0] * body_radius, FACE_LIMITS[1] * body_radius)
    known = tf.reduce_sum(tf.cast(labelled, tf.int32), axis=1) >= 2
    center = tf.where(known[:, None], 0.5 * (low + high), 0.0)
    half = tf.where(known, 0.5 * side, 0.0)[:, None]
    return tf.concat([center - half, center + half], axis=1), known


def remap_table(source: Sequence[str], target: Sequence[str | None]) -> np.ndarray:
    """(T,) int32 position in `source` of each target keypoint; len(source) where it is missing or None (a zero row)."""
    index = {name: i for i, name in enumerate(source)}
    return np.array([index.get(name, len(source)) for name in target], np.int32)
