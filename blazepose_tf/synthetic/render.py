"""Pictures of scenes: solids, light, shadows, background and sensor; the annotations come from `annotations`."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from blazepose_tf.synthetic.annotations import Sample, annotate
from blazepose_tf.synthetic.appearance import PATTERNS, Material
from blazepose_tf.synthetic.background import render_background
from blazepose_tf.synthetic.dress import build_solids
from blazepose_tf.synthetic.scene import Scene
from blazepose_tf.synthetic.solids import (
    Buffers,
    Part,
    Solid,
    Surface,
    draw_box,
    draw_solids,
    new_buffers,
    surface_at,
)

_SMALL_FACE = 7.0  # pixels of head width of the drawing below which eyes and mouth are left out
_SMALL_HAND = 45.0  # likewise for single fingers


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
        # From behind, where the skull hides it anyway, a face need not be drawn.
        gaze = person.skeleton.frames["head"][:, 2] @ (camera.position - person.skeleton.joints["head"] - person.offset)
        solids = build_solids(
            person.skeleton,
            person.look,
            palette_start=len(palette),
            face=head > _SMALL_FACE and gaze > -0.35 * depth,
            fingers=head > _SMALL_HAND,
        )
        palette += person.look.materials
        draw_solids(buffers, solids, body_camera)
        shadows.append((person.offset, solids))
    for box in scene.boxes:
        draw_box(buffers, camera, center=box.center, frame=box.frame, half=box.half, material=len(palette))
        palette.append(box.material)
    for ball in scene.balls:
        solid = Solid(ball.start, ball.end, ball.radius, ball.radius, len(palette), np.eye(3))
        palette.append(ball.material)
        draw_solids(buffers, [solid], camera)
        shadows.append((np.zeros(3), [solid]))
    image = render_background(np.random.default_rng(scene.background_seed), scene.camera, size=size)
    _cast_shadows(image, shadows, scene)
    _composite(image, buffers, palette, scene, supersample)
    image = _expose(image, scene.sensor_seed)
    return annotate(image, buffers, scene, supersample)


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
    strength = np.float32(0.75 * (1 - scene.ambient) / 255)
    bright = 1 - cv2.blur(shadow, (k, k)) * strength
    np.multiply(image, cv2.merge((bright, bright, bright)), out=image)


def _composite(image: np.ndarray, buffers: Buffers, palette: list[Material], scene: Scene, supersample: int) -> None:
    """Shades what the buffers hold and lays it over the picture."""
    s = supersample
    covered = buffers.part >= 0
    rows, columns = np.flatnonzero(covered.any(1)), np.flatnonzero(covered.any(0))
    if not len(rows):
        return
    y0, y1 = int(rows[0]) // s, int(rows[-1]) // s + 1
    x0, x1 = int(columns[0]) // s, int(columns[-1]) // s + 1
    window = (slice(y0 * s, y1 * s), slice(x0 * s, x1 * s))
    covered = covered[window]
    flat = np.flatnonzero(covered).astype(np.int32)
    rows = flat // np.int32(covered.shape[1])
    columns = flat - rows * np.int32(covered.shape[1])
    exposed = 1 - _crevices(buffers.depth[window], covered).take(flat)
    surface = surface_at(buffers, scene.camera.scaled(s), rows=rows + y0 * s, columns=columns + x0 * s)
    layer = np.zeros((*covered.shape, 4), np.uint8)
    layer.view(np.uint32).reshape(-1)[flat] = _shade(surface, buffers.parts, exposed, palette, scene)
    layer = cv2.resize(layer, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)
    layer = layer.astype(np.float32) * np.float32(1 / 255)
    through = 1 - layer[..., 3]
    part = image[y0:y1, x0:x1]
    part *= cv2.merge((through, through, through))
    part += layer[..., :3]


def _shade(
    surface: Surface, parts: list[Part], exposed: np.ndarray, palette: list[Material], scene: Scene
) -> np.ndarray:
    """Colours of n pixels under the light of the scene.

    Args:
        surface: what is seen there.
        parts: what was drawn.
        exposed: (n,) share of the light that gets there.
        palette: materials.
        scene: for its light and camera.

    Returns:
        (n,) uint32, the four bytes R, G, B and opacity 255 of each pixel.
    """
    f32 = np.float32
    normal = surface.normal
    material = np.array([part.material for part in parts], np.int16)[surface.part]
    light = scene.camera.rotation @ scene.light
    half = light - (0, 0, 1)
    directions = np.stack([light, scene.camera.rotation[:, 1], half / np.linalg.norm(half)]).astype(f32)
    towards = directions @ normal
    towards /= np.sqrt(np.einsum("in,in->n", normal, normal) + f32(1e-12))
    second = np.zeros(len(material), np.int16)
    for i in np.flatnonzero(np.bincount(material, minlength=len(palette))):
        if palette[i].pattern != "plain":
            chosen = np.flatnonzero(material == i)
            axes = np.stack([part.axes for part in parts]).astype(f32)[surface.part[chosen]]
            second[chosen] = _pattern(palette[i], np.einsum("jn,njk->nk", surface.offset[:, chosen], axes))
    table = np.array([(*m.color, m.gloss) for m in palette] + [(*m.second, m.gloss) for m in palette], f32)
    color = np.ascontiguousarray(table.T).take(material + np.int16(len(palette)) * second, axis=1)
    diffuse = np.maximum(towards[0] * f32(0.85) + f32(0.15), 0)
    lit = (towards[1] * f32(0.25) + f32(0.75)) * f32(scene.ambient) + diffuse * f32(1.25 - 0.75 * scene.ambient)
    lit *= exposed
    shine = np.maximum(towards[2], 0)
    for _ in range(4):  # to the power 16
        shine *= shine
    shine *= color[3] * f32(1.3)
    out = np.full((len(material), 4), 255, np.uint8)
    for channel in range(3):
        value = color[channel] * lit
        value += shine
        value *= f32(255 * scene.tint[channel])
        np.clip(value, 0, 255, out=value)
        out[:, channel] = value
    return out.view(np.uint32)[:, 0]


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
    """Darkness 0..0.35 of pixels that lie deeper than their surroundings: an arm's shadow on the chest, the armpits."""
    k = max(3, int(max(depth.shape) * 0.05)) | 1
    weight = covered.astype(np.float32)
    filled = np.where(covered, depth, np.float32(0))
    mean = cv2.blur(filled, (k, k)) / np.maximum(cv2.blur(weight, (k, k)), np.float32(1e-3))
    return np.clip((filled - mean) * np.float32(1.6), 0, np.float32(0.35))


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
