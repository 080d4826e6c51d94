"""Pictures of scenes with exact annotations: the keypoints, what hides them, masks, alignment circle and face box."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from blazepose_tf.data.synthetic.appearance import PATTERNS, Material, build_solids, depth_slack
from blazepose_tf.data.synthetic.background import render_background
from blazepose_tf.data.synthetic.scene import Scene
from blazepose_tf.data.synthetic.solids import Buffers, Solid, draw_box, draw_solids, new_buffers
from blazepose_tf.topology import GROUPS, KEYPOINTS, indices

_FACE = indices(GROUPS["face"])
_EYES = indices(("left_eye", "right_eye"))
_MOUTH = indices(("mouth_left", "mouth_right"))
_HIPS = indices(("left_hip", "right_hip"))
_SHOULDERS = indices(("left_shoulder", "right_shoulder"))
_CIRCLE_MARGIN = 1.1  # radius of the body circle / distance of the farthest point, head top included
_FACE_LIMITS = (0.13, 0.6)  # side of the face box / radius of the body circle
_SMALL_FACE = 7.0  # pixels of head width of the drawing below which eyes and mouth are left out
_SMALL_HAND = 45.0  # likewise for single fingers
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
    """

    image: np.ndarray
    keypoints: np.ndarray
    alignment: np.ndarray
    face_box: np.ndarray
    masks: np.ndarray
    keypoints_unclipped: np.ndarray


def render_scene(scene: Scene, *, size: tuple[int, int], supersample: int = 2) -> Sample:
    """Draws a scene.

    Args:
        scene: what to draw; its camera is in pixels of the picture.
        size: (height, width) pixels.
        supersample: the persons are drawn this many times as large and reduced: 2 gives smooth edges, 1 is faster.

    Returns:
        The sample; persons of whom nothing is seen are missing from it.

    Raises:
        ValueError: supersample below 1.
    """
    if supersample < 1:
        raise ValueError(f"supersample must be 1 or more. Received: supersample={supersample}")
    height, width = size
    camera = scene.camera.scaled(supersample)
    buffers = new_buffers(height * supersample, width * supersample)
    palette: list[Material] = []
    shadows: list[tuple[np.ndarray, list[Solid]]] = []
    for person in scene.persons:
        # Solids stay in the frame of the body; the camera moves instead.
        body_camera = replace(camera, position=camera.position - person.offset)
        depth = max(float(camera.to_camera(person.skeleton.joints["head"] + person.offset)[2]), 0.1)
        head = 0.1 * person.skeleton.body.height * camera.focal / depth
        solids = build_solids(
            person.skeleton,
            person.look,
            palette_start=len(palette),
            face=head > _SMALL_FACE,
            fingers=head > _SMALL_HAND,
        )
        palette += person.look.materials
        draw_solids(buffers, solids, body_camera)
        shadows.append((person.offset, solids))
    for box in scene.boxes:
        draw_box(buffers, camera, center=box.center, frame=box.frame, half=box.half, material=len(palette))
        palette.append(box.material)
    for ball in scene.balls:
        patterned = ball.material.pattern != "plain"
        solid = Solid(ball.start, ball.end, ball.radius, ball.radius, len(palette), np.eye(3), patterned=patterned)
        palette.append(ball.material)
        draw_solids(buffers, [solid], camera)
        shadows.append((np.zeros(3), [solid]))
    image = render_background(np.random.default_rng(scene.background_seed), scene.camera, size=size)
    _cast_shadows(image, shadows, scene)
    _composite(image, buffers, palette, scene, supersample)
    image = _expose(image, scene.sensor_seed)
    return _annotate(image, buffers, scene, supersample)


