"""The runtime's resampler: cuts a rotated square out of an image with OpenCV.

The crop matrix maps continuous crop pixels to continuous image pixels; the half pixel between a pixel's index and its
centre is handled here and nowhere else in the runtime.
"""

from __future__ import annotations

import cv2
import numpy as np

_BORDERS = {"replicate": cv2.BORDER_REPLICATE, "zero": cv2.BORDER_CONSTANT}
# OpenCV's warps address the source with 16-bit indices.
_MAX_SIDE = 32000
# Pixels kept around the region that is sampled, so that interpolation at its rim never meets the cut.
_MARGIN = 2


def check_image(image: np.ndarray) -> None:
    """Raises ValueError (or TypeError) unless `image` is a non-empty (H, W, 3) uint8 array."""
    if not isinstance(image, np.ndarray):
        raise TypeError(f"image must be a numpy array. Received: {type(image).__name__}")
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
        raise ValueError(f"image must be (H, W, 3) uint8. Received: shape={image.shape}, dtype={image.dtype}")


def warp(
    image: np.ndarray,
    crop_matrix: np.ndarray,
    size: int,
    *,
    border: str = "replicate",
    half_pixel: bool = True,
    antialias: bool | None = None,
) -> np.ndarray:
    """Resamples a crop, bilinearly.

    Args:
        image: (H, W, 3) uint8.
        crop_matrix: (2, 3) map from crop pixels to image pixels (`geometry.roi.crop_matrix`).
        size: side of the square crop in pixels.
        border: "replicate" continues the outermost pixels (trackers), "zero" is black outside (detectors).
        half_pixel: pixel i has its centre at i + 0.5. False gives MediaPipe's corner-aligned crop, in which pixel
            index 0 of the crop samples the very corner of the region; only for parity with it.
        antialias: halve the image by area averaging until less than two image pixels fall on a crop pixel. None does
            so except in the corner-aligned crop: MediaPipe does not. Networks see training pictures that were reduced
            by area averaging, and a bilinear step over several pixels would show them noise.

    Returns:
        (size, size, 3) uint8.

    Raises:
        ValueError: a wrong image or matrix, or an unknown border.
    """
    check_image(image)
    matrix = np.asarray(crop_matrix, np.float64)
    if matrix.shape != (2, 3) or not np.isfinite(matrix).all():
        raise ValueError(f"crop_matrix must be a finite (2, 3) array. Received: {crop_matrix!r}")
    if border not in _BORDERS:
        raise ValueError(f"border must be one of {sorted(_BORDERS)}. Received: border={border!r}")
    matrix = matrix.copy()
    if antialias is None:
        antialias = half_pixel
    scale = np.sqrt(abs(matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0]))
    reduce = antialias and scale >= 2.0
    if reduce or max(image.shape[:2]) > _MAX_SIDE:
        image, matrix = _cut(image, matrix, size, 1 << int(np.log2(scale)) if reduce else 1)
        while reduce and scale >= 2.0 and max(image.shape[:2]) > 1:
            image, matrix = _halve(image, matrix)
            scale /= 2.0
        image, matrix = _fit(image, matrix)
    if half_pixel:
        matrix[:, 2] += 0.5 * (matrix[:, 0] + matrix[:, 1]) - 0.5
        return cv2.warpAffine(
            image, matrix, (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=_BORDERS[border]
        )
    # MediaPipe calls warpPerspective, whose coordinates are rounded differently from warpAffine's.
    return cv2.warpPerspective(
        image,
        np.vstack([matrix, [0.0, 0.0, 1.0]]),
        (size, size),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=_BORDERS[border],
    )


def _cut(image: np.ndarray, matrix: np.ndarray, size: int, multiple: int) -> tuple[np.ndarray, np.ndarray]:
    """View of the part that the crop samples, with its border intact, on a grid of `multiple` pixels."""
    height, width = image.shape[:2]
    corners = matrix[:, :2] @ np.array([[0, size, 0, size], [0, 0, size, size]], np.float64) + matrix[:, 2:]
    margin = _MARGIN * multiple
    low, high = corners.min(axis=1) - margin, corners.max(axis=1) + margin
    limits = []
    for axis, length in enumerate((width, height)):
        start = int(np.clip(low[axis], 0, length - 1)) // multiple * multiple
        end = int(np.ceil(np.clip(high[axis], start + 1, length)))
        limits.append((start, min(start + -(-(end - start) // multiple) * multiple, length)))
    (x0, x1), (y0, y1) = limits
    matrix = matrix.copy()
    matrix[:, 2] -= (x0, y0)
    return image[y0:y1, x0:x1], matrix


def _halve(image: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    height, width = image.shape[:2]
    new_width, new_height = max(width // 2, 1), max(height // 2, 1)
    # An odd last row or column is spread over the others by a factor just above two.
    image = cv2.resize(image, (new_width, new_height), interpolation=cv2.INTER_AREA)
    return image, matrix * np.array([[new_width / width], [new_height / height]])


def _fit(image: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shrinks what is still too long for OpenCV's warps (a panorama seen as a whole without antialiasing)."""
    height, width = image.shape[:2]
    if max(width, height) <= _MAX_SIDE:
        return image, matrix
    new_width, new_height = min(width, _MAX_SIDE), min(height, _MAX_SIDE)
    image = cv2.resize(image, (new_width, new_height), interpolation=cv2.INTER_LINEAR)
    return image, matrix * np.array([[new_width / width], [new_height / height]])
