"""Plots as SVG: small, sharp, and free of any library in the reader's browser."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence

import cv2
import numpy as np

from blazepose_tf import topology
from blazepose_tf.evaluation.markup import Element, element

# Okabe and Ito's palette: told apart by colour-blind readers too.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999")
DASHES = ("", "6 3", "2 2", "8 3 2 3")
LEFT, RIGHT, CENTER, TRUTH = "#ff8c1a", "#19c8e6", "#ffffff", "#39e639"
_WIDTH, _HEIGHT = 460, 280
_MARGIN = (52, 14, 16, 46)  # left, right, top, bottom


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About `count` round numbers in [low, high]."""
    if not high > low:
        return [low]
    step = 10.0 ** math.floor(math.log10((high - low) / count))
    step *= next(m for m in (1, 2, 5, 10) if (high - low) / (step * m) <= count)
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 10) for i in range(first, math.floor(high / step + 1e-9) + 1)]


def line_chart(
    series: Sequence[tuple[str, Sequence[float], Sequence[float | None]]],
    *,
    x_label: str,
    y_label: str,
    y_range: tuple[float, float] | None = None,
    bands: Sequence[tuple[Sequence[float], Sequence[float]] | None] = (),
    categories: Sequence[str] | None = None,
) -> Element:
    """Lines with markers over a common x axis, and a legend.

    Args:
        series: (label, x values, y values); None is a gap.
        x_label: with its unit.
        y_label: with its unit.
        y_range: limits of y; those of the data without it.
        bands: (low, high) y values around each series.
        categories: tick texts at x = 0, 1, 2, ... instead of numbers.

    Returns:
        A `<div>` with the chart and its legend.
    """
    xs = [x for _, values, _ in series for x in values]
    ys = [y for _, _, values in series for y in values if y is not None]
    x0, x1 = (min(xs), max(xs)) if xs else (0.0, 1.0)
    y0, y1 = y_range or ((min(ys), max(ys)) if ys else (0.0, 1.0))
    x1, y1 = (x1 if x1 > x0 else x0 + 1), (y1 if y1 > y0 else y0 + 1)
    left, right, top, bottom = _MARGIN

    def px(x: float) -> float:
        return left + (x - x0) / (x1 - x0) * (_WIDTH - left - right)

    def py(y: float) -> float:
        return _HEIGHT - bottom - (min(max(y, y0), y1) - y0) / (y1 - y0) * (_HEIGHT - top - bottom)

    out = []
    for y in ticks(y0, y1):
        out.append(element("line", x1=left, x2=_WIDTH - right, y1=py(y), y2=py(y), class_="grid"))
        out.append(element("text", f"{y:g}", x=left - 6, y=py(y) + 4, text_anchor="end"))
    labels = list(enumerate(categories)) if categories else [(x, f"{x:g}") for x in ticks(x0, x1, 6)]
    for x, text in labels:
        out.append(element("text", text, x=px(x), y=_HEIGHT - bottom + 16, text_anchor="middle"))
    for i, (_, values, heights) in enumerate(series):
        color, dash = COLORS[i % len(COLORS)], DASHES[i // len(COLORS) % len(DASHES)]
        if i < len(bands) and bands[i] is not None:
            low, high = bands[i]
            outline = [*zip(values, low, strict=True), *reversed(list(zip(values, high, strict=True)))]
            path = " ".join(f"{px(x):.1f},{py(y):.1f}" for x, y in outline if y is not None)
            out.append(element("polygon", points=path, fill=color, opacity="0.12"))
        points = [(px(x), py(y)) for x, y in zip(values, heights, strict=True) if y is not None]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        stroke = {"fill": "none", "stroke": color, "stroke_width": "1.8", "stroke_dasharray": dash}
        out.append(element("polyline", points=path, **stroke))
        out += [element("circle", cx=x, cy=y, r="2.4", fill=color) for x, y in points]
    middle = (top + _HEIGHT - bottom) / 2
    out.append(element("text", x_label, x=(left + _WIDTH - right) / 2, y=_HEIGHT - 8, text_anchor="middle"))
    turn = f"rotate(-90 13 {middle})"
    out.append(element("text", y_label, x=13, y=middle, text_anchor="middle", transform=turn))
    chart = element("svg", out, class_="chart", viewBox=f"0 0 {_WIDTH} {_HEIGHT}", role="img")
    return element("div", chart, legend([s[0] for s in series]))


def legend(labels: Sequence[str]) -> Element:
    """Coloured names in the order of `line_chart`."""
    items = []
    for i, label in enumerate(labels):
        stroke = {"stroke": COLORS[i % len(COLORS)], "stroke_dasharray": DASHES[i // len(COLORS) % len(DASHES)]}
        line = element("line", x1=0, x2=22, y1=4, y2=4, stroke_width="2.5", **stroke)
        items.append(element("span", element("svg", line, width=22, height=8), f" {label}"))
    return element("div", items, class_="legend")


def heat(value: float | None, *, low: float = 0.0, high: float = 1.0) -> str:
    """Background colour of a table cell, pale red (low) to pale green (high)."""
    if value is None or not math.isfinite(value):
        return "#eeeeee"
    share = min(max((value - low) / (high - low), 0.0), 1.0)
    return f"hsl({120 * share:.0f} 60% 86%)"


def skeleton(
    points: np.ndarray | None,
    shown: np.ndarray,
    names: Sequence[str] = topology.KEYPOINTS,
    *,
    truth: bool = False,
    width: float = 1.6,
) -> Element:
    """Lines and dots of one body.

    Args:
        points: (K, 2) in the units of the surrounding SVG; None draws nothing.
        shown: (K,) bool.
        names: of the K keypoints.
        truth: one thin colour, instead of left orange and right cyan.
        width: of the lines.
    """
    if points is None:
        return element("g")
    usable = np.asarray(shown, bool) & np.isfinite(points).all(axis=-1)

    def color(*names: str) -> str:
        if truth:
            return TRUTH
        sides = {"l" if "left" in n else "r" if "right" in n else "c" for n in names}
        return {"l": LEFT, "r": RIGHT}.get(sides.pop(), CENTER) if len(sides) == 1 else CENTER

    out = []
    for a, b in topology.edges(names):
        if usable[a] and usable[b]:
            (xa, ya), (xb, yb) = points[a].tolist(), points[b].tolist()
            stroke = color(names[a], names[b])
            out.append(element("line", x1=xa, y1=ya, x2=xb, y2=yb, stroke=stroke))
    for i in np.flatnonzero(usable):
        x, y = points[i].tolist()
        out.append(element("circle", cx=x, cy=y, r=1.1 * width, fill=color(names[i])))
    return element("g", out, stroke_width=width, stroke_dasharray="3 2" if truth else None)


def embedded_jpeg(image: np.ndarray, quality: int = 80) -> str:
    """data: address of a (H, W, 3) uint8 RGB picture."""
    _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")
