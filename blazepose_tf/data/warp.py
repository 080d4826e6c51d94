"""The input pipeline's resampler: cuts a rotated, possibly mirrored square out of a picture inside a graph.

The crop matrix maps continuous crop pixels to continuous image pixels; the half pixel between a pixel's index and its
centre is handled here and nowhere else in the pipeline. `runtime.warp` takes the same matrix and gives the same crop
(within 3 grey levels; a test holds both together).
"""

from __future__ import annotations

import functools
import math

import tensorflow as tf

from blazepose_tf.geometry import affine

_BORDERS = ("replicate", "zero")
_MAX_HALVINGS = 6
_SMALLEST_BUFFER = 1 << 16  # pixels


def warp(image, crop_matrix, size: int, *, border: str = "replicate", antialias: bool = True):
    """Resamples a crop, bilinearly.

    Args:
        image: (H, W, C) uint8 or float32, C = 3 or 1; interpolated in float32.
        crop_matrix: (2, 3) map from crop pixels to image pixels (`geometry.roi.crop_matrix`).
        size: side of the square crop in pixels.
        border: "replicate" continues the outermost pixels (trackers), "zero" is black outside (detectors).
        antialias: where two or more image pixels fall on a crop pixel, the image is first reduced by area averaging.

    Returns:
        (size, size, C) float32 in the image's value range.

    Raises:
        ValueError: an unknown border.
    """
    if border not in _BORDERS:
        raise ValueError(f"border must be one of {_BORDERS}. Received: border={border!r}")
    image = tf.convert_to_tensor(image)
    channels = image.shape[-1]
    if antialias:
        image, crop_matrix = _reduce(image, crop_matrix)
    # Index i of the crop is the point i + 0.5; the point p of the image is index p - 0.5.
    shift = crop_matrix[:, 2] + 0.5 * (crop_matrix[:, 0] + crop_matrix[:, 1]) - 0.5
    matrix = tf.concat([crop_matrix[:, :2], shift[:, None]], axis=1)
    shape = tf.shape(image)
    pixels = shape[0] * shape[1]
    # Buffers of few sizes, because a sampler is compiled for each: powers of two.
    bits = tf.math.ceil(tf.math.log(tf.cast(pixels, tf.float64)) / math.log(2.0) - 1e-9)
    room = tf.maximum(tf.cast(2.0**bits, tf.int32), _SMALLEST_BUFFER)
    buffer = tf.concat([tf.reshape(image, [-1]), tf.zeros([channels * (room - pixels)], image.dtype)], axis=0)
    sample = _sampler(size, border == "zero")
    crop = sample(tf.reshape(buffer, [-1, channels]), shape[0], shape[1], matrix)
    return tf.ensure_shape(crop, [size, size, channels])


@functools.cache
def _sampler(size: int, zero_outside: bool):
    """A compiled bilinear sampler: one pass over the crop, three times as fast as ImageProjectiveTransformV3.

    It takes a (N, C) buffer of rows of pixels, height, width and a (2, 3) matrix from crop to image indices.
    """

    def axis(position, length):
        """Two neighbouring indices and their weights."""
        low = tf.floor(position)
        share = position - low
        weights = (1.0 - share, share)
        low = tf.cast(tf.clip_by_value(low, -2.0, tf.cast(length, tf.float32)), tf.int32)
        indices = (low, low + 1)
        if zero_outside:
            inside = (tf.cast((i >= 0) & (i < length), tf.float32) for i in indices)
            weights = tuple(w * v for w, v in zip(weights, inside, strict=True))
        return tuple(tf.clip_by_value(i, 0, length - 1) for i in indices), weights

    @tf.function(jit_compile=True, autograph=False)
    def sample(buffer, height, width, matrix):
        index = tf.range(size, dtype=tf.float32)
        column, row = index[None, :], index[:, None]
        xs, x_weights = axis(matrix[0, 0] * column + matrix[0, 1] * row + matrix[0, 2], width)
        ys, y_weights = axis(matrix[1, 0] * column + matrix[1, 1] * row + matrix[1, 2], height)
        total = tf.zeros([size, size, buffer.shape[-1]])
        for y, y_weight in zip(ys, y_weights, strict=True):
            for x, x_weight in zip(xs, x_weights, strict=True):
                total += tf.cast(tf.gather(buffer, y * width + x), tf.float32) * (y_weight * x_weight)[..., None]
        return total

    return sample


