"""The runtime's resampler: cuts a rotated square out of an image with OpenCV.

The crop matrix maps continuous crop pixels to continuous image pixels; the half pixel between a pixel's index and its
centre is handled here and nowhere else in the runtime.
"""

from __future__ import annotations

import math

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
    if antialias is None:
        antialias = half_pixel
    # Plain numbers from here on: on six of them numpy costs more than the arithmetic.
    (a, b, c), (d, e, f) = matrix.tolist()
    scale = math.sqrt(abs(a * e - b * d))
    reduce = antialias and scale >= 2.0
    if half_pixel or reduce or max(image.shape[:2]) > _MAX_SIDE:
        span_x, span_y = abs(a) + abs(b), abs(d) + abs(e)
        low = (c + size * (min(a, 0.0) + min(b, 0.0)), f + size * (min(d, 0.0) + min(e, 0.0)))
        high = (low[0] + size * span_x, low[1] + size * span_y)
        image, x0, y0 = _cut(image, low, high, 1 << int(math.log2(scale)) if reduce else 1)
        c, f = c - x0, f - y0
        factor_x = factor_y = 1.0
        while reduce and scale >= 2.0 and max(image.shape[:2]) > 1:
            factor_x *= 0.5 if image.shape[1] > 1 else 1.0
            factor_y *= 0.5 if image.shape[0] > 1 else 1.0
            image = _halve(image)
            scale /= 2.0
        height, width = image.shape[:2]
        image = _fit(image)
        # Whole-picture scaling: continuous pixels shrink by exactly the ratio of the sides.
        factor_x, factor_y = factor_x * image.shape[1] / width, factor_y * image.shape[0] / height
        a, b, c, d, e, f = a * factor_x, b * factor_x, c * factor_x, d * factor_y, e * factor_y, f * factor_y
    flags, mode = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, _BORDERS[border]
    if half_pixel:
        # Index i is the pixel around i + 0.5, in the crop and in the image.
        matrix = np.array([[a, b, c + 0.5 * (a + b) - 0.5], [d, e, f + 0.5 * (d + e) - 0.5]])
        # OpenCV warps four channels in less than half the time of three, to the same values.
        four = cv2.cvtColor(image, cv2.COLOR_RGB2RGBA)
        return cv2.cvtColor(
            cv2.warpAffine(four, matrix, (size, size), flags=flags, borderMode=mode), cv2.COLOR_RGBA2RGB
        )
    # MediaPipe calls warpPerspective, whose coordinates are rounded differently from warpAffine's.
    matrix = np.array([[a, b, c], [d, e, f], [0.0, 0.0, 1.0]])
    return cv2.warpPerspective(image, matrix, (size, size), flags=flags, borderMode=mode)


def lay_over(crop: np.ndarray, matrix: np.ndarray, image_size: tuple[int, int]) -> np.ndarray:
    """Lays a one-channel crop over an image, bilinearly; 0 beside it.

    Args:
        crop: (n, m) float32 or uint8.
        matrix: (2, 3) map from image pixels to the crop's.
        image_size: width and height.

    Returns:
        (height, width) of the crop's type.
    """
    (a, b, c), (d, e, f) = np.asarray(matrix, np.float64).tolist()
    shifted = np.array([[a, b, c + 0.5 * (a + b) - 0.5], [d, e, f + 0.5 * (d + e) - 0.5]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(crop, shifted, tuple(image_size), flags=flags, borderMode=cv2.BORDER_CONSTANT)


def _cut(image: np.ndarray, low, high, multiple: int) -> tuple[np.ndarray, int, int]:
    """View of the part between the corners `low` and `high` (x, y), with its border intact and its sides multiples of
    `multiple` where the image allows it, and the view's origin."""
    margin = _MARGIN * multiple
    limits = []
    for axis, length in enumerate((image.shape[1], image.shape[0])):
        start = int(min(max(low[axis] - margin, 0.0), length - 1.0)) // multiple * multiple
        end = math.ceil(min(max(high[axis] + margin, start + 1.0), length))
        limits.append((start, min(start + -(-(end - start) // multiple) * multiple, length)))
    (x0, x1), (y0, y1) = limits
    return image[y0:y1, x0:x1], x0, y0


def _halve(image: np.ndarray) -> np.ndarray:
    height, width = (max(length // 2, 1) for length in image.shape[:2])
    # Without an odd last row or column: by any other factor than two OpenCV takes 15 to 40 times as long.
    even = image[: 2 * height, : 2 * width]
    return cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA)


def _fit(image: np.ndarray) -> np.ndarray:
    """Shrinks what is still too long for OpenCV's warps (a panorama seen as a whole without antialiasing)."""
    height, width = image.shape[:2]
    if max(width, height) <= _MAX_SIDE:
        return image
    return cv2.resize(image, (min(width, _MAX_SIDE), min(height, _MAX_SIDE)), interpolation=cv2.INTER_LINEAR)
