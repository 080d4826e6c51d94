"""Blocks of the networks that MediaPipe ships since 2021: ReLU6, a normalisation after depthwise and 1x1 alike.

Reference: MobileNetV2 (arXiv 1801.04381), section 3; order of the operations as in MediaPipe's files of 2021.
"""

from __future__ import annotations

import keras

from blazepose_tf.layers.convolution import activation, depthwise, pointwise
from blazepose_tf.layers.fusion import pooled_skip
from blazepose_tf.layers.normalization import batch_norm

LIMIT = 6.0


def depthwise_norm_relu(x, *, kernel: int = 3, stride: int = 1, name: str):
    """relu6(norm(depthwise(x))); symmetric padding is the caller's business."""
    x = batch_norm(depthwise(x, kernel=kernel, stride=stride, name=f"{name}_depthwise"), name=f"{name}_spread")
    return activation(x, limit=LIMIT, name=f"{name}_clip")


def pointwise_norm(x, channels: int, *, name: str):
    """norm(1x1(x)), linear."""
    return batch_norm(pointwise(x, channels, name=f"{name}_project"), name=f"{name}_norm")


def pointwise_norm_relu(x, channels: int, *, name: str):
    """relu6(norm(1x1(x)))."""
    return activation(pointwise_norm(x, channels, name=name), limit=LIMIT, name=f"{name}_relu")


def inverted_residual(x, channels: int, *, expand: int, kernel: int = 3, stride: int = 1, name: str):
    """Expand to `expand` channels, depthwise, linear projection; + x when shape allows, no activation after."""
    y = batch_norm(pointwise(x, expand, name=f"{name}_expand"), name=f"{name}_widen")
    y = activation(y, limit=LIMIT, name=f"{name}_relu")
    y = depthwise(y, kernel=kernel, stride=stride, symmetric=True, name=f"{name}_depthwise")
    y = activation(batch_norm(y, name=f"{name}_spread"), limit=LIMIT, name=f"{name}_clip")
    y = pointwise_norm(y, channels, name=name)
    if stride == 1 and x.shape[-1] == channels:
        y = keras.layers.Add(name=f"{name}_add")([x, y])
    return y


def separable6(x, channels: int, *, kernel: int = 3, name: str):
    """relu6(norm(1x1(relu6(norm(depthwise(x))))))."""
    return pointwise_norm_relu(depthwise_norm_relu(x, kernel=kernel, name=name), channels, name=name)


def residual6(x, channels: int, *, kernel: int = 3, name: str):
    """relu6(x + norm(1x1(relu6(norm(depthwise(x))))))."""
    y = pointwise_norm(depthwise_norm_relu(x, kernel=kernel, name=name), channels, name=name)
    return activation(keras.layers.Add(name=f"{name}_add")([x, y]), limit=LIMIT, name=f"{name}_relu")


def downsample6(x, channels: int, *, kernel: int = 3, name: str):
    """relu6(pad(maxpool2(x)) + norm(1x1(relu6(norm(depthwise/2(x))))))."""
    skip = pooled_skip(x, channels, name=f"{name}_pool")
    y = pointwise_norm(depthwise_norm_relu(x, kernel=kernel, stride=2, name=name), channels, name=name)
    return activation(keras.layers.Add(name=f"{name}_add")([skip, y]), limit=LIMIT, name=f"{name}_relu")
