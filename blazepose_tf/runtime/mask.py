"""The mask of one person: as the network gives it, laid over the frame when somebody asks, and what it cuts out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blazepose_tf.geometry import affine
from blazepose_tf.runtime.warp import check_image, lay_over


@dataclass(frozen=True, eq=False)
class Mask:
    """Where a person is in the region that was read; outside of it nobody is.

    Attributes:
        crop: (n, n) uint8, the share of each cell that is the person, 255 for all of it.
        matrix: (2, 3) map from the cells, in continuous units of them, to image pixels.
    """

    crop: np.ndarray
    matrix: np.ndarray

    @classmethod
    def of_logits(cls, logits: np.ndarray, crop_matrix: np.ndarray, input_size: int) -> Mask:
        """From a network's (..., n, n, 1) logits and the matrix of the crop of `input_size` pixels that it saw."""
        logits = np.asarray(logits, np.float32).reshape(logits.shape[-3], logits.shape[-2])
        matrix = np.array(crop_matrix, np.float64)
        matrix[:, :2] *= input_size / len(logits)
        shares = 1.0 / (1.0 + np.exp(-np.clip(logits, -30.0, 30.0)))
        return cls(np.round(255.0 * shares).astype(np.uint8), matrix)

    def over(self, image_size: tuple[int, int]) -> np.ndarray:
        """(H, W) float32 in [0, 1] for a frame of this width and height."""
        return lay_over(self.crop, affine.invert(self.matrix), image_size).astype(np.float32) / 255.0


def cut_out(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """(H, W, 4) uint8 RGBA: the picture with a (H, W) mask in [0, 1] as its opacity.

    Raises:
        ValueError, TypeError: not a picture, or a mask of another size.
    """
    check_image(image)
    if mask.shape != image.shape[:2]:
        raise ValueError(f"mask must have the size of the picture. Received: {mask.shape}, picture {image.shape[:2]}")
    return np.dstack([image, np.round(255.0 * np.clip(mask, 0.0, 1.0)).astype(np.uint8)])
