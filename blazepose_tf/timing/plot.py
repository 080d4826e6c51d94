"""Latency against accuracy as a picture, and latency alone where no accuracy is known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from blazepose_tf import files
from blazepose_tf.timing.compare import label

SUFFIXES = (".png", ".svg", ".pdf")


def require_drawable(path: Path | str) -> None:
    """Says before anything is measured that the picture could not be drawn.

    Raises:
        ImportError: matplotlib is missing; names the pip line.
        ValueError: another ending.
        OSError: the file could not be written.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise ImportError("--plot needs matplotlib: pip install 'blazepose_tf[report]'") from error
    if Path(path).suffix not in SUFFIXES:
        raise ValueError(f"a plot's name must end in one of {', '.join(SUFFIXES)}. Received: path={str(path)!r}")
    files.require_writable(path)


def save_plot(document: dict, accuracy: Mapping[str, tuple[str, float]], path: Path | str) -> None:
    """Draws measured rows: median with its p5..p95 across, accuracy upwards (or one bar per row without accuracy).

    Args:
        document: a validated document; estimates are not drawn.
        accuracy: model name -> (figure, value), from `accuracy.load_accuracy`.
        path: file to write; the ending chooses the format (.png, .svg, .pdf).

    Raises:
        ImportError, OSError: as `require_drawable`.
        ValueError: so, or nothing was measured.
    """
    require_drawable(path)
    from matplotlib.figure import Figure

    measured = [row for row in document["results"] if row["latency_ms"]]
    if not measured:
        raise ValueError("there is no measured row to draw. Received: an empty document")
    rows = [row for row in measured if row["model"]["name"] in accuracy] or measured
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    heights = [accuracy[r["model"]["name"]][1] for r in rows] if accuracy else [-float(i) for i in range(len(rows))]
    for row, height in zip(rows, heights, strict=True):
        latency = row["latency_ms"]
        median = latency["median"]
        low, high = latency["p5"] or median, latency["p95"] or median
        axes.errorbar(median, height, xerr=[[max(median - low, 0)], [max(high - median, 0)]], fmt="o", capsize=3)
        axes.annotate(label(row), (median, height), textcoords="offset points", xytext=(5, 5), fontsize=8)
    # Room for the labels, which stand to the right of their points.
    axes.set_xlim(0, 1.6 * max(row["latency_ms"]["p95"] or row["latency_ms"]["median"] for row in rows))
    axes.set_xlabel(f"latency in ms, median and p5..p95 ({document['device']['model']})")
    if accuracy:
        axes.set_ylabel(", ".join(sorted({accuracy[r["model"]["name"]][0] for r in rows})))
    else:
        axes.set_yticks([])
    axes.grid(alpha=0.3)
    with files.atomic_path(path) as temporary:
        figure.savefig(temporary)
