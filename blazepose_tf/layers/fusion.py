"""Joining features of different size: bilinear upsampling, channel padding, the gradient barrier."""

from __future__ import annotations

import keras


def upsample(x, *, name: str):
    """(B, H, W, C) -> (B, 2H, 2W, C), bilinear with half-pixel centres (one RESIZE_BILINEAR when exported)."""
    return keras.layers.UpSampling2D(2, interpolation="bilinear", name=name)(x)


def pad_channels(x, channels: int):
    """Appends zero channels until there are `channels` of them."""
    missing = channels - x.shape[-1]
    if missing < 0:
        raise ValueError(f"cannot pad {x.shape[-1]} channels to fewer. Received: channels={channels}")
    return keras.ops.pad(x, [[0, 0], [0, 0], [0, 0], [0, missing]]) if missing else x


def pooled_skip(x, channels: int, *, name: str):
    """The shortcut of a stride-2 block: 2x2 maximum of the block's input, zero channels appended."""
    return pad_channels(keras.layers.MaxPooling2D(2, name=name)(x), channels)


def depth_to_space(x, *, name: str):
    """(B, H, W, 4C) -> (B, 2H, 2W, C); channel (2r + c) C + k goes to row r, column c of its cell (DCR order)."""
    height, width, channels = x.shape[1], x.shape[2], x.shape[3] // 4
    x = keras.layers.Reshape((height, width, 2, 2, channels), name=f"{name}_split")(x)
    x = keras.layers.Permute((1, 3, 2, 4, 5), name=f"{name}_order")(x)
    return keras.layers.Reshape((2 * height, 2 * width, channels), name=f"{name}_join")(x)
