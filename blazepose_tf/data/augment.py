"""Random changes of a crop. A `sample_*` policy draws the parameters of a change from a seed, an `apply_*` function is
then deterministic; nothing else in the pipeline is random.

Invariant: a seed is a (2,) int64 tensor made of (seed, epoch, position) by `example_seed`; every policy has a stream of
its own, so that switching one off leaves the others' draws as they were.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import tensorflow as tf

from blazepose_tf.data.config import DetectorDataConfig, OcclusionConfig, ViewConfig
from blazepose_tf.geometry import roi as roi_lib

VIEW, CHOICE, NEGATIVE, OCCLUSION, COLOUR, DEGRADE, NOISE, IMAGINED, FOLLOWED = range(9)


def example_seed(seed: int, epoch, position):
    """(2,) int64 seed of one example, the same wherever and whenever it is prepared."""
    position = tf.cast(position, tf.int64)
    # Philox is keyed by all 128 bits, so near seeds give unrelated numbers; the shift keeps epochs apart.
    return tf.stack([tf.constant(seed, tf.int64) + tf.cast(epoch, tf.int64) * 2**32, position])


def uniform(seed, stream: int, count: int):
    """(count,) numbers in [0, 1) of an example's stream."""
    key = tf.stack([seed[0], seed[1] * 256 + stream])
    return tf.random.stateless_uniform([count], key)


def normal(u, std, limit: float | None = None, *, limit_in_stds: float | None = None):
    """Normal numbers from uniform ones, clipped at +-limit."""
    z = tf.math.ndtri(tf.clip_by_value(u, 1e-6, 1.0 - 1e-6))
    if limit_in_stds is not None:
        z = tf.clip_by_value(z, -limit_in_stds, limit_in_stds)
    return std * z if limit is None else tf.clip_by_value(std * z, -limit, limit)


def between(u, low, high):
    return low + (high - low) * u


class View(NamedTuple):
    """A disturbance of a roi: shift (2,) in roi sizes, log_scale (), rotation () in radians, mirror () 0 or 1."""

    shift: tf.Tensor
    log_scale: tf.Tensor
    rotation: tf.Tensor
    mirror: tf.Tensor


def no_view() -> View:
    zero = tf.constant(0.0)
    return View(tf.zeros([2]), zero, zero, zero)


def sample_view(seed, config: ViewConfig) -> View:
    """How a tracker sees a person: disturbed as from frame to frame, sometimes grossly, sometimes only in part."""
    u = tf.unstack(uniform(seed, VIEW, 12))
    degree = math.pi / 180.0
    shift = normal(tf.stack(u[0:2]), config.shift_std, config.shift_limit)
    log_scale = normal(u[2], config.scale_std, config.scale_limit)
    rotation = normal(u[3], config.rotation_std, config.rotation_limit) * degree
    rotation = tf.where(u[4] < config.any_rotation_probability, between(u[5], -math.pi, math.pi), rotation)
    mirror = tf.cast(u[6] < config.mirror_probability, tf.float32)

    def part():
        # Of a body seen in part either the legs are missing (a picture of the upper body) or any side is.
        upper = tf.stack([between(u[8], -0.1, 0.1), between(u[9], -0.28, -0.12)])
        aside = tf.stack([between(u[8], -0.3, 0.3), between(u[9], -0.3, 0.3)])
        is_upper = u[10] < 0.5
        size = tf.where(is_upper, between(u[11], 0.45, 0.75), between(u[11], 0.8, 1.1))
        return tf.where(is_upper, upper, aside), tf.math.log(size)

    shift, log_scale = tf.cond(u[7] < config.partial_probability, part, lambda: (shift, log_scale))
    if config.followed_probability > 0:
        v = uniform(seed, FOLLOWED, 5)
        off = normal(v[:4], tf.constant(roi_lib.FOLLOWED), limit_in_stds=2.5)
        followed = v[4] < config.followed_probability
        shift = tf.where(followed, off[:2], shift)
        log_scale, rotation = tf.where(followed, off[2], log_scale), tf.where(followed, off[3], rotation)
    return View(tf.ensure_shape(shift, [2]), log_scale, rotation, mirror)


