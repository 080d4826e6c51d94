"""Exact annotations of a drawn scene: keypoints, what hides them, masks, alignment circle and face box."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from blazepose_tf.synthetic.dress import depth_slack
from blazepose_tf.synthetic.scene import Scene
from blazepose_tf.synthetic.solids import Buffers
from blazepose_tf.topology import GROUPS, KEYPOINTS, indices

_FACE = indices(GROUPS["face"])
_EYES = indices(("left_eye", "right_eye"))
_MOUTH = indices(("mouth_left", "mouth_right"))
_HIPS = indices(("left_hip", "right_hip"))
_SHOULDERS = indices(("left_shoulder", "right_shoulder"))
_CIRCLE_MARGIN = 1.1  # radius of the body circle / distance of the farthest point, head top included
_FACE_LIMITS = (0.13, 0.6)  # side of the face box / radius of the body circle
_MIN_AREA = 24  # visible pixels below which a person is not annotated


@dataclass(frozen=True)
class Sample:
    """A picture of N annotated persons.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        keypoints: (N, 33, 3) float32 [x, y, v] in continuous pixels; v = 2 visible, 1 occluded, 0 outside the picture
            (then x = y = 0).
        alignment: (N, 2, 2) float32: mid-hip, and the point on the circle around the body in direction of the head.
        face_box: (N, 4) float32 [x, y, width, height], a square around nose, eyes, ears and mouth.
        masks: (N, H, W) bool, the visible pixels of each person.
        keypoints_unclipped: (N, 33, 3) float32 with the real position of the points outside (their v is 1).
        world: (N, 33, 3) float32 metres from mid-hip along the camera's axes: x right, y down, z away from it.
        z: (N, 33) float32 depth from mid-hip in pixels of the picture at mid-hip's distance, smaller is nearer.
    """

    image: np.ndarray
    keypoints: np.ndarray
    alignment: np.ndarray
    face_box: np.ndarray
    masks: np.ndarray
    keypoints_unclipped: np.ndarray
    world: np.ndarray
    z: np.ndarray


def annotate(image: np.ndarray, buffers: Buffers, scene: Scene, supersample: int) -> Sample:
    """Projects the keypoints, tests their depth and describes every visible person."""
    height, width = image.shape[:2]
    keypoints, alignment, boxes, worlds, depths = [], [], [], [], []
    masks: list[np.ndarray] = []
    materials = np.array([*(part.material for part in buffers.parts), -1])  # the last one answers for background, -1
    for owner, person in enumerate(scene.persons):
        # Every person's palette has the same length and persons come first, so the material tells the owner.
        slots = len(person.look.materials)
        owned = (materials >= owner * slots) & (materials < (owner + 1) * slots)
        mask = owned[buffers.part]
        if supersample > 1:
            mask = cv2.resize(mask.view(np.uint8) * 255, (width, height), interpolation=cv2.INTER_AREA) >= 128
        for other in masks:
            mask &= ~other  # a pixel shared half and half goes to the first
        if np.count_nonzero(mask) < _MIN_AREA:
            continue
        world = person.keypoints
        pixels = scene.camera.project(world)
        seen = scene.camera.to_camera(world)
        depth = seen[:, 2]
        hips = seen[_HIPS].mean(0)
        inside = ((pixels >= 0) & (pixels < (width, height))).all(1) & (depth > 0.1)
        cells = np.clip((pixels * supersample).astype(int), 0, np.array((width, height)) * supersample - 1)
        surface = buffers.depth[cells[:, 1], cells[:, 0]]
        hidden = surface < depth - depth_slack(person.skeleton)
        state = np.where(inside & ~hidden, 2, 1)
        keypoints.append(np.column_stack([pixels, state, inside]))
        head = scene.camera.project(person.skeleton.joints["head_top"] + person.offset)
        alignment.append(body_circle(pixels, head))
        boxes.append(face_square(pixels, alignment[-1]))
        masks.append(mask)
        worlds.append(seen - hips)
        depths.append((depth - hips[2]) * scene.camera.focal / max(hips[2], 0.1))
    count, points = len(masks), len(KEYPOINTS)
    full = np.array(keypoints, np.float32).reshape(count, points, 4)
    return Sample(
        image=image,
        keypoints=full[..., :3] * full[..., 3:],
        alignment=np.array(alignment, np.float32).reshape(count, 2, 2),
        face_box=np.array(boxes, np.float32).reshape(count, 4),
        masks=np.array(masks, bool).reshape(count, height, width),
        keypoints_unclipped=full[..., :3],
        world=np.array(worlds, np.float32).reshape(count, points, 3),
        z=np.array(depths, np.float32).reshape(count, points),
    )


def body_circle(points: np.ndarray, head_top: np.ndarray) -> np.ndarray:
    """Mid-hip and the point on the circle around the whole body in direction of the shoulders.

    Args:
        points: (33, 2) pixels.
        head_top: (2,) pixels.

    Returns:
        (2, 2): centre and scale point; a body seen exactly along its spine points up.
    """
    center = points[_HIPS].mean(0)
    direction = points[_SHOULDERS].mean(0) - center
    length = np.hypot(*direction)
    direction = direction / length if length > 1e-6 else np.array((0.0, -1.0))
    farthest = np.linalg.norm(np.vstack([points, head_top[None]]) - center, axis=1).max()
    return np.stack([center, center + _CIRCLE_MARGIN * farthest * direction])


def face_square(points: np.ndarray, alignment: np.ndarray) -> np.ndarray:
    """[x, y, width, height] of the square around a face, (4,) pixels.

    Its side is 1.5 times the largest distance between two face points or 3 times the distance from the eyes to the
    mouth, whichever is larger, within `_FACE_LIMITS` of the body circle.

    Args:
        points: (33, 2) pixels.
        alignment: (2, 2) of `body_circle`.
    """
    face = points[_FACE]
    spread = np.linalg.norm(face[:, None] - face[None], axis=2).max()
    drop = np.linalg.norm(points[_EYES].mean(0) - points[_MOUTH].mean(0))
    radius = np.linalg.norm(alignment[1] - alignment[0])
    side = np.clip(max(1.5 * spread, 3 * drop), *(limit * radius for limit in _FACE_LIMITS))
    center = (face.min(0) + face.max(0)) / 2
    return np.array((*(center - side / 2), side, side))
