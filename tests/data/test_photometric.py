"""Colour of batches and sharpness of crops."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from blazepose_tf.data import augment, photometric
from blazepose_tf.data.config import PhotometricConfig


def drawn_colour(position: int, config: PhotometricConfig):
    u = photometric.sample_colour(augment.example_seed(0, 0, position))
    return photometric.colour_parameters(u[None], config)


def test_identity_colour_only_changes_the_range(picture):
    images = tf.constant(picture(0, 16, 16)[None], tf.float32)
    out = photometric.apply_colour(images, photometric.identity_colour()[None], value_range=(-1.0, 1.0))
    np.testing.assert_allclose(out, images / 127.5 - 1.0, atol=1e-5)
    np.testing.assert_allclose(out, photometric.to_range(images, value_range=(-1.0, 1.0)), atol=1e-5)


def test_colour_matrix_mixes_the_channels_of_each_picture():
    images = tf.constant(np.float32([[[[51, 102, 204]]], [[[51, 102, 204]]]]))
    swap = [0, 0, 1, 0, 1, 0, 1, 0, 0]
    colour = tf.constant([[*swap, 0.1, 0.0, 0.0, 0.0], [*swap, 0.0, 0.0, 0.0, 0.5]])
    out = photometric.apply_colour(images, colour, value_range=(0.0, 1.0)).numpy()
    np.testing.assert_allclose(out[0, 0, 0], [0.9, 0.4, 0.2], atol=1e-6)
    # x * (1 + t - t * x) at t = 0.5: 0.8 -> 0.88, 0.4 -> 0.52, 0.2 -> 0.28.
    np.testing.assert_allclose(out[1, 0, 0], [0.88, 0.52, 0.28], atol=1e-6)


def test_colour_without_strength_is_the_identity():
    calm = PhotometricConfig(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    np.testing.assert_allclose(drawn_colour(5, calm)[0], photometric.identity_colour(), atol=1e-6)


def test_grey_pictures_have_no_colour():
    config = PhotometricConfig(white_balance_std=0.2, hue_std=30.0, grey_probability=1.0)
    colour = drawn_colour(5, config)
    images = tf.constant(np.random.default_rng(0).uniform(0, 255, (1, 8, 8, 3)), tf.float32)
    out = photometric.apply_colour(images, colour, value_range=(0.0, 1.0)).numpy()
    np.testing.assert_allclose(out, out[..., :1] + 0 * out, atol=1e-5)


def test_hue_turns_about_grey():
    config = PhotometricConfig(0.0, 0.0, 0.0, 0.0, 40.0, 0.0, 0.0)
    colour = drawn_colour(4, config)[0]
    matrix = colour[:9].numpy().reshape(3, 3)
    np.testing.assert_allclose(matrix @ np.ones(3), np.ones(3), atol=1e-5)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-5)


@pytest.mark.parametrize("kind", ["blur", "low_resolution", "noise", "jpeg"])
def test_each_degradation_keeps_place_brightness_and_range(kind, picture):
    off = dict.fromkeys(
        ("blur_probability", "low_resolution_probability", "noise_probability", "jpeg_probability"), 0.0
    )
    config = PhotometricConfig(**{**off, f"{kind}_probability": 1.0})
    crop = tf.constant(picture(2, 64, 64), tf.float32)
    out = photometric.degrade(crop, augment.example_seed(0, 0, 9), config).numpy()
    difference = out - crop.numpy()
    assert 0.1 < np.abs(difference).mean() < 20
    assert abs(difference.mean()) < 1.5
    assert out.min() >= 0
    assert out.max() <= 255
    again = photometric.degrade(crop, augment.example_seed(0, 0, 9), config).numpy()
    np.testing.assert_array_equal(out, again)


def test_grain_has_the_strength_it_says():
    noise = photometric._grain(tf.fill([64, 64, 3], 128.0), augment.example_seed(0, 0, 1), 10.0).numpy() - 128.0
    assert noise.std() == pytest.approx(10.0, rel=0.03)
    assert abs(noise.mean()) < 0.3
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.06


def test_nothing_happens_without_probability(picture):
    off = PhotometricConfig(blur_probability=0, low_resolution_probability=0, noise_probability=0, jpeg_probability=0)
    crop = tf.constant(picture(2, 64, 64), tf.float32)
    np.testing.assert_array_equal(photometric.degrade(crop, augment.example_seed(0, 0, 9), off), crop)