def _cast_shadows(image: np.ndarray, groups: list[tuple[np.ndarray, list[Solid]]], scene: Scene) -> None:
    """Darkens the floor where the light is blocked: every solid is a thick line of shadow."""
    if not groups:
        return
    light, camera = scene.light, scene.camera
    shadow = np.zeros(image.shape[:2], np.uint8)
    for offset, solids in groups:
        ends = np.array([(solid.start, solid.end) for solid in solids]) + offset
        ends -= light * (ends[..., 1:2] / max(light[1], 0.3))
        depth = camera.to_camera(ends)[..., 2]
        radius = np.array([solid.radius * (solid.stretch or (1.0,))[0] for solid in solids])
        thick = np.clip(1.6 * radius * camera.focal / np.maximum(depth.min(1), 0.1), 1, 200)
        pixels = np.clip(camera.project(ends), -4000, 4000).astype(int)
        for (a, b), width, near in zip(pixels, thick, depth.min(1) > 0.2, strict=True):
            if near:
                cv2.line(shadow, (int(a[0]), int(a[1])), (int(b[0]), int(b[1])), 255, int(width))
    k = max(3, min(image.shape[:2]) // 60) | 1
    shadow = cv2.blur(shadow, (k, k))
    strength = np.float32(0.75 * (1 - scene.ambient) / 255)
    image *= (1 - shadow * strength)[..., None]


def _composite(image: np.ndarray, buffers: Buffers, palette: list[Material], scene: Scene, supersample: int) -> None:
    """Shades what the buffers hold and lays it over the picture."""
    s = supersample
    covered = buffers.material >= 0
    rows, columns = np.flatnonzero(covered.any(1)), np.flatnonzero(covered.any(0))
    if not len(rows):
        return
    y0, y1 = rows[0] // s, rows[-1] // s + 1
    x0, x1 = columns[0] // s, columns[-1] // s + 1
    window = (slice(y0 * s, y1 * s), slice(x0 * s, x1 * s))
    shape = (int(y1 - y0) * s, int(x1 - x0) * s)
    where = np.flatnonzero(covered[window])
    crevices = _crevices(np.ascontiguousarray(buffers.depth[window]), covered[window])
    layer = np.zeros((shape[0] * shape[1], 4), np.float32)
    layer[where] = _shade(
        buffers.material[window].reshape(-1)[where],
        buffers.normal[window].reshape(-1, 3)[where],
        buffers.local[window].reshape(-1, 3)[where],
        1 - crevices.reshape(-1)[where],
        palette,
        scene,
    )
    layer = cv2.resize(layer.reshape(*shape, 4), (int(x1 - x0), int(y1 - y0)), interpolation=cv2.INTER_AREA)
    part = image[y0:y1, x0:x1]
    part *= 1 - layer[..., 3:]
    part += layer[..., :3]


def _shade(material, normal, local, exposed, palette: list[Material], scene: Scene) -> np.ndarray:
    """(n, 4) float32 colour and opacity 1 of n pixels: their material, normal, position on the part, openness."""
    f32 = np.float32
    length = np.sqrt(np.einsum("ni,ni->n", normal, normal) + f32(1e-12))
    light = (scene.camera.rotation @ scene.light).astype(f32)
    up = scene.camera.rotation[:, 1].astype(f32)
    half = light - np.array((0, 0, 1), f32)
    half /= np.linalg.norm(half)
    towards = (normal @ np.stack([light, up, half], axis=1)) / length[:, None]
    second = np.zeros(len(material), bool)
    for i in np.flatnonzero(np.bincount(material, minlength=len(palette))):
        if palette[i].pattern != "plain":
            chosen = np.flatnonzero(material == i)
            second[chosen] = _pattern(palette[i], local[chosen])
    table = np.array(
        [(*entry.color, entry.gloss) for entry in palette] + [(*entry.second, entry.gloss) for entry in palette]
    )
    surface = table.astype(f32)[material + len(palette) * second]
    diffuse = np.maximum(towards[:, 0] * f32(0.85) + f32(0.15), 0)
    sky = towards[:, 1] * f32(0.25) + f32(0.75)
    lit = sky * f32(scene.ambient) + diffuse * f32(1.15 - 0.75 * scene.ambient)
    lit *= exposed
    shine = np.maximum(towards[:, 2], 0)
    for _ in range(4):  # to the power 16
        shine *= shine
    shine *= surface[:, 3] * f32(1.3)
    out = surface * lit[:, None]
    out += shine[:, None]
    out[:, :3] *= scene.tint.astype(f32)
    np.clip(out, 0, 1, out=out)
    out[:, 3] = 1
    return out


def _pattern(material: Material, local: np.ndarray) -> np.ndarray:
    """(n,) bool: where the second colour of a pattern is, for (n, 3) metres in the frame of the part."""
    u = local * np.float32(1 / material.period)
    kind = PATTERNS.index(material.pattern)
    if kind == 1:
        return u[:, 1] % 1 < 0.5
    if kind == 2:
        return (u[:, 0] + 0.3 * u[:, 2]) % 1 < 0.4
    if kind == 3:
        return (np.floor(u[:, 0] * 1.5) + np.floor(u[:, 1] * 1.5)) % 2 < 1
    if kind == 4:
        return (u[:, 0] * 1.5 % 1 - 0.5) ** 2 + (u[:, 1] * 1.5 % 1 - 0.5) ** 2 < 0.09
    return np.sin(u[:, 0] * 4 + 2 * np.sin(u[:, 1] * 3)) + np.sin(u[:, 1] * 5 + np.sin(u[:, 2] * 4)) > 0.3


def _crevices(depth: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """Darkness 0..0.45 of pixels that lie deeper than their surroundings: an arm's shadow on the chest, the armpits."""
    k = max(3, int(max(depth.shape) * 0.05)) | 1
    weight = covered.astype(np.float32)
    filled = np.where(covered, depth, np.float32(0))
    mean = cv2.blur(filled, (k, k)) / np.maximum(cv2.blur(weight, (k, k)), np.float32(1e-3))
    return np.clip((filled - mean) * np.float32(2.2), 0, np.float32(0.45))


def _expose(image: np.ndarray, seed: int | None) -> np.ndarray:
    """Exposure, blur and noise of a sensor; (H, W, 3) uint8."""
    if seed is None:
        return (image * 255 + 0.5).astype(np.uint8)
    rng = np.random.default_rng(seed)
    gain, contrast = rng.uniform(0.85, 1.25), rng.uniform(0.8, 1.15)
    image = (image - np.float32(0.5)) * np.float32(255 * gain * contrast) + np.float32(127.5 * gain)
    if rng.random() < 0.3:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.1))
    if rng.random() < 0.5:
        strength = np.float32(rng.uniform(0.01, 0.08) * 2)
        noise = np.frombuffer(rng.bytes(2 * image.size), np.int8).reshape(2, *image.shape)
        image += (noise[0].astype(np.float32) + noise[1]) * (strength / 2)
    return np.clip(image, 0, 255).astype(np.uint8)


