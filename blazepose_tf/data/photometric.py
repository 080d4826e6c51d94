"""Light, colour and sharpness. Colour is one affine map and a tone curve per picture, applied to whole batches; what
costs more (blur, loss of resolution, grain, JPEG) is applied to single crops, to a fraction of them.
"""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from blazepose_tf.data.augment import COLOUR, DEGRADE, NOISE, between, normal, uniform
from blazepose_tf.data.config import PhotometricConfig

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
_TWO_BYTES_STD = math.sqrt(2.0 * (256**2 - 1) / 12.0)  # of the sum of two uniform bytes, 104.5
_PIVOT = 0.45  # mid-grey that contrast turns about


def identity_colour():
    """(13,) parameters that change nothing."""
    return tf.constant([1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0], tf.float32)


def sample_colour(seed):
    """(9,) uniform numbers that `colour_parameters` makes parameters of, for a whole batch at a time."""
    return uniform(seed, COLOUR, 9)


def colour_parameters(u, config: PhotometricConfig):
    """(B, 13) parameters of `apply_colour`, a 3 x 3 matrix, offset (3) and tone, from (B, 9) drawn numbers."""
    stds = [config.light_std, config.contrast_std, config.saturation_std, *3 * [config.white_balance_std]]
    factors = tf.exp(normal(tf.gather(u, [0, 1, 2, 4, 5, 6], axis=1), tf.constant(stds, tf.float32), limit_in_stds=3.0))
    gain, contrast, saturation = factors[:, 0], factors[:, 1], factors[:, 2]
    saturation = tf.where(u[:, 3] < config.grey_probability, 0.0, saturation)[:, None, None]
    hue = (math.pi / 180.0) * normal(u[:, 7], config.hue_std, limit_in_stds=3.0)[:, None, None]
    tone = between(u[:, 8:9], -config.tone_limit, config.tone_limit)
    # Rotation about the grey axis (1, 1, 1), after Rodrigues.
    cos, third = tf.cos(hue), (1.0 - tf.cos(hue)) / 3.0
    cross = tf.sin(hue) / math.sqrt(3.0) * tf.constant([[0, -1, 1], [1, 0, -1], [-1, 1, 0]], tf.float32)
    rotation = cos * tf.eye(3) + third * tf.ones([3, 3]) + cross
    matrix = saturation * tf.eye(3) + (1.0 - saturation) * tf.constant(np.tile(_LUMA, (3, 1)))
    # A picture without colour has none after the white balance either, so that comes first.
    matrix = tf.matmul(matrix, rotation * factors[:, None, 3:])
    matrix = (contrast * gain)[:, None] * tf.reshape(matrix, [-1, 9])
    offset = tf.tile(_PIVOT * (1.0 - contrast)[:, None], [1, 3])
    return tf.concat([matrix, offset, tone], axis=1)


def apply_colour(images, colour, *, value_range: tuple[float, float]):
    """Colours a batch and brings it to the network's range.

    Args:
        images: (B, S, S, 3) 0..255.
        colour: (B, 13) of `colour_parameters`.
        value_range: values of black and white.

    Returns:
        (B, S, S, 3) float32 within value_range.
    """
    size = images.shape[1]
    matrix = tf.reshape(colour[:, :9], [-1, 3, 3])
    x = tf.matmul(tf.reshape(images, [-1, size * size, 3]), matrix * (1.0 / 255.0), transpose_b=True)
    # From here on as rows of interleaved channels: broadcasting a last dimension of 3 is several times slower.
    x = tf.reshape(x, [-1, size, 3 * size]) + tf.tile(colour[:, None, 9:12], [1, 1, size])
    x = tf.clip_by_value(x, 0.0, 1.0)
    tone = colour[:, 12, None, None]
    x = x * (1.0 + tone - tone * x)  # monotone on [0, 1] for |tone| < 1; black and white stay
    return tf.reshape(_to_range(x, value_range), [-1, size, size, 3])


def to_range(images, *, value_range: tuple[float, float]):
    """0..255 to the network's range."""
    return _to_range(images * (1.0 / 255.0), value_range)


def _to_range(x, value_range):
    low, high = value_range
    return x if (low, high) == (0.0, 1.0) else low + (high - low) * x


def degrade(crop, seed, config: PhotometricConfig):
    """Blur, lower resolution, grain and JPEG, each with its probability.

    Args:
        crop: (S, S, 3) 0..255.
        seed: example seed.
        config: probabilities and strengths.

    Returns:
        (S, S, 3) 0..255.
    """
    u = tf.unstack(uniform(seed, DEGRADE, 12))
    steps = (
        (config.blur_probability, lambda x: _blur(x, between(u[4], 0.5, 2.5), u[5], u[6] * math.pi)),
        (config.low_resolution_probability, lambda x: _lower_resolution(x, between(u[7], 1.3, 4.0))),
        (config.noise_probability, lambda x: _grain(x, seed, between(u[8], 2.0, config.noise_limit))),
        (config.jpeg_probability, lambda x: _compress(x, between(u[9], config.jpeg_quality, 90))),
    )
    for i, (probability, step) in enumerate(steps):
        if probability > 0:
            changed = tf.cond(u[i] < probability, lambda c=crop, s=step: s(c), lambda c=crop: c)
            crop = tf.ensure_shape(changed, crop.shape)
    return crop


def _blur(crop, sigma, roundness, angle):
    """Gaussian of `sigma` pixels along `angle` and `roundness` times that across."""
    axis = tf.range(-3.0, 4.0)
    x, y = tf.meshgrid(axis, axis)
    along, across = x * tf.cos(angle) + y * tf.sin(angle), y * tf.cos(angle) - x * tf.sin(angle)
    narrow = tf.maximum(sigma * roundness, 0.3)
    kernel = tf.exp(-0.5 * ((along / sigma) ** 2 + (across / narrow) ** 2))
    kernel = tf.tile((kernel / tf.reduce_sum(kernel))[..., None, None], [1, 1, 3, 1])
    padded = tf.pad(crop, [[3, 3], [3, 3], [0, 0]], mode="SYMMETRIC")
    return tf.nn.depthwise_conv2d(padded[None], kernel, [1, 1, 1, 1], "VALID")[0]


def _lower_resolution(crop, factor):
    size = crop.shape[0]
    small = tf.cast(size / factor, tf.int32)
    return tf.image.resize(tf.image.resize(crop, [small, small], method="area"), [size, size])


def _grain(crop, seed, std):
    # The sum of two random bytes is near enough to normal and costs a tenth of it.
    count = 2 * int(np.prod(crop.shape)) // 4
    key = tf.stack([seed[0], seed[1] * 256 + NOISE])
    words = tf.random.stateless_uniform([count], key, minval=None, maxval=None, dtype=tf.int32)
    noise = tf.reduce_sum(tf.cast(tf.reshape(tf.bitcast(words, tf.uint8), [2, *crop.shape]), tf.float32), axis=0)
    return tf.clip_by_value(crop + (std / _TWO_BYTES_STD) * (noise - 255.0), 0.0, 255.0)


def _compress(crop, quality):
    pixels = tf.cast(tf.clip_by_value(tf.round(crop), 0.0, 255.0), tf.uint8)
    encoded = tf.raw_ops.EncodeJpegVariableQuality(images=pixels, quality=tf.cast(quality, tf.int32))
    return tf.cast(tf.io.decode_jpeg(encoded, channels=3), tf.float32)