def _reduce(image, crop_matrix):
    """Halves the image until a crop pixel covers less than two of its pixels; the matrix follows."""
    halvings = tf.cast(tf.floor(tf.math.log(affine.scale_of(crop_matrix)) / tf.math.log(2.0) + 1e-4), tf.int32)
    halvings = tf.clip_by_value(halvings, 0, _MAX_HALVINGS)

    def reduced():
        old = tf.shape(image)[:2]
        new = tf.maximum(old // tf.bitwise.left_shift(1, halvings), 1)
        factor = tf.cast(tf.reverse(new, [0]), tf.float32) / tf.cast(tf.reverse(old, [0]), tf.float32)
        small = tf.image.resize(image, new, method="area")
        small = tf.cast(tf.round(small), image.dtype) if image.dtype.is_integer else small
        return small, crop_matrix * factor[:, None]

    small, matrix = tf.cond(halvings > 0, reduced, lambda: (image, crop_matrix))
    return tf.ensure_shape(small, [None, None, image.shape[-1]]), tf.ensure_shape(matrix, [2, 3])


def decode(encoded, scale):
    """Decodes a JPEG or PNG no larger than needed.

    Args:
        encoded: scalar string tensor.
        scale: image pixels per crop pixel. A JPEG is decoded at a half, quarter or eighth of its size when at least
            that many of its pixels fall on a crop pixel: the decoder's own reduction costs less than nothing.

    Returns:
        image (H, W, 3) uint8 and the ratio: image pixels of the file per pixel of the result (1, 2, 4 or 8).
    """

    def jpeg(ratio: int):
        # The default transform is a fast one, up to 3 grey levels off what OpenCV shows the models at runtime.
        return lambda: (
            tf.io.decode_jpeg(encoded, channels=3, ratio=ratio, dct_method="INTEGER_ACCURATE"),
            tf.constant(float(ratio)),
        )

    def other():
        image = tf.io.decode_image(encoded, channels=3, expand_animations=False)
        return tf.ensure_shape(image, [None, None, 3]), tf.constant(1.0)

    level = tf.cast(scale >= 2.0, tf.int32) + tf.cast(scale >= 4.0, tf.int32) + tf.cast(scale >= 8.0, tf.int32)
    branch = tf.where(tf.io.is_jpeg(encoded), level, 4)
    image, ratio = tf.switch_case(branch, [jpeg(1), jpeg(2), jpeg(4), jpeg(8), other])
    return tf.ensure_shape(image, [None, None, 3]), ratio


def decode_and_warp(encoded, crop_matrix, size: int, *, border: str = "replicate"):
    """`decode` and `warp` in one: a (size, size, 3) float32 crop, 0..255, of an encoded picture."""
    image, ratio = decode(encoded, affine.scale_of(crop_matrix))
    return warp(image, crop_matrix / ratio, size, border=border)


def warp_mask(encoded, crop_matrix, size: int):
    """A mask seen through the crop matrix of its picture.

    Args:
        encoded: scalar string, a PNG of the picture's size, 255 where the person is; empty where there is none.
        crop_matrix: (2, 3) map from crop pixels to those of the picture; that of the mask's crop, if it is smaller.
        size: side of the crop in cells.

    Returns:
        (size, size, 1) share of the person in each cell, and () 1 or 0, whether there is a mask.
    """
    known = tf.strings.length(encoded) > 0

    def seen():
        mask = tf.ensure_shape(tf.io.decode_png(encoded, channels=1), [None, None, 1])
        return warp(mask, crop_matrix, size, border="zero") / 255.0

    mask = tf.cond(known, seen, lambda: tf.zeros([size, size, 1]))
    return tf.ensure_shape(mask, [size, size, 1]), tf.cast(known, tf.float32)
