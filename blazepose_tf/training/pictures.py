"""Crops with their true and predicted points drawn in, as one sheet for TensorBoard."""

from __future__ import annotations

import numpy as np

TRUE_COLOR, PREDICTED_COLOR = (0.1, 0.9, 0.2), (1.0, 0.25, 0.1)


def _dot(image: np.ndarray, x: float, y: float, radius: int, color) -> None:
    if not np.isfinite([x, y]).all():
        return
    row, column = int(y), int(x)
    image[max(row - radius, 0) : max(row + radius + 1, 0), max(column - radius, 0) : max(column + radius + 1, 0)] = (
        color
    )


def _line(image: np.ndarray, start, end, color) -> None:
    if not np.isfinite([*start, *end]).all():
        return
    rows, columns = image.shape[:2]
    steps = int(min(np.abs(np.subtract(end, start)).max() * 2 + 1, 4 * max(rows, columns)))
    points = np.linspace(start, end, steps).astype(int)
    inside = (points[:, 0] >= 0) & (points[:, 0] < columns) & (points[:, 1] >= 0) & (points[:, 1] < rows)
    image[points[inside, 1], points[inside, 0]] = color


def draw(images: np.ndarray, truth: np.ndarray, predicted: np.ndarray, edges) -> np.ndarray:
    """Draws true points in green and predicted points with their skeleton in red.

    Args:
        images: (N, S, S, 3) in [0, 1].
        truth: (N, K, 2) pixels, nan where unlabelled.
        predicted: (N, K, 2) pixels.
        edges: index pairs of the skeleton.

    Returns:
        (S, N * S, 3) uint8, the pictures side by side.
    """
    sheet = []
    for image, true, points in zip(images, truth, predicted, strict=True):
        image = np.array(image, np.float32)
        for a, b in edges:
            _line(image, points[a], points[b], PREDICTED_COLOR)
        for x, y in points:
            _dot(image, x, y, 1, PREDICTED_COLOR)
        for x, y in true:
            _dot(image, x, y, 1, TRUE_COLOR)
        sheet.append(image)
    return (np.clip(np.concatenate(sheet, axis=1), 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
