"""Convolutions with the project's initialisation, and the two kinds of padding of the published files."""

from __future__ import annotations

import keras

from blazepose_tf.layers.normalization import batch_norm


def depthwise(x, *, kernel: int, stride: int = 1, symmetric: bool = False, name: str):
    """Depthwise convolution without bias: (B, H, W, C) -> (B, ceil(H/stride), ceil(W/stride), C).

    The kernel starts as N(0, 1/kernel), which keeps the variance of its input; Keras' glorot counts the inputs of all
    channels, so that the output would shrink towards the epsilon of the normalisation.

    Args:
        symmetric: at stride 2 pad kernel // 2 zeros on each side, as PyTorch and MobileNetV2's files do, instead of
            TensorFlow's SAME that pads more at the end.
    """
    padding = "same"
    if symmetric and stride > 1:
        x = keras.layers.ZeroPadding2D(kernel // 2, name=f"{name}_pad")(x)
        padding = "valid"
    return keras.layers.DepthwiseConv2D(
        kernel,
        strides=stride,
        padding=padding,
        use_bias=False,
        depthwise_initializer=keras.initializers.RandomNormal(0.0, 1.0 / kernel),
        name=name,
    )(x)


def pointwise(x, channels: int, *, name: str):
    """1x1 convolution without bias: (B, H, W, C) -> (B, H, W, channels). He initialisation."""
    return convolution(x, channels, kernel=1, name=name)


def convolution(x, channels: int, *, kernel: int, stride: int = 1, symmetric: bool = False, name: str):
    """Convolution without bias, He initialisation; `symmetric` as in `depthwise`."""
    padding = "same"
    if symmetric and stride > 1:
        x = keras.layers.ZeroPadding2D(kernel // 2, name=f"{name}_pad")(x)
        padding = "valid"
    return keras.layers.Conv2D(
        channels,
        kernel,
        strides=stride,
        padding=padding,
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)


def activation(x, *, limit: float | None = None, name: str):
    """ReLU, or ReLU6 with limit 6."""
    return keras.layers.ReLU(max_value=limit, name=name)(x)


def conv_norm_relu(
    x, channels: int, *, kernel: int, stride: int = 1, symmetric: bool = False, limit: float | None = None, name: str
):
    """Convolution, batch normalisation, ReLU (ReLU6 with limit 6)."""
    x = convolution(x, channels, kernel=kernel, stride=stride, symmetric=symmetric, name=f"{name}_conv")
    return activation(batch_norm(x, name=f"{name}_norm"), limit=limit, name=f"{name}_relu")
