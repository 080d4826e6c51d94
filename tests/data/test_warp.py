"""The graph's resampler: against hand-computed pixels, against OpenCV's, and around a dot."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from blazepose_tf.data import warp
from blazepose_tf.geometry import affine
from blazepose_tf.geometry import roi as roi_lib

# The two resamplers interpolate with different precision (OpenCV's coordinates have 5 fractional bits) and round.
GREY_LEVELS = 3.0


def crop_of(roi, size, mirror=0.0):
    return roi_lib.crop_matrix(np.float32(roi), float(size), mirror=mirror)


def test_identity_gives_the_picture_itself(picture):
    image = picture(0, 64, 64)
    same = warp.warp(image, tf.constant([[1.0, 0, 0], [0, 1, 0]]), 64)
    np.testing.assert_allclose(same, image, atol=1e-4)


def test_half_a_pixel_to_the_right_is_the_mean_of_neighbours():
    image = np.zeros((4, 4, 3), np.uint8)
    image[:, 2] = 100
    moved = warp.warp(image, tf.constant([[1.0, 0, 0.5], [0, 1, 0]]), 4).numpy()
    np.testing.assert_allclose(moved[0, :, 0], [0, 50, 50, 0], atol=1e-4)


def test_doubling_keeps_the_centre_of_pixels():
    image = np.zeros((2, 2, 3), np.uint8)
    image[:, 1] = 80
    # Crop pixels have their centres at 0.25, 0.75, 1.25 and 1.75; the image's are at 0.5 and 1.5.
    doubled = warp.warp(image, tf.constant([[0.5, 0, 0], [0, 0.5, 0]]), 4).numpy()
    np.testing.assert_allclose(doubled[0, :, 0], [0, 20, 60, 80], atol=1e-3)


def test_borders():
    image = np.full((4, 4, 3), 90, np.uint8)
    outside = tf.constant([[1.0, 0, -8], [0, 1, -8]])
    assert warp.warp(image, outside, 4, border="replicate").numpy().min() == 90
    assert warp.warp(image, outside, 4, border="zero").numpy().max() == 0
    with pytest.raises(ValueError, match="border"):
        warp.warp(image, outside, 4, border="wrap")


@pytest.mark.parametrize(
    ("roi", "size", "mirror"),
    [
        ((160, 120, 200, 0.0), 256, 0.0),
        ((100, 150, 260, 0.7), 256, 1.0),
        ((170, 90, 480, -2.5), 192, 0.0),
        ((160, 120, 310, 0.2), 128, 1.0),
        ((160, 120, 700, 1.2), 128, 0.0),
    ],
)
@pytest.mark.parametrize("border", ["replicate", "zero"])
def test_both_resamplers_give_the_same_crop(picture, roi, size, mirror, border):
    from blazepose_tf.runtime import warp as runtime_warp

    image = picture(3)
    matrix = crop_of(roi, size, mirror)
    ours = warp.warp(image, tf.constant(matrix), size, border=border).numpy()
    theirs = runtime_warp.warp(image, matrix, size, border=border).astype(np.float32)
    difference = np.abs(ours - theirs)
    if border == "replicate":
        assert difference.max() <= GREY_LEVELS
        return
    # Against black the picture's rim is an edge, which the precision of coordinates moves: compare what lies inside.
    grid = np.stack(np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5), axis=-1).reshape(-1, 2)
    source = affine.apply(matrix, grid)
    margin = 2.0 * max(affine.scale_of(matrix), 1.0)
    inner = np.all((source > margin) & (source < np.array([320, 240]) - margin), axis=-1).reshape(size, size)
    outer = np.any((source < -margin) | (source > np.array([320, 240]) + margin), axis=-1).reshape(size, size)
    assert inner.sum() > 500
    assert difference[inner].max() <= GREY_LEVELS
    assert difference[outer].max(initial=0) == 0


def gaussian_dot(x: float, y: float, *, width=320, height=240, sigma=3.0) -> np.ndarray:
    """Picture with a bright dot centred at the continuous point (x, y)."""
    xs, ys = np.arange(width) + 0.5, np.arange(height) + 0.5
    dot = 255 * np.exp(-0.5 * (((xs[None] - x) / sigma) ** 2 + ((ys[:, None] - y) / sigma) ** 2))
    return np.repeat(dot[..., None], 3, axis=-1).astype(np.float32)


def centroid(crop: np.ndarray) -> np.ndarray:
    weight = crop[..., 0].astype(np.float64)
    axis = np.arange(len(crop)) + 0.5
    return np.array([(weight.sum(0) * axis).sum(), (weight.sum(1) * axis).sum()]) / weight.sum()


@pytest.mark.parametrize(
    ("roi", "size", "mirror"),
    [((150, 110, 180, 0.4), 256, 1.0), ((150, 110, 300, -1.0), 128, 0.0), ((150, 110, 600, 0.3), 128, 1.0)],
)
def test_dot_lands_where_the_matrix_says(roi, size, mirror):
    point = np.array([[141.3, 102.8]])
    matrix = crop_of(roi, size, mirror)
    crop = warp.warp(gaussian_dot(*point[0], sigma=6.0), tf.constant(matrix), size, border="zero").numpy()
    np.testing.assert_allclose(centroid(crop), affine.apply(affine.invert(matrix), point)[0], atol=0.05)


@pytest.mark.parametrize(("scale", "ratio"), [(1.0, 1), (1.99, 1), (2.0, 2), (4.5, 4), (30.0, 8)])
def test_jpeg_is_decoded_no_larger_than_needed(picture, encode, scale, ratio):
    image, found = warp.decode(tf.constant(encode(picture(1))), tf.constant(scale))
    assert found.numpy() == ratio
    assert image.shape == (240 // ratio, 320 // ratio, 3)


def test_png_is_decoded_whole(picture, encode):
    image, ratio = warp.decode(tf.constant(encode(picture(1), kind=".png")), tf.constant(4.0))
    assert ratio.numpy() == 1
    np.testing.assert_array_equal(image, picture(1))


def test_decoder_reduction_does_not_move_the_picture(encode):
    """A dot in a JPEG decoded at half size has its centroid where it belongs."""
    picture = gaussian_dot(141.3, 102.8, sigma=8.0).astype(np.uint8)
    matrix = crop_of((150, 110, 300, 0.5), 128)
    assert affine.scale_of(matrix) > 2
    crop = warp.decode_and_warp(tf.constant(encode(picture, quality=100)), tf.constant(matrix), 128, border="zero")
    wanted = affine.apply(affine.invert(matrix), np.array([[141.3, 102.8]]))[0]
    np.testing.assert_allclose(centroid(np.where(crop.numpy() > 4, crop.numpy(), 0)), wanted, atol=0.05)


def test_works_in_a_graph_with_pictures_of_any_size(picture):
    sizes = [(40, 30), (300, 200)]
    data = tf.data.Dataset.from_generator(
        lambda: (picture(1, *size) for size in sizes), output_signature=tf.TensorSpec((None, None, 3), tf.uint8)
    )
    crops = list(data.map(lambda image: warp.warp(image, tf.constant([[4.0, 0, 0], [0, 4.0, 0]]), 16)))
    assert [crop.shape for crop in crops] == [(16, 16, 3)] * 2
