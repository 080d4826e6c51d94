"""Skeletons on pictures: the person's left in orange, right in cyan, uncertain points faded."""

from __future__ import annotations

import cv2
import numpy as np

from blazepose_tf import topology
from blazepose_tf.geometry import roi as roi_lib
from blazepose_tf.runtime.poses import PoseResult
from blazepose_tf.runtime.warp import check_image

LEFT = (255, 138, 0)
RIGHT = (0, 217, 231)
MIDDLE = (240, 240, 240)
_OUTLINE = (20, 20, 20)
# Below the first a point is faded, below the second it is a guess and not drawn.
FADED_BELOW = 0.5
HIDDEN_BELOW = 0.1
_FADED_OPACITY = 0.4
# Side of a region / diameter of the body circle; only the strength of lines depends on it.
_ROI_MARGIN = 1.25
# Smaller people in pixels would disappear behind the dark rim of their lines.
_RIM_FROM = 150.0
_SHIFT = 4  # OpenCV's fixed-point coordinates: 1/16 pixel


def _side_color(name: str) -> tuple[int, int, int]:
    if name.startswith("left_") or name.endswith("_left"):
        return LEFT
    if name.startswith("right_") or name.endswith("_right"):
        return RIGHT
    return MIDDLE


def line_width(image_size: tuple[int, int], body_size: float) -> int:
    """Width in pixels that stays thin on small pictures and small people, and visible on large ones.

    Args:
        image_size: width, height in pixels.
        body_size: diameter of the body circle in pixels.
    """
    return max(1, round(min(min(image_size) / 250.0, body_size / 160.0)))


def draw_pose(image: np.ndarray, result: PoseResult, *, show_roi: bool = False) -> np.ndarray:
    """A copy of the picture with the skeleton on it.

    Args:
        image: (H, W, 3) uint8 RGB.
        result: what the pipeline found in it.
        show_roi: outline the region that was read, too.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    check_image(image)
    canvas = image.copy()
    if not result.found:
        return canvas
    body_size = float(result.roi[2]) / _ROI_MARGIN
    width = line_width((image.shape[1], image.shape[0]), body_size)
    rim = max(1, round(0.35 * width)) if body_size >= _RIM_FROM else 0
    if show_roi:
        corners = _fixed(roi_lib.corners(result.roi), image)
        cv2.polylines(canvas, [corners], True, MIDDLE, 1, cv2.LINE_AA, _SHIFT)
    points = _fixed(result.landmarks, image)
    visible = result.visibility
    faint, clear = [], []
    for a, b in topology.edges(result.names):
        certainty = min(visible[a], visible[b])
        if certainty >= HIDDEN_BELOW:
            first, second = _side_color(result.names[a]), _side_color(result.names[b])
            color = (
                first if first == second else MIDDLE if MIDDLE not in (first, second) else max(first, second, key=_tint)
            )
            (clear if certainty >= FADED_BELOW else faint).append((points[a], points[b], color))
    dots = [(points[i], _side_color(name), visible[i]) for i, name in enumerate(result.names)]
    if faint or any(HIDDEN_BELOW <= v < FADED_BELOW for _, _, v in dots):
        overlay = canvas.copy()
        _strokes(overlay, faint, [(p, c) for p, c, v in dots if HIDDEN_BELOW <= v < FADED_BELOW], width, rim)
        cv2.addWeighted(overlay, _FADED_OPACITY, canvas, 1.0 - _FADED_OPACITY, 0.0, dst=canvas)
    _strokes(canvas, clear, [(p, c) for p, c, v in dots if v >= FADED_BELOW], width, rim)
    return canvas


def _tint(color: tuple[int, int, int]) -> int:
    """How far a colour is from grey."""
    return max(color) - min(color)


def _strokes(canvas: np.ndarray, lines: list, dots: list, width: int, rim: int) -> None:
    """Lines and dots over a dark rim, which keeps them legible on bright clothes and skies."""
    # Small pictures get a dot no larger than the line, or the face's eleven points would hide the face.
    radius = max(1.0, 1.25 * width)
    for a, b, _ in lines if rim else []:
        cv2.line(canvas, a, b, _OUTLINE, width + 2 * rim, cv2.LINE_AA, _SHIFT)
    for a, b, color in lines:
        cv2.line(canvas, a, b, color, width, cv2.LINE_AA, _SHIFT)
    for point, _ in dots if rim else []:
        cv2.circle(canvas, point, round((radius + 0.75 * rim) * (1 << _SHIFT)), _OUTLINE, -1, cv2.LINE_AA, _SHIFT)
    for point, color in dots:
        cv2.circle(canvas, point, round(radius * (1 << _SHIFT)), color, -1, cv2.LINE_AA, _SHIFT)


def _fixed(points: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Continuous pixels to OpenCV's fixed-point indices; far points are kept within its integer range."""
    limit = 4.0 * max(image.shape[:2])
    indices = np.clip(np.nan_to_num(points), -limit, limit) - 0.5
    return np.round(indices * (1 << _SHIFT)).astype(np.int32)
