"""Plots as SVG text: small, sharp, and free of any library in the reader's browser."""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Sequence

import cv2
import numpy as np

from blazepose_tf import topology

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
) -> str:
    """Lines with markers over a common x axis, and a legend.

    Args:
        series: (label, x values, y values); None is a gap.
        x_label: with its unit.
        y_label: with its unit.
        y_range: limits of y; those of the data without it.
        bands: (low, high) y values around each series.
        categories: tick texts at x = 0, 1, 2, ... instead of numbers.

    Returns:
        An `<svg>` element.
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
        out.append(f'<line x1="{left}" x2="{_WIDTH - right}" y1="{py(y):.1f}" y2="{py(y):.1f}" class="grid"/>')
        out.append(f'<text x="{left - 6}" y="{py(y) + 4:.1f}" text-anchor="end">{y:g}</text>')
    labels = list(enumerate(categories)) if categories else [(x, f"{x:g}") for x in ticks(x0, x1, 6)]
    for x, text in labels:
        out.append(f'<text x="{px(x):.1f}" y="{_HEIGHT - bottom + 16}" text-anchor="middle">{html.escape(text)}</text>')
    for i, (_, values, heights) in enumerate(series):
        color, dash = COLORS[i % len(COLORS)], DASHES[i // len(COLORS) % len(DASHES)]
        if i < len(bands) and bands[i] is not None:
            low, high = bands[i]
            outline = [*zip(values, low, strict=True), *reversed(list(zip(values, high, strict=True)))]
            path = " ".join(f"{px(x):.1f},{py(y):.1f}" for x, y in outline if y is not None)
            out.append(f'<polygon points="{path}" fill="{color}" opacity="0.12"/>')
        points = [(px(x), py(y)) for x, y in zip(values, heights, strict=True) if y is not None]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        out.append(
            f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="1.8" stroke-dasharray="{dash}"/>'
        )
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.4" fill="{color}"/>' for x, y in points]
    middle = (top + _HEIGHT - bottom) / 2
    out.append(
        f'<text x="{(left + _WIDTH - right) / 2}" y="{_HEIGHT - 8}" text-anchor="middle">{html.escape(x_label)}</text>'
    )
    turned = f'x="13" y="{middle}" text-anchor="middle" transform="rotate(-90 13 {middle})"'
    out.append(f"<text {turned}>{html.escape(y_label)}</text>")
    body = "".join(out)
    return f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">{body}</svg>' + legend(
        [s[0] for s in series]
    )


def legend(labels: Sequence[str]) -> str:
    """Coloured names in the order of `line_chart`."""
    items = []
    for i, label in enumerate(labels):
        stroke = f'stroke="{COLORS[i % len(COLORS)]}" stroke-dasharray="{DASHES[i // len(COLORS) % len(DASHES)]}"'
        line = f'<line x1="0" x2="22" y1="4" y2="4" stroke-width="2.5" {stroke}/>'
        items.append(f'<span><svg width="22" height="8">{line}</svg> {html.escape(label)}</span>')
    return f'<div class="legend">{"".join(items)}</div>'


def heat(value: float | None, *, low: float = 0.0, high: float = 1.0) -> str:
    """Background colour of a table cell, pale red (low) to pale green (high)."""
    if value is None or not math.isfinite(value):
        return "#eeeeee"
    share = min(max((value - low) / (high - low), 0.0), 1.0)
    return f"hsl({120 * share:.0f} 60% 86%)"


def skeleton(points: np.ndarray | None, shown: np.ndarray, *, truth: bool = False, width: float = 1.6) -> str:
    """Lines and dots of one body.

    Args:
        points: (33, 2) in the units of the surrounding SVG; None draws nothing.
        shown: (33,) bool.
        truth: one thin colour, instead of left orange and right cyan.
        width: of the lines.
    """
    if points is None:
        return ""
    usable = np.asarray(shown, bool) & np.isfinite(points).all(axis=-1)

    def color(*names: str) -> str:
        if truth:
            return TRUTH
        sides = {"l" if "left" in n else "r" if "right" in n else "c" for n in names}
        return {"l": LEFT, "r": RIGHT}.get(sides.pop(), CENTER) if len(sides) == 1 else CENTER

    out = []
    for a, b in topology.edges():
        if usable[a] and usable[b]:
            (xa, ya), (xb, yb) = points[a], points[b]
            stroke = color(topology.KEYPOINTS[a], topology.KEYPOINTS[b])
            out.append(f'<line x1="{xa:.1f}" y1="{ya:.1f}" x2="{xb:.1f}" y2="{yb:.1f}" stroke="{stroke}"/>')
    for i in np.flatnonzero(usable):
        x, y = points[i]
        out.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{1.1 * width:.1f}" fill="{color(topology.KEYPOINTS[i])}"/>')
    dash = ' stroke-dasharray="3 2"' if truth else ""
    return f'<g stroke-width="{width}"{dash}>{"".join(out)}</g>'


def embedded_jpeg(image: np.ndarray, quality: int = 80) -> str:
    """data: address of a (H, W, 3) uint8 RGB picture."""
    _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")
