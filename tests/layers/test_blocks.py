"""Blocks against numbers worked out by hand, and the two kinds of stride-2 padding."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from blazepose_tf.layers import blaze, convolution, fusion, inverted_residual


def build(block, shape, **options):
    x = keras.Input(shape)
    return keras.Model(x, block(x, name="block_0", **options))


def set_kernels(model, **values):
    """Sets the kernels of `block_0_<role>` to constants; normalisations pass their input on."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_variance.assign(np.full(layer.moving_variance.shape, 1.0 - layer.epsilon))
        elif layer.weights:
            layer.kernel.assign(np.broadcast_to(values[layer.name.split("_")[-1]], layer.kernel.shape))


def run(model, x):
    return keras.ops.convert_to_numpy(model(np.asarray(x, np.float32)[None]))[0]


def test_residual_adds_the_input_before_the_relu():
    model = build(blaze.residual, (3, 4, 2), channels=2)
    # Depthwise sums the 3x3 neighbourhood of ones, the 1x1 sums both channels with -1/4.
    set_kernels(model, depthwise=1.0, project=-0.25)
    y = run(model, np.ones((3, 4, 2)))
    # Corner: 4 neighbours x 2 channels / 4 = 2; 1 - 2 < 0. Nowhere are there fewer than 4 neighbours.
    assert (y == 0).all()
    set_kernels(model, depthwise=1.0, project=0.25)
    y = run(model, np.ones((3, 4, 2)))
    np.testing.assert_allclose(y[0, 0], 1 + 4 * 2 / 4)
    np.testing.assert_allclose(y[1, 1], 1 + 9 * 2 / 4)


def test_downsample_pools_the_input_and_appends_zero_channels():
    model = build(blaze.downsample, (4, 6, 2), channels=3)
    set_kernels(model, depthwise=0.0, project=1.0)
    x = np.arange(48, dtype=np.float32).reshape(4, 6, 2)
    y = run(model, x)
    assert y.shape == (2, 3, 3)
    np.testing.assert_array_equal(y[..., :2], x[1::2, 1::2])
    assert (y[..., 2] == 0).all()


def test_separable_has_no_shortcut_and_honours_the_limit():
    model = build(blaze.separable, (3, 3, 1), channels=4, limit=6.0)
    set_kernels(model, depthwise=1.0, project=1.0)
    y = run(model, np.ones((3, 3, 1)))
    assert y.shape == (3, 3, 4)
    np.testing.assert_allclose(y[0, 0], 4.0)
    np.testing.assert_allclose(y[1, 1], 6.0)


def test_inverted_residual_has_no_activation_after_the_sum():
    model = build(inverted_residual.inverted_residual, (2, 2, 1), channels=1, expand=2)
    set_kernels(model, expand=1.0, depthwise=1.0, project=-1.0)
    # 1 -> expand 1, 1 -> 2x2 neighbours 4, 4 -> -(4 + 4) + 1
    np.testing.assert_allclose(run(model, np.ones((2, 2, 1))), -7.0)


def test_inverted_residual_without_shortcut_where_channels_change():
    model = build(inverted_residual.inverted_residual, (2, 2, 1), channels=3, expand=2)
    set_kernels(model, expand=1.0, depthwise=1.0, project=-1.0)
    np.testing.assert_allclose(run(model, np.ones((2, 2, 1))), -8.0)


@pytest.mark.parametrize(("symmetric", "first"), [(True, 4.0), (False, 9.0)])
def test_stride_two_padding(symmetric, first):
    # 4x4 ones, 3x3 sums at stride 2. Symmetric: the first window loses a row and a column to the padding. SAME pads
    # one row and column at the end only, so that the first window is full.
    x = keras.Input((4, 4, 1))
    y = convolution.depthwise(x, kernel=3, stride=2, symmetric=symmetric, name="d_0_depthwise")
    model = keras.Model(x, y)
    model.get_layer("d_0_depthwise").kernel.assign(np.ones((3, 3, 1, 1)))
    result = run(model, np.ones((4, 4, 1)))
    assert result.shape == (2, 2, 1)
    np.testing.assert_allclose(result[0, 0, 0], first)
    np.testing.assert_allclose(result[1, 1, 0], 9.0 if symmetric else 4.0)


def test_upsample_has_half_pixel_centres():
    x = keras.Input((1, 2, 1))
    model = keras.Model(x, fusion.upsample(x, name="up"))
    # Cells 0 and 1 hold 0 and 4; new centres at -0.25, 0.25, 0.75, 1.25 cells: ends repeat, quarters between.
    np.testing.assert_allclose(run(model, [[[0.0], [4.0]]])[0, :, 0], [0, 1, 3, 4])


def test_depth_to_space_is_block_major():
    x = keras.Input((1, 1, 8))
    model = keras.Model(x, fusion.depth_to_space(x, name="shuffle"))
    np.testing.assert_array_equal(run(model, np.arange(8).reshape(1, 1, 8)), [[[0, 1], [2, 3]], [[4, 5], [6, 7]]])


def test_pad_channels_refuses_to_cut():
    with pytest.raises(ValueError, match="channels=2"):
        fusion.pad_channels(keras.Input((2, 2, 3)), 2)


def test_depthwise_keeps_the_variance_of_its_input():
    x = keras.Input((32, 32, 64))
    model = keras.Model(x, convolution.depthwise(x, kernel=3, name="d_0_depthwise"))
    noise = np.random.default_rng(0).normal(size=(32, 32, 64))
    # Rows of a kernel are shared by a whole channel, so that 64 channels x 9 weights set the spread of the ratio.
    assert 0.8 < run(model, noise)[2:-2, 2:-2].std() < 1.2