def sample_picture_view(seed, config: DetectorDataConfig, *, empty) -> View:
    """How a detector sees a picture: larger or smaller, off centre, a little rotated, at times at any angle.

    Args:
        seed: example seed.
        config: ranges.
        empty: () bool: nobody is in the picture. It may then be shown in more ways without becoming wrong.
    """
    u = uniform(seed, VIEW, 9)
    degree = math.pi / 180.0
    # Size of the picture, and with it of the people: the region shown is its inverse.
    plain = between(u[2], math.log(0.85), math.log(1.15))
    largest = tf.where(empty, math.log(config.empty_scale_max), math.log(config.scale_max))
    other = between(u[2], math.log(config.scale_min), largest)
    log_scale = -tf.where(u[8] < config.plain_probability, plain, other)
    rotation = normal(u[3], config.rotation_std, 3.0 * config.rotation_std) * degree
    any_rotation = tf.where(empty, config.empty_any_rotation_probability, config.any_rotation_probability)
    rotation = tf.where(u[4] < any_rotation, between(u[5], -math.pi, math.pi), rotation)
    mirror = tf.cast(u[6] < config.mirror_probability, tf.float32)
    return View(between(u[0:2], -config.shift, config.shift), log_scale, rotation, mirror)


def apply_view(roi, view: View, size: int):
    """(2, 3) crop matrix of a disturbed roi (4,)."""
    disturbed = roi_lib.jitter(roi, shift=view.shift, log_scale=view.log_scale, rotation=view.rotation)
    return roi_lib.crop_matrix(disturbed, float(size), mirror=view.mirror)


_CANDIDATES = 12
# Of a candidate region at most this share may be person, and of a person this share may be in it (their sum).
_MAX_OVERLAP = 0.3


def sample_negative(seed, width, height, people, main, keypoints):
    """A region without a person: background beside the people, or a part of one too small to be taken for a body.

    Args:
        seed: example seed.
        width: image width in pixels.
        height: image height in pixels.
        people: (P, 4) boxes of all people, labelled or not; P may be 0.
        main: (4,) roi of the tracked person; any plausible roi when the picture has none.
        keypoints: (K, 3) its keypoints; all unlabelled when there is none.

    Returns:
        roi (4,); is_background () bool: False when it shows a part of the person.
    """
    u = uniform(seed, NEGATIVE, 4 + 4 * _CANDIDATES)
    n = _CANDIDATES
    frame = tf.stack([tf.cast(width, tf.float32), tf.cast(height, tf.float32)])
    centers = tf.stack([u[4 : 4 + n], u[4 + n : 4 + 2 * n]], axis=1) * frame
    # From a third of the person's size (a limb-like thing far away) to its own.
    sizes = main[2] * tf.exp(between(u[4 + 2 * n : 4 + 3 * n], math.log(0.3), math.log(1.0)))
    half = 0.5 * sizes[:, None]
    low, high = centers - half, centers + half
    inter = tf.minimum(high[:, None], people[None, :, 2:]) - tf.maximum(low[:, None], people[None, :, :2])
    inter = tf.reduce_prod(tf.maximum(inter, 0.0), axis=-1)
    person_area = tf.maximum(tf.reduce_prod(tf.maximum(people[:, 2:] - people[:, :2], 0.0), axis=-1), 1.0)
    overlap = tf.reduce_sum(inter, axis=1) / sizes**2
    # The maximum over no people is -infinity.
    overlap += tf.maximum(tf.reduce_max(inter / person_area[None], axis=1), 0.0)
    best = tf.argmin(overlap)
    rotation = between(u[4 + 3 * n : 4 + 4 * n], -math.pi, math.pi)[best]
    background = tf.stack([centers[best, 0], centers[best, 1], sizes[best], rotation])

    labelled = keypoints[:, 2] > 0
    count = tf.reduce_sum(tf.cast(labelled, tf.int32))
    points = tf.concat([tf.boolean_mask(keypoints[:, :2], labelled), main[None, :2]], axis=0)
    point = points[tf.minimum(tf.cast(u[0] * tf.cast(count, tf.float32), tf.int32), count)]
    part = tf.stack([point[0], point[1], main[2] * between(u[1], 0.1, 0.2), between(u[2], -math.pi, math.pi)])
    is_background = (overlap[best] < _MAX_OVERLAP) & ((u[3] < 0.75) | (count == 0))
    return tf.where(is_background, background, part), is_background


def sample_imagined(seed, circles, probability: float):
    """One of the body circles in which a detector imagines somebody, and whether it is to be shown.

    Args:
        seed: example seed.
        circles: (M, 2, 2); M may be 0.
        probability: of showing one where there is any.

    Returns:
        alignment (2, 2), and () bool.
    """
    u = uniform(seed, IMAGINED, 2)
    count = tf.shape(circles)[0]
    padded = tf.concat([circles, tf.constant([[[0.0, 0.0], [0.0, -1.0]]])], axis=0)
    index = tf.minimum(tf.cast(u[0] * tf.cast(count, tf.float32), tf.int32), tf.maximum(count - 1, 0))
    return padded[index], (count > 0) & (u[1] < probability)


