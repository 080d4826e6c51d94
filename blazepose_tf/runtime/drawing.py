"""Skeletons on pictures: the person's left in orange, right in cyan, uncertain points faded.

Several people have a hue each, of which the left is a light shade and the right a dark one.
"""

from __future__ import annotations

import colorsys

import cv2
import numpy as np

from blazepose_tf import topology
from blazepose_tf.geometry import roi as roi_lib
from blazepose_tf.runtime.poses import Pose, PoseResult
from blazepose_tf.runtime.warp import check_image

LEFT = (255, 138, 0)
RIGHT = (0, 217, 231)
MIDDLE = (240, 240, 240)
_OUTLINE = (20, 20, 20)
# Below the first a point is faded, below the second it is a guess and not drawn.
FADED_BELOW = 0.5
HIDDEN_BELOW = 0.1
_FADED_OPACITY = 0.4
# Smaller people in pixels would disappear behind the dark rim of their lines.
_RIM_FROM = 150.0
_SHIFT = 4  # OpenCV's fixed-point coordinates: 1/16 pixel


Color = tuple[int, int, int]
# Steps of the golden angle keep the hues of any number of people apart, those of the first ones most.
_FIRST_HUE, _HUE_STEP = 0.09, 0.381966


def shades(person: int) -> tuple[Color, Color, Color]:
    """Colours of one of several people, by id: left, right, middle."""
    hue = (_FIRST_HUE + _HUE_STEP * (person - 1)) % 1.0
    left, right, middle = (_color(hue, s, v) for s, v in ((0.55, 1.0), (1.0, 0.65), (0.25, 0.95)))
    return left, right, middle


def _color(hue: float, saturation: float, value: float) -> Color:
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(255 * red), round(255 * green), round(255 * blue)


def _side_color(name: str, colors: tuple[Color, Color, Color]) -> Color:
    left, right, middle = colors
    if name.startswith("left_") or name.endswith("_left"):
        return left
    if name.startswith("right_") or name.endswith("_right"):
        return right
    return middle


def line_width(image_size: tuple[int, int], body_size: float) -> int:
    """Width in pixels that stays thin on small pictures and small people, and visible on large ones.

    Args:
        image_size: width, height in pixels.
        body_size: diameter of the body circle in pixels.
    """
    return max(1, round(min(min(image_size) / 250.0, body_size / 160.0)))


def draw_pose(image: np.ndarray, result: PoseResult, *, show_roi: bool = False, in_place: bool = False) -> np.ndarray:
    """A copy of the picture with everybody's skeleton on it.

    Args:
        image: (H, W, 3) uint8 RGB.
        result: what the pipeline found in it.
        show_roi: outline the region that was read, too.
        in_place: draw on the picture itself instead.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    check_image(image)
    canvas = image if in_place else image.copy()
    # The nearest, who are the largest, are drawn last.
    for pose in sorted(result.people, key=lambda pose: float(pose.region[2])):
        colors = (LEFT, RIGHT, MIDDLE) if result.max_people == 1 else shades(pose.id)
        _draw_person(canvas, pose, colors, show_roi)
    return canvas


def _draw_person(canvas: np.ndarray, pose: Pose, colors: tuple[Color, Color, Color], show_roi: bool) -> None:
    middle = colors[2]
    body_size = pose.body_size
    width = line_width((canvas.shape[1], canvas.shape[0]), body_size)
    rim = max(1, round(0.35 * width)) if body_size >= _RIM_FROM else 0
    if show_roi:
        corners = _fixed(roi_lib.corners(pose.region), canvas)
        cv2.polylines(canvas, [corners], True, middle, 1, cv2.LINE_AA, _SHIFT)
    points = _fixed(pose.landmarks, canvas)
    visible = pose.visibility
    faint: list[tuple[np.ndarray, np.ndarray, Color]] = []
    clear: list[tuple[np.ndarray, np.ndarray, Color]] = []
    for a, b in topology.edges(pose.names):
        certainty = min(visible[a], visible[b])
        if certainty >= HIDDEN_BELOW:
            first, second = _side_color(pose.names[a], colors), _side_color(pose.names[b], colors)
            color = (
                first if first == second else middle if middle not in (first, second) else max(first, second, key=_tint)
            )
            (clear if certainty >= FADED_BELOW else faint).append((points[a], points[b], color))
    dots = [(points[i], _side_color(name, colors), visible[i]) for i, name in enumerate(pose.names)]
    if faint or any(HIDDEN_BELOW <= v < FADED_BELOW for _, _, v in dots):
        faded = [(p, c) for p, c, v in dots if HIDDEN_BELOW <= v < FADED_BELOW]
        part = _around(canvas, [p for a, b, _ in faint for p in (a, b)] + [p for p, _ in faded], 4 * (width + rim))
        before = part.copy()
        _strokes(canvas, faint, faded, width, rim)
        if part.size:
            part[:] = cv2.addWeighted(part, _FADED_OPACITY, before, 1.0 - _FADED_OPACITY, 0.0)
    _strokes(canvas, clear, [(p, c) for p, c, v in dots if v >= FADED_BELOW], width, rim)


def _around(canvas: np.ndarray, points: list[np.ndarray], margin: int) -> np.ndarray:
    """The part of the canvas (a view) that holds these fixed-point points with a margin in pixels."""
    low, high = np.min(points, axis=0) >> _SHIFT, np.max(points, axis=0) >> _SHIFT
    (x0, y0), (x1, y1) = np.maximum(low - margin, 0), np.maximum(high + margin + 1, 0)
    return canvas[y0:y1, x0:x1]


def _tint(color: Color) -> int:
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
