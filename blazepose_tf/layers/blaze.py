"""Blocks of the paper's networks (2020): plain ReLU, linear depthwise, one normalisation after each 1x1.

With `limit` 6 they are the blocks in the pyramid of MediaPipe's detector of 2021.

Reference: BlazeFace (arXiv 1907.05047), figure 1; BlazePose (arXiv 2006.10204), section 2.4; order of the operations
as in the files that MediaPipe published in 2020.
"""

from __future__ import annotations

import keras

from blazepose_tf.layers.convolution import activation, depthwise, pointwise
from blazepose_tf.layers.fusion import pooled_skip
from blazepose_tf.layers.normalization import batch_norm


def _branch(x, channels: int, kernel: int, stride: int, name: str):
    x = depthwise(x, kernel=kernel, stride=stride, name=f"{name}_depthwise")
    return batch_norm(pointwise(x, channels, name=f"{name}_project"), name=f"{name}_norm")


def residual(x, channels: int, *, kernel: int = 3, limit: float | None = None, name: str):
    """relu(x + norm(1x1(depthwise(x)))); x has `channels` channels already."""
    y = keras.layers.Add(name=f"{name}_add")([x, _branch(x, channels, kernel, 1, name)])
    return activation(y, limit=limit, name=f"{name}_relu")


def downsample(x, channels: int, *, kernel: int = 3, limit: float | None = None, name: str):
    """relu(pad(maxpool2(x)) + norm(1x1(depthwise/2(x)))): half the size, `channels` channels."""
    skip = pooled_skip(x, channels, name=f"{name}_pool")
    y = keras.layers.Add(name=f"{name}_add")([skip, _branch(x, channels, kernel, 2, name)])
    return activation(y, limit=limit, name=f"{name}_relu")


def separable(x, channels: int, *, kernel: int = 3, limit: float | None = None, name: str):
    """relu(norm(1x1(depthwise(x)))), no shortcut."""
    return activation(_branch(x, channels, kernel, 1, name), limit=limit, name=f"{name}_relu")