class Occlusion(NamedTuple):
    """Rectangles of a crop: count () int32; boxes (R, 5) centre x, y, half width, half height in crop sizes, angle in
    radians; look (R, 10) numbers in [0, 1)."""

    count: tf.Tensor
    boxes: tf.Tensor
    look: tf.Tensor


def sample_occlusion(seed, config: OcclusionConfig) -> Occlusion:
    """0 to `max_rectangles` rectangles with a colour, a pattern or a piece of the picture itself."""
    number = config.max_rectangles
    u = uniform(seed, OCCLUSION, 2 + 15 * number)
    some = 1 + tf.cast(u[1] * number, tf.int32)
    count = tf.where(u[0] < config.probability, some, 0)
    rest = tf.reshape(u[2:], [number, 15])
    sides = 0.5 * between(rest[:, 2:4], config.min_size, config.max_size)
    angle = normal(rest[:, 4:5], 0.3)
    return Occlusion(count, tf.concat([rest[:, :2], sides, angle], axis=1), rest[:, 5:15])


def apply_occlusion(crop, points, state, occlusion: Occlusion):
    """Paints the rectangles and hides what lies below them.

    Args:
        crop: (S, S, 3) 0..255.
        points: (K, 2) crop pixels.
        state: (K,) label states; 2 becomes 1 below a rectangle.
        occlusion: what to paint.

    Returns:
        crop (S, S, 3), state (K,).
    """
    size = crop.shape[0]

    def paint():
        painted, seen = crop, state
        for i in range(occlusion.boxes.shape[0]):
            box, look = occlusion.boxes[i], occlusion.look[i]
            on = i < occlusion.count
            painted = tf.cond(on, lambda c=painted, b=box, k=look: _paint(c, b, k), lambda c=painted: c)
            hidden = on & _covered(points[:, 0] / size, points[:, 1] / size, box)
            seen = tf.where(hidden & (seen > 1.5), 1.0, seen)
        return painted, seen

    painted, seen = tf.cond(occlusion.count > 0, paint, lambda: (crop, state))
    return tf.ensure_shape(painted, [size, size, 3]), tf.ensure_shape(seen, points.shape[:1])


def hide(mask, occlusion: Occlusion):
    """A (M, M, 1) mask of the crop without what lies below the rectangles."""
    size = mask.shape[0]
    axis = (tf.range(size, dtype=tf.float32) + 0.5) / size
    seen = mask
    for i in range(occlusion.boxes.shape[0]):
        below = (i < occlusion.count) & _covered(axis[None, :], axis[:, None], occlusion.boxes[i])
        seen = tf.where(below[..., None], 0.0, seen)
    return seen


def _covered(x, y, box):
    """Whether the points with coordinates x and y, in crop sizes, lie in a rectangle (5,)."""
    dx, dy = x - box[0], y - box[1]
    cos, sin = tf.cos(box[4]), tf.sin(box[4])
    return (tf.abs(cos * dx + sin * dy) <= box[2]) & (tf.abs(cos * dy - sin * dx) <= box[3])


def _paint(crop, box, look):
    # Rows of interleaved channels, (S, 3S): TensorFlow broadcasts a last dimension of 3 several times slower.
    size = crop.shape[0]
    axis = (tf.range(size, dtype=tf.float32) + 0.5) / size
    x, y = tf.repeat(axis, 3)[None], axis[:, None]
    rows = tf.reshape(crop, [size, 3 * size])
    first, second = 255.0 * tf.tile(look[0:3], [size])[None], 255.0 * tf.tile(look[3:6], [size])[None]

    def colour():
        return tf.broadcast_to(first, [size, 3 * size])

    def pattern():
        wave = tf.sin((x * (look[6] - 0.5) + y * (look[7] - 0.5)) * 300.0)
        wave = 0.5 + 0.5 * tf.where(look[8] < 0.5, tf.sign(wave), wave)
        return first + (second - first) * wave

    def piece():
        # The picture itself, upside down and moved: skin, clothes and background in the wrong place.
        start = tf.cast(look[6] * size, tf.int32)
        flipped = tf.reverse(rows, [0])
        return tf.concat([flipped[start:], flipped[:start]], axis=0)

    kind = tf.minimum(tf.cast(look[9] * 3.0, tf.int32), 2)
    fill = tf.ensure_shape(tf.switch_case(kind, [colour, pattern, piece]), [size, 3 * size])
    return tf.reshape(tf.where(_covered(x, y, box), fill, rows), [size, size, 3])