def _annotate(image: np.ndarray, buffers: Buffers, scene: Scene, supersample: int) -> Sample:
    """Projects the keypoints, tests their depth and describes every visible person."""
    height, width = image.shape[:2]
    keypoints, alignment, boxes, masks = [], [], [], []
    for owner, person in enumerate(scene.persons):
        # Every person's palette has the same length and persons come first, so the material tells the owner.
        slots = len(person.look.materials)
        mask = (buffers.material >= owner * slots) & (buffers.material < (owner + 1) * slots)
        if supersample > 1:
            mask = cv2.resize(mask.view(np.uint8) * 255, (width, height), interpolation=cv2.INTER_AREA) >= 128
        if np.count_nonzero(mask) < _MIN_AREA:
            continue
        world = person.keypoints
        pixels = scene.camera.project(world)
        depth = scene.camera.to_camera(world)[:, 2]
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
    count, points = len(masks), len(KEYPOINTS)
    full = np.array(keypoints, np.float32).reshape(count, points, 4)
    return Sample(
        image=image,
        keypoints=full[..., :3] * full[..., 3:],
        alignment=np.array(alignment, np.float32).reshape(count, 2, 2),
        face_box=np.array(boxes, np.float32).reshape(count, 4),
        masks=np.array(masks, bool).reshape(count, height, width),
        keypoints_unclipped=full[..., :3],
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
