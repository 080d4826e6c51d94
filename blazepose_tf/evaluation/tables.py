"""Terminal tables of an evaluation document."""

from __future__ import annotations

import math
from collections.abc import Sequence


def percent(value: float | None, digits: int = 1) -> str:
    """A share in percent; a dash where there is none."""
    return "-" if value is None or not math.isfinite(value) else f"{100.0 * value:.{digits}f}"


def number(value: float | None, digits: int = 2) -> str:
    """A number; a dash where there is none."""
    return "-" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def signed(value: float | None) -> str:
    """A number with its sign; a dash where there is none."""
    return "-" if value is None or not math.isfinite(value) else f"{value:+.1f}"


def grid(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in plain text, first column left, the others right."""
    widths = [max(len(str(row[i])) for row in [header, *rows]) for i in range(len(header))]

    def line(row) -> str:
        cells = [
            str(c).ljust(w) if i == 0 else str(c).rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    return "\n".join([line(header), "  ".join("-" * w for w in widths), *map(line, rows)])


def of(metrics: dict, key: str) -> dict:
    """A metric by its name without the normaliser, `pck@0.2` for `pck_torso@0.2` or `pck_circle@0.2`."""
    name, at, threshold = key.partition("@")
    return metrics[f"{name}_{metrics.get('normalizer', 'torso')}{at}{threshold}"]


def point_counts(runs: Sequence[dict]) -> dict[str, int]:
    """Points that the figures called 17 and 33 are of; one entry where they are the same."""
    counts = next((run["metrics"]["points"] for run in runs if "points" in run["metrics"]), {"17": 17, "33": 33})
    return {"17": counts["17"]} if counts["17"] == counts["33"] else dict(counts)


def keypoint_rows(document: dict) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the main table, in percent where not said otherwise."""
    groups = sorted({g for run in document["runs"] for g in of(run["metrics"], "pck@0.2")["groups"]["17"]})
    counts = point_counts(document["runs"])
    unit = next((run["metrics"].get("normalizer", "torso") for run in document["runs"]), "torso")
    header = [
        "system", "protocol", "people", "lost",
        f"PCK_{unit}@0.2 {counts['17']}pt", "95 %", *groups, *(f"{n}pt" for n in list(counts.values())[1:]),
        "@0.1", "@0.5", f"PDJ_{unit}@0.2", "PCKh@0.5", f"NME_{unit}", "OKS AP",
        "vis F1", "pres AUC", "ms",
    ]  # fmt: skip
    rows = []
    for run in document["runs"]:
        m = run["metrics"]
        at = of(m, "pck@0.2")
        low, high = at["interval"]["17"]
        rows.append(
            [
                run["label"], run["protocol"], str(m["people"]), percent(m["lost"]["share_none"]),
                percent(at["17"]), f"{percent(low)}-{percent(high)}",
                *(percent(at["groups"]["17"].get(g)) for g in groups),
                *(percent(at[points]) for points in list(counts)[1:]),
                percent(of(m, "pck")["17"]["0.1"]), percent(of(m, "pck")["17"]["0.5"]),
                percent(of(m, "pdj@0.2")["17"]), percent(m["pckh@0.5"]["17"]), percent(of(m, "nme")["17"]),
                percent(m["oks"].get("AP_17")), percent(m["visibility"]["f1"]), percent(m["presence"].get("auc"), 2),
                number(m["milliseconds"].get("total_median"), 1),
            ]
        )  # fmt: skip
    return header, rows


def side_rows(document: dict) -> tuple[list[str], list[list[str]]]:
    """Leg pairs read as one and exchanged, by joint and in all; people read mirrored."""
    header = ["system", "protocol", "leg pairs"]
    header += [f"{part} {kind}" for kind in ("as one", "exchanged") for part in ("knees", "ankles", "legs")]
    rows = []
    for run in document["runs"]:
        sides = run["metrics"]["left_right"]
        shares = [percent(sides[part][kind]) for kind in ("as_one", "exchanged") for part in ("knee", "ankle", "legs")]
        mirrored = sides["people"]
        rows.append(
            [run["label"], run["protocol"], str(sides["legs"]["pairs"]), *shares, percent(mirrored["mirrored"])]
        )
    return [*header, "people mirrored"], rows


def angle_rows(document: dict) -> tuple[list[str], list[list[str]]]:
    """Per joint: median absolute error (bias; 95 % limits of agreement) in degrees."""
    joints = list(dict.fromkeys(joint for run in document["runs"] for joint in run["metrics"]["angles"]))
    rows = []
    for run in document["runs"]:
        cells = []
        for joint in joints:
            m = run["metrics"]["angles"][joint]
            limits = "; ".join([signed(m["bias"]), f"{number(m['low'], 0)} to {number(m['high'], 0)}"])
            cells.append(f"{number(m['median'], 1)} ({limits})" if m["count"] else "-")
        rows.append([run["label"], run["protocol"], *cells])
    return ["system", "protocol", *joints], rows


def error_bar_rows(document: dict) -> tuple[list[str], list[list[str]]]:
    """Shares of points and angles within their error bars; the median bar."""
    header = ["system", "protocol", "points", "judged", "within"]
    rows = []
    for run in document["runs"]:
        for group, m in run["metrics"].get("error_bars", {}).items():
            shares = [
                percent(m.get(key)) for key in ("covered", "visible", "occluded", "narrow", "wide", "unsupported")
            ]
            unit = "torsos" if "visible" in m else "degrees"
            rows.append([run["label"], run["protocol"], group, str(m["points"]), *shares, f"{m['median']:.2f} {unit}"])
    return [*header, "visible", "occluded", "narrow half", "wide half", "unsupported", "median bar"], rows


def comparison_rows(document: dict) -> tuple[list[str], list[list[str]]]:
    """Paired differences against the first system of each protocol, in points of PCK_torso@0.2 of the 17 points."""
    rows = [
        [
            c["run"], c["against"], c["protocol"], percent(c["difference_17"]),
            f"{percent(c['interval_17'][0])} to {percent(c['interval_17'][1])}",
        ]
        for c in document["comparisons"]
    ]  # fmt: skip
    return ["system", "against", "protocol", "points", "95 %"], rows


def detector_rows(document: dict) -> tuple[list[str], list[list[str]]]:
    header = [
        "detector", "people", "threshold", "false alarms", "recall", "95 %", "precision", "recall@score 0.5",
        "AP alignment", "centre/torso", "radius", "incline deg", "ms",
    ]  # fmt: skip
    rows = []
    for entry in document["detectors"]:
        m, at = entry["metrics"], entry["metrics"]["at_5_percent"]
        rows.append(
            [
                entry["label"], str(m["people"]), number(at["threshold"], 3), percent(at["false_alarm_rate"]),
                percent(at["recall"]), "-".join(map(percent, at["recall_interval"])), percent(at["precision"]),
                percent(m["at_0.5"]["recall"]), percent(m["ap_alignment"]), number(at["center_torso_median"], 3),
                percent(at["radius_median"]), number(at["incline_degrees_median"], 1),
                number(m["milliseconds_median"], 1),
            ]
        )  # fmt: skip
    return header, rows


def video_rows(document: dict) -> tuple[list[str], list[list[str]]]:
    """Figures over the 17 common points, then jitter over all 33; "unfiltered" is the column before it."""
    header = [
        "system", "frames", "found", "losses", "redetections", "jitter 17pt", "unfiltered", "still jitter 17pt",
        "unfiltered", "lag frames 17pt", "unfiltered", "jitter 33pt", "unfiltered", "still jitter 33pt", "unfiltered",
    ]  # fmt: skip
    rows = []
    for entry in document["videos"]:
        m = entry["metrics"]
        row = [
            entry["label"], str(m.get("frames", "-")), percent(m.get("found_share")), str(m.get("losses", "-")),
            str(m.get("redetections", "-")),
        ]  # fmt: skip
        for figure, suffix, digits in (
            ("jitter_torso", "_17", 4), ("still_jitter_torso", "_17", 4), ("lag_frames", "_17", 2),
            ("jitter_torso", "", 4), ("still_jitter_torso", "", 4),
        ):  # fmt: skip
            row += [number(m.get(f"{figure}{kind}{suffix}"), digits) for kind in ("", "_raw")]
        rows.append(row)
    return header, rows


def people_rows(document: dict) -> tuple[list[str], list[list[str]]]:
    """All labelled people of each picture; empty where the protocol was not run."""
    header = ["system", "pictures", "people", "OKS AP", "AP50", "AP75", "AR", "found", "95 %", "false per picture"]
    rows = []
    for entry in document.get("people", []):
        m = entry["metrics"]
        rows.append(
            [
                entry["label"], str(m["pictures"]), str(m["people"]),
                *(percent(m.get(f"{key}_17")) for key in ("AP", "AP50", "AP75", "AR")),
                percent(m["found"]), "-".join(map(percent, m["found_interval"])), number(m["false_per_picture"]),
            ]
        )  # fmt: skip
    return header, rows


def sweep_tables(document: dict) -> list[tuple[str, list[str], list[list[str]]]]:
    """One (title, header, rows) per kind of disturbance: PCK@0.2 of the 17 points per level."""
    out = []
    for kind in dict.fromkeys(s["kind"] for s in document["sweeps"]):
        sweeps = [s for s in document["sweeps"] if s["kind"] == kind]
        header = [kind, *("none" if r["level"] is None else f"{r['level']:g}" for r in sweeps[0]["levels"])]
        rows = [[s["label"], *(percent(r["17"]) for r in s["levels"])] for s in sweeps]
        out.append((f"{kind} ({sweeps[0]['unit']})", header, rows))
    return out


def fairness_table(run: dict) -> tuple[str, list[str], list[list[str]]]:
    """(verdict, header, rows) of one run, as the model card lists its regions."""
    f = run["metrics"]["fairness"]
    rows = [[r["group"], str(r["people"]), percent(r["pdj"]), percent(r["std"])] for r in f["rows"]]
    rows.append(["all", str(f["total"]["people"]), percent(f["total"]["pdj"]), percent(f["total"]["std"])])
    verdict = f["verdict"]
    if "span" in f:
        verdict = (
            f"{f['lowest']} to {f['highest']} spans {percent(f['span'])} points of PDJ, "
            f"{verdict} of {percent(f['limit'])}"
        )
    return verdict, [f["field"], "people", "PDJ", "std"], rows


# More exchanged pairs than straight ones: hardly a weakness of a model, rather another order of the points.
EXCHANGED = 0.5


def warnings(run: dict) -> list[str]:
    """What a reader should know before believing the figures of a run."""
    out = []
    missing, sides = run["metrics"]["missing_predictions"], run["metrics"]["left_right"]["all"]
    if missing:
        some = ", ".join(map(str, missing[:20])) + (" ..." if len(missing) > 20 else "")
        out.append(f"{run['label']}: {len(missing)} people without a prediction count as misses: {some}")
    if sides["exchanged"] is not None and sides["exchanged"] > EXCHANGED:
        out.append(
            f"{run['label']}: {percent(sides['exchanged'])} % of left/right pairs fit better exchanged: "
            "are the keypoints in the order that was stated?"
        )
    return out


def attribute_rows(document: dict) -> tuple[list[str], list[list[str]]]:
    """Metric points in mm, lengths of limbs, order in depth and masks in percent."""
    header = [
        "system", "people", "MPJPE", "PA-MPJPE", "limbs left-right", "spread of limbs", "depth order", "mask IoU",
    ]  # fmt: skip
    rows = []
    for entry in document["attributes"]:
        m = entry["metrics"]
        millimetres = [number(m[key], 1) for key in ("mpjpe_mm", "pa_mpjpe_mm", "asymmetry_mm")]
        shares = [percent(m[key]) for key in ("length_spread", "depth_order", "mask_iou")]
        rows.append([entry["label"], str(m["people"]), *millimetres, *shares])
    return header, rows


def terminal(document: dict) -> str:
    """Everything as plain text."""
    parts = []
    if document["runs"]:
        note = (
            "people's human-labelled points where they have any"
            if document["settings"]["sources"] == "h"
            else "all labelled points"
        )
        parts.append(f"{document['data']['file']}: percent; {note}\n" + grid(*keypoint_rows(document)))
        parts.append("left and right, percent of pairs and people\n" + grid(*side_rows(document)))
        title = "joint angles, degrees: median error (bias; 95 % limits of agreement)"
        parts.append(f"{title}\n" + grid(*angle_rows(document)))
        header, rows = error_bar_rows(document)
        if rows:
            parts.append("error bars: percent of points and angles within them (90 promised)\n" + grid(header, rows))
        if document["comparisons"]:
            parts.append("differences in points of PCK_torso@0.2, 17 points\n" + grid(*comparison_rows(document)))
    if document["detectors"]:
        parts.append(
            "detectors, at the threshold that fires on 5 % of pictures without people\n"
            + grid(*detector_rows(document))
        )
    if document["videos"]:
        parts.append("video; jitter in torsos per frame squared\n" + grid(*video_rows(document)))
    if document.get("people"):
        parts.append("all labelled people of each picture, 17 points\n" + grid(*people_rows(document)))
    if document.get("attributes"):
        parts.append("depth, metric points (mm) and masks of labelled people\n" + grid(*attribute_rows(document)))
    for title, header, rows in sweep_tables(document):
        parts.append(f"PCK_torso@0.2, 17 points, by {title}\n" + grid(header, rows))
    for run in document["runs"]:
        if len(run["metrics"]["fairness"]["rows"]) > 1:
            verdict, header, rows = fairness_table(run)
            parts.append(f"{run['label']}, {run['protocol']}: {verdict}\n" + grid(header, rows))
        parts += warnings(run)
    return "\n\n".join(parts)
