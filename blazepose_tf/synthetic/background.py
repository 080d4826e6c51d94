"""Backgrounds: rooms and open ground with a horizon, gradients, noise and clutter."""

from __future__ import annotations

import cv2
import numpy as np

from blazepose_tf.synthetic.solids import Camera


def sample_texture(rng: np.random.Generator, size: int = 128) -> np.ndarray:
    """A random (size, size, 3) uint8 texture: fractal noise, planks, tiles or checks in two colours."""
    base = _dull_color(rng)
    other = np.clip(base * rng.uniform(0.45, 1.5) + rng.normal(0, 0.08, 3), 0, 1)
    noise = fractal_noise(rng, size, size)[..., None]
    kind = int(rng.integers(5))
    mix = noise
    if kind >= 2:
        y, x = np.mgrid[0:size, 0:size]
        step = int(rng.choice([8, 16, 32, 64]))
        if kind == 2:
            lines = (y // step) % 2
        elif kind == 3:
            lines = (y // step + x // step) % 2
        else:
            lines = (y % step < max(1, step // 12)) | (x % (2 * step) < max(1, step // 12))
        mix = (0.3 * noise + 0.7 * lines[..., None]).astype(np.float32)
    color = base.astype(np.float32) + (other - base).astype(np.float32) * mix
    return (np.clip(color, 0, 1) * np.float32(255)).astype(np.uint8)


def _dull_color(rng: np.random.Generator) -> np.ndarray:
    """(3,) RGB 0..1, mostly of low saturation like walls, floors and furniture."""
    color = rng.random(3)
    color += (color.mean() - color) * rng.choice([0.92, 0.85, 0.7, 0.4])
    return np.clip(color * rng.uniform(0.6, 1.3), 0.03, 1)


def fractal_noise(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """(height, width) float32 smooth noise in 0..1 with detail on several scales."""
    out = np.zeros((height, width), np.float32)
    total = 0.0
    slope = rng.uniform(0.45, 0.85)
    for octave, cells in enumerate((3, 6, 14, 34, 80)):
        weight = slope**octave
        grid = rng.random((cells, cells), dtype=np.float32)
        out += np.float32(weight) * cv2.resize(grid, (width, height), interpolation=cv2.INTER_LINEAR)
        total += weight
    return out / np.float32(total)


def render_background(rng: np.random.Generator, camera: Camera, *, size: tuple[int, int]) -> np.ndarray:
    """A random background behind the floor plane y = 0 of the world.

    Args:
        rng: source of randomness.
        camera: in pixels of the picture.
        size: (height, width) pixels.

    Returns:
        (height, width, 3) float32 RGB, 0..1.
    """
    height, width = size
    kind = rng.random()
    if kind < 0.12:
        image = _gradient(rng, height, width)
    elif kind < 0.24:
        texture = sample_texture(rng)
        image = cv2.resize(texture, (width, height), interpolation=cv2.INTER_LINEAR)
    else:
        image = _room(rng, camera, height, width)
    if rng.random() < 0.7:
        _add_clutter(rng, image)
    if rng.random() < 0.35:
        # Out of focus, as behind a portrait.
        k = int(max(3, height / rng.uniform(25, 120))) | 1
        image = cv2.blur(cv2.blur(image, (k, k)), (k, k))
    # Uneven light: 0.7 .. 1.2 of the brightness from corner to corner.
    corners = rng.uniform(0.7, 1.2, (2, 2)).astype(np.float32) / np.float32(255)
    light = cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR)
    # Three equal channels: OpenCV multiplies whole rows, numpy would broadcast pixel by pixel.
    image = cv2.multiply(image, cv2.merge((light, light, light)), dtype=cv2.CV_32F)
    return np.minimum(image, np.float32(1), out=image)


def _gradient(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """(height, width, 3) uint8 smooth change between related colours."""
    base = _dull_color(rng)
    corners = np.clip(base + rng.normal(0, 0.18, (2, 2, 1)) + rng.normal(0, 0.05, (2, 2, 3)), 0, 1)
    return cv2.resize((corners * 255).astype(np.uint8), (width, height), interpolation=cv2.INTER_LINEAR)


def _room(rng: np.random.Generator, camera: Camera, height: int, width: int) -> np.ndarray:
    """A floor in perspective up to a wall or the horizon."""
    if rng.random() < 0.5:
        image = _gradient(rng, height, width)
    else:
        image = cv2.resize(sample_texture(rng), (width, height), interpolation=cv2.INTER_LINEAR)
    texture = sample_texture(rng)
    pixels_per_metre = len(texture) / rng.uniform(0.8, 4.0)
    # Floor point (x, z) -> picture; the texture is looked up through this homography.
    intrinsics = np.array([(camera.focal, 0, camera.center[0]), (0, camera.focal, camera.center[1]), (0, 0, 1)])
    rotation, shift = camera.rotation, -camera.rotation @ camera.position
    floor = intrinsics @ np.stack([rotation[:, 0], rotation[:, 2], shift], axis=1)
    turn = rng.uniform(0, np.pi)
    c, s = np.cos(turn) / pixels_per_metre, np.sin(turn) / pixels_per_metre
    floor = floor @ np.array([(c, -s, 0), (s, c, 0), (0, 0, 1)])
    # Height of the viewing rays' direction in the world, linear in the pixel: below the wall's foot it is floor.
    up = np.linalg.inv(intrinsics).T @ camera.rotation[:, 1]
    wall = rng.uniform(2.5, 12.0) if rng.random() < 0.7 else 60.0
    foot = -camera.position[1] / (np.hypot(camera.position[0], camera.position[2]) + wall)
    xs, ys = np.arange(width) + 0.5, np.arange(height) + 0.5
    below = (up[0] * xs[None, :] + up[1] * ys[:, None] + up[2]) < foot
    rows = np.flatnonzero(below.any(1))
    if len(rows):
        y0, y1 = int(rows[0]), int(rows[-1]) + 1
        floor = np.array([(1, 0, 0), (0, 1, -y0), (0, 0, 1)]) @ floor
        ground = cv2.warpPerspective(
            texture, floor, (width, y1 - y0), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP
        )
        cv2.copyTo(ground, below[y0:y1].view(np.uint8), image[y0:y1])
    return image


def _add_clutter(rng: np.random.Generator, image: np.ndarray) -> None:
    """Draws flat furniture, pictures, lamps and trees of no particular kind."""
    height, width = image.shape[:2]
    for _ in range(int(rng.integers(1, 9))):
        color = (_dull_color(rng) * 255).tolist()
        x, y = rng.uniform(-0.1, 1.1, 2) * (width, height)
        w, h = rng.uniform(0.03, 0.35, 2) * (width, height)
        shape = int(rng.integers(5))
        if shape <= 1:
            a, b = (int(x), int(y)), (int(x + w), int(y + h))
            cv2.rectangle(image, a, b, color, -1)
            if shape == 1:
                cv2.rectangle(image, a, b, (rng.random(3) * 255).tolist(), max(1, int(min(w, h) * 0.08)))
        elif shape == 2:
            axes = (int(w / 2) + 1, int(h / 2) + 1)
            cv2.ellipse(image, (int(x), int(y)), axes, rng.uniform(0, 180), 0, 360, color, -1, cv2.LINE_AA)
        elif shape == 3:
            end = (int(x + rng.normal(0, 0.4) * width), int(y + rng.normal(0, 0.4) * height))
            cv2.line(image, (int(x), int(y)), end, color, max(1, int(0.04 * rng.random() * width)), cv2.LINE_AA)
        else:
            x0, y0 = max(0, int(x)), max(0, int(y))
            x1, y1 = min(width, int(x + w)), min(height, int(y + h))
            if x1 > x0 + 2 and y1 > y0 + 2:
                patch = sample_texture(rng, 64)
                image[y0:y1, x0:x1] = cv2.resize(patch, (x1 - x0, y1 - y0), interpolation=cv2.INTER_LINEAR)
