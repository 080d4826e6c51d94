"""What the networks see of a picture: crops of it, the dark ones as bright as what they have learned from.

A network that has seen few dark pictures reads them badly, and what they lack is a factor: four stops below (values up
to 16 of 255) `lite` has two thirds of the points right that it has of the same pictures as they are, and nearly all of
them once these are lifted (docs/design.md). What is too bright is left alone: where it is white nothing is left to see.
"""

from __future__ import annotations

import cv2
import numpy as np

from blazepose_tf.runtime.warp import warp

# The value of the brightest channel that this share of the pixels does not exceed becomes WANTED, by a factor of MOST
# at most; looked at are the pixels in every EVERY-th row and column. Chosen on pictures (docs/design.md).
SHARE, WANTED, MOST, EVERY = 0.95, 160, 8.0, 4


def network_input(
    image: np.ndarray, crop_matrix: np.ndarray, size: int, *, border: str = "replicate", half_pixel: bool = True
) -> np.ndarray:
    """The (size, size, 3) uint8 crop that a network is shown.

    Args:
        image, crop_matrix, size, border: as of `warp`, errors included.
        half_pixel: False crops as MediaPipe does, which lightens nothing.
    """
    crop = warp(image, crop_matrix, size, border=border, half_pixel=half_pixel)
    return lightened(crop) if half_pixel else crop


def lightened(crop: np.ndarray) -> np.ndarray:
    """The crop itself, or a lighter one where it is dark.

    Args:
        crop: (S, S, 3) uint8.

    Returns:
        (S, S, 3) uint8.
    """
    seen = crop[::EVERY, ::EVERY]
    brightest = np.maximum(np.maximum(seen[..., 0], seen[..., 1]), seen[..., 2]).reshape(-1)
    at = int(SHARE * brightest.size)
    level = int(np.partition(brightest, at)[at])
    if not 0 < level < WANTED:
        return crop
    return cv2.LUT(crop, np.minimum(np.floor(np.arange(256) * min(WANTED / level, MOST) + 0.5), 255).astype(np.uint8))
