"""The analysis as one HTML file that needs nothing else: no network, no script, no font."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from blazepose_tf.analysis import angles as angles_lib
from blazepose_tf.analysis import summary
from blazepose_tf.analysis.repetitions import Exercise
from blazepose_tf.evaluation.svg import COLORS, LEFT, RIGHT, ticks

_STYLE = """
body{font:14px/1.45 system-ui,sans-serif;margin:24px auto;max-width:1000px;padding:0 16px;color:#1c1c1c;background:#fff}
h1{font-size:22px}h2{font-size:17px;margin-top:30px;border-bottom:1px solid #ccc}
table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums}
th,td{padding:3px 8px;border-bottom:1px solid #e4e4e4;text-align:right}th:first-child,td:first-child{text-align:left}
th{background:#f5f5f5}svg,video{width:100%;background:#fff}video{max-height:420px}
svg text{font:11px system-ui,sans-serif;fill:#333}
.grid{stroke:#e3e3e3}.band{fill:#0072b2;opacity:.08}.note{color:#555;font-size:13px}
"""
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 960, 220, 44, 34, 10


class Line(NamedTuple):
    """A curve: its name, its colour, (T,) degrees (nan is a gap) and, where known, (T,) degrees of their error bars."""

    label: str
    color: str
    values: np.ndarray
    error: np.ndarray | None = None


def plot(times: np.ndarray, series: Sequence[Line], bands: Sequence[tuple[float, float]]) -> str:
    """An `<svg>` of degrees over seconds.

    Args:
        times: (T,) seconds.
        series: curves; error bars are shaded.
        bands: (start, end) seconds of repetitions, shaded and numbered.
    """
    every = np.concatenate([line.values[np.isfinite(line.values)] for line in series])
    low, high = (float(every.min()), float(every.max())) if every.size else (0.0, 1.0)
    low, high = low - 0.05 * (high - low) - 1, high + 0.05 * (high - low) + 1
    x0, x1 = float(times[0]), max(float(times[-1]), float(times[0]) + 1e-3)

    def px(t: float) -> float:
        return _LEFT + (t - x0) / (x1 - x0) * (_WIDTH - _LEFT - 8)

    def py(v: float) -> float:
        return _HEIGHT - _BOTTOM - (v - low) / (high - low) * (_HEIGHT - _BOTTOM - _TOP)

    out = []
    for number, (a, b) in enumerate(bands, 1):
        size = f'x="{px(a):.1f}" width="{px(b) - px(a):.1f}" y="{_TOP}" height="{_HEIGHT - _BOTTOM - _TOP}"'
        out.append(f'<rect {size} class="band"/>')
        out.append(f'<text x="{(px(a) + px(b)) / 2:.1f}" y="{_TOP + 11}" text-anchor="middle">{number}</text>')
    for v in ticks(low, high):
        out.append(f'<line x1="{_LEFT}" x2="{_WIDTH - 8}" y1="{py(v):.1f}" y2="{py(v):.1f}" class="grid"/>')
        out.append(f'<text x="{_LEFT - 6}" y="{py(v) + 4:.1f}" text-anchor="end">{v:g}</text>')
    for t in ticks(x0, x1, 10):
        out.append(f'<text x="{px(t):.1f}" y="{_HEIGHT - _BOTTOM + 15}" text-anchor="middle">{t:g}</text>')
    for i, (label, color, values, error) in enumerate(series):
        known = np.isfinite(values)
        edges = np.flatnonzero(np.diff(np.concatenate([[0], known.astype(int), [0]])))
        for a, b in edges.reshape(-1, 2):
            if error is not None:
                off, at, mid = np.nan_to_num(error[a:b]), times[a:b], values[a:b]
                rim = zip(np.append(at, at[::-1]), np.append(mid + off, (mid - off)[::-1]).clip(low, high), strict=True)
                outline = " ".join(f"{px(t):.1f},{py(v):.1f}" for t, v in rim)
                out.append(f'<polygon points="{outline}" fill="{color}" opacity="0.15"/>')
            points = " ".join(f"{px(t):.1f},{py(v):.1f}" for t, v in zip(times[a:b], values[a:b], strict=True))
            out.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="1.6"/>')
        out.append(
            f'<text x="{_LEFT + 8 + 130 * i}" y="{_HEIGHT - 4}" style="fill:{color}">{html.escape(label)}</text>'
        )
    out.append(f'<text x="{_WIDTH - 8}" y="{_HEIGHT - 4}" text-anchor="end">seconds; degrees</text>')
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}">{"".join(out)}</svg>'


def _table(header: Sequence[str], rows: Sequence[Sequence]) -> str:
    def text(cell) -> str:
        return "-" if cell is None else f"{cell:.1f}" if isinstance(cell, float) else str(cell)

    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(text(c))}</td>" for c in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def render(
    title: str,
    found: Mapping[str, np.ndarray],
    times: np.ndarray,
    exercise: Exercise,
    document: Mapping,
    errors: Mapping[str, np.ndarray],
    *,
    film: str | None = None,
) -> str:
    """A whole HTML document.

    Args:
        title: what was analysed.
        found: name -> (T,) degrees.
        times: (T,) seconds.
        exercise: of `repetitions.count`.
        document: of `summary.document`.
        errors: name -> (T,) degrees of `angles.recording_errors`.
        film: address of the drawn film, from where the page will be.
    """
    bands = [(r.start, r.end) for r in exercise.repetitions]
    parts = [f"<h1>{html.escape(title)}</h1>"]
    if film is not None:
        parts.append(f'<video controls muted src="{html.escape(film)}"></video>')
    if exercise.angle is None:
        parts.append('<p class="note">No joint moves enough to count by.</p>')
    else:
        rest = "largest" if exercise.rests_high else "smallest"
        note = (
            f"{document['repetitions']} repetitions, counted by {exercise.angle.replace('_', ' ')}, which moves "
            f"between {exercise.low:.0f} and {exercise.high:.0f} degrees and is {rest} at rest"
            + ("; another one is cut off by the end of the film." if exercise.cut_off else ".")
        )
        parts += [f"<p>{html.escape(note)}</p>", "<h2>Repetitions</h2>"]
        parts.append(plot(times, [Line(exercise.angle.replace("_", " "), COLORS[0], exercise.values)], bands))
        parts.append(
            _table([c.replace("_", " ") for c in summary.REPETITION_COLUMNS], summary.repetition_rows(exercise))
        )
    parts.append("<h2>Left and right</h2>")
    rows = [
        [m.replace("_", " "), s["left_range"], s["right_range"], s["index"], s["difference"], s["correlation"]]
        for m, s in document["symmetry"].items()
    ]
    header = ["motion", "left range deg", "right range deg", "symmetry index %", "right - left deg", "correlation"]
    parts.append(_table(header, rows))
    parts.append("<h2>Range of motion</h2>")
    rows = [
        [name.replace("_", " "), r["min"], r["max"], r["range"], r["error"], 100.0 * r["known"]]
        for name, r in document["range_of_motion_deg"].items()
    ]
    parts.append(_table(["angle", "min deg", "max deg", "range deg", "error deg", "frames known %"], rows))
    parts.append("<h2>Angles</h2>")
    if errors:
        parts.append('<p class="note">Shaded: error bars, which hold about nine of ten errors of a frame.</p>')
    for motion in (*angles_lib.MOTIONS.values(), angles_lib.ANKLE):
        series = [
            Line(f"{side} {motion.replace('_', ' ')}", color, found[name], errors.get(name))
            for side, color in zip(angles_lib.SIDES, (LEFT, RIGHT), strict=True)
            if (name := f"{side}_{motion}") in found
        ]
        if series:
            parts.append(plot(times, series, bands))
    if angles_lib.TRUNK in found:
        parts.append(
            plot(times, [Line("trunk lean", COLORS[2], found[angles_lib.TRUNK], errors.get(angles_lib.TRUNK))], bands)
        )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<link rel="icon" href="data:,"><style>{_STYLE}</style></head><body>{"".join(parts)}</body></html>\n'
    )
