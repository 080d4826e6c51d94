"""A benchmark document in words: one table, the estimates apart from it, the paper's table 1, a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from blazepose_tf.timing.compare import Comparison, label
from blazepose_tf.timing.profile import by_kind

# BlazePose paper, table 1: FPS (OpenPose on a 20-core desktop, BlazePose on one Pixel 2 core), PCK@0.2 of the AR and of
# the Yoga data set.
PAPER_TABLE_1 = (
    ("OpenPose (body only)", 0.4, 87.8, 83.4),
    ("BlazePose Full", 10.0, 84.1, 84.5),
    ("BlazePose Lite", 31.0, 79.6, 77.6),
)


def results_table(document: dict) -> str:
    """The measured rows as a Markdown table, with the device above and errors, states and profiles below."""
    rows = [_row(result) for result in document["results"]]
    heads = ["model", "weights", "threads", "delegate", "median ms", "p5", "p95", "min", "runs/s", "ratio"]
    heads += ["memory MB", "energy mJ", "partitions", "M MACs"]
    device = document["device"]
    affinity = "all" if device["affinity"] is None else ",".join(map(str, device["affinity"]))
    title = f"Measured on {device['kind']}: {device['model']}, {device['abi']}, {device['os']}"
    title += f"; cores {affinity} of {device['cores'] or 'unknown'}, governor {device['governor'] or 'unknown'}"
    parts = [title, table(heads, rows)]
    for result in document["results"]:
        if result["error"]:
            parts.append(f"{label(result)}: {result['error']}")
        elif result["state"]["throttled"]:
            parts.append(f"{label(result)}: the device throttled during this measurement")
    if document["pipeline"]:
        parts.append(pipeline_table(document))
    if document["estimates"]:
        parts.append(estimates_table(document))
    return "\n\n".join(parts)


def pipeline_table(document: dict) -> str:
    """Frames per second of the whole pipeline by duty cycle."""
    rows = []
    for entry in document["pipeline"]:
        cycle = f"{entry['detector_runs']} + {entry['tracker_runs']} in {entry['frames']} frames"
        rows.append(
            (
                entry["detector"],
                entry["tracker"],
                entry["configuration"]["threads"],
                cycle,
                entry["overhead_ms"],
                entry["frame_ms"],
                entry["frames_per_second"],
                entry["method"],
            )
        )
    heads = (
        "detector",
        "tracker",
        "threads",
        "detector + tracker runs",
        "overhead ms",
        "ms/frame",
        "frames/s",
        "method",
    )
    return "Whole pipeline\n\n" + table(heads, rows)


def estimates_table(document: dict) -> str:
    """The estimates, under a heading of their own."""
    rows = [
        (
            e["model"],
            e["latency_ms"],
            f"{e['low_ms']:.1f}..{e['high_ms']:.1f}",
            1e3 / e["latency_ms"],
            e["extrapolated"],
        )
        for e in document["estimates"]
    ]
    heads = ("model", "estimated ms", "interval ms", "estimated runs/s", "outside the calibration")
    targets = ", ".join(sorted({e["target"] for e in document["estimates"]}))
    return f"ESTIMATED, not measured: {targets} ({document['estimates'][0]['method']})\n\n" + table(heads, rows)


def table1(document: dict, accuracy: Mapping[str, tuple[str, float]]) -> str:
    """The columns of the paper's table 1 (FPS and PCK) for the measured models, with the published rows.

    Args:
        document: a validated document; FPS is 1000 / median of a row with one thread.
        accuracy: model name -> (figure, value) from evaluation files; shares up to 1 are shown in percent.
    """
    estimates = {e["sha256"]: e for e in document["estimates"]}
    rows: list[tuple] = [
        (name, fps, "Pixel 2" if "Blaze" in name else "desktop", None, ar, yoga, "paper")
        for name, fps, ar, yoga in PAPER_TABLE_1
    ]
    for result in document["results"]:
        if not result["latency_ms"] or result["configuration"]["threads"] != 1:
            continue
        estimate = estimates.get(result["model"]["sha256"])
        figure = accuracy.get(result["model"]["name"])
        value = None if figure is None else figure[1] * 100 if figure[1] <= 1 else figure[1]
        name = ", ".join([result["model"]["name"], result["configuration"]["delegate"]])
        frames = 1e3 / result["latency_ms"]["median"]
        guess = None if estimate is None else f"{1e3 / estimate['high_ms']:.0f}..{1e3 / estimate['low_ms']:.0f}"
        rows.append((name, frames, document["device"]["model"], guess, value, None, figure[0] if figure else None))
    heads = (
        "Model",
        "FPS",
        "measured on",
        "Pixel 2 FPS, ESTIMATED",
        "PCK@0.2 (paper: AR set)",
        "Yoga PCK@0.2",
        "source of PCK",
    )
    return table(heads, rows)


def profile_table(document: dict) -> str:
    """Time by kind of operation for every profiled row."""
    parts = []
    for result in document["results"]:
        if result["profile"]:
            rows = [(e["kind"], e["calls"], e["ms"], e["percent"]) for e in by_kind(result["profile"]["operations"])]
            how = "each operation alone" if result["profile"]["method"] == "isolated" else "inside the running graph"
            total = sum(row[2] for row in rows)
            title = f"{label(result)}: {how}, sum {total:.2f} ms, whole file {result['latency_ms']['median']:.2f} ms"
            parts.append(title + "\n\n" + table(("operation", "count", "ms", "%"), rows))
    return "\n\n".join(parts)


def comparison_table(comparison: Comparison) -> str:
    """Verdicts, then warnings about what else changed."""
    heads = ("model", "old ms", "new ms", "new / old", "95 % interval", "verdict", "notes")
    rows = [
        (v.label, v.old_ms, v.new_ms, f"{v.ratio:.3f}", f"{v.low:.3f}..{v.high:.3f}", v.verdict, "; ".join(v.notes))
        for v in comparison.verdicts
    ]
    parts = [table(heads, rows), *[f"warning: {text}" for text in comparison.warnings]]
    for names, which in ((comparison.only_old, "old"), (comparison.only_new, "new")):
        if names:
            parts.append(f"only in the {which} document: " + "; ".join(names))
    return "\n\n".join(parts)


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table with aligned columns; numbers to the right, None as "-"."""
    cells = [[_text(value) for value in row] for row in rows]
    widths = [max(3, len(head), *(len(row[i]) for row in cells)) for i, head in enumerate(heads)]
    right = [all(isinstance(row[i], (int, float)) or row[i] is None for row in rows) for i in range(len(heads))]

    def line(texts: Sequence[str]) -> str:
        aligned = [t.rjust(w) if r else t.ljust(w) for t, w, r in zip(texts, widths, right, strict=True)]
        return "| " + " | ".join(aligned) + " |"

    rule = "|" + "|".join("-" * (w + 1) + (":" if r else "-") for w, r in zip(widths, right, strict=True)) + "|"
    return "\n".join([line(heads), rule, *map(line, cells)])


def _row(result: dict) -> tuple:
    model, configuration, latency = result["model"], result["configuration"], result["latency_ms"] or {}
    median = latency.get("median")
    partitions = result["partitions"] or {}
    shown = None if partitions.get("count") is None else str(partitions["count"])
    if shown and partitions.get("left_over"):
        shown += f" + {sum(partitions['left_over'].values())} ops"
    return (
        model["name"],
        model["precision"],
        configuration["threads"],
        configuration["delegate"] + (" fp16" if configuration["fp16"] else ""),
        median,
        latency.get("p5"),
        latency.get("p95"),
        latency.get("min"),
        1e3 / median if median else None,
        result["ratio"]["median"] if result["ratio"] else None,
        result["peak_memory_mb"],
        result["energy_mj"],
        shown,
        None if model["macs"] is None else model["macs"] / 1e6,
    )


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.2f}" if abs(value) < 100 else f"{value:.1f}"
    return str(value).replace("|", "/")
