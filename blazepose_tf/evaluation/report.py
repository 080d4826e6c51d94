"""The evaluation document as one HTML file that needs nothing else: no network, no script, no font."""

from __future__ import annotations

import json
from collections.abc import Sequence

from blazepose_tf.evaluation import cases, svg, tables
from blazepose_tf.evaluation.annotations import Annotations
from blazepose_tf.evaluation.markup import Child, Element, element, page
from blazepose_tf.evaluation.predictions import Paired

CASES = 6
_STYLE = """
body{font:14px/1.45 system-ui,sans-serif;margin:24px auto;max-width:1240px;padding:0 16px;color:#1c1c1c;background:#fff}
h1{font-size:22px}h2{font-size:17px;margin-top:34px;border-bottom:1px solid #ccc}h3{font-size:14px}
table{border-collapse:collapse;margin:8px 0 14px;font-variant-numeric:tabular-nums}.wide{overflow-x:auto}
table{font-size:13px}th,td{padding:3px 6px;border-bottom:1px solid #e4e4e4;text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left}th{font-weight:600;background:#f5f5f5;white-space:normal;max-width:170px;
overflow-wrap:break-word;vertical-align:bottom}
.charts{display:flex;flex-wrap:wrap;gap:18px}.charts>div{width:400px}.chart{width:100%;background:#fff}
svg text{font:11px system-ui,sans-serif;fill:#333}.grid{stroke:#e3e3e3}
.legend{font-size:12px}.legend span{margin-right:14px;white-space:nowrap}
figure{display:inline-block;margin:3px}figcaption{font-size:11px;max-width:190px}
.pair{display:inline-block;white-space:nowrap;border:1px solid #ddd;margin:3px}
svg text.lost{font-size:14px;font-weight:700;fill:#ff3b3b}.note{color:#555;font-size:13px}
"""


def _table(
    header: Sequence[str], rows: Sequence[Sequence[str]], colors: Sequence[Sequence[str]] | None = None
) -> Element:
    lines = [element("tr", [element("th", str(cell)) for cell in header])]
    for i, row in enumerate(rows):
        shades = colors[i] if colors else [""] * len(row)
        styles = [f"background:{shade}" if shade else None for shade in shades]
        cells = [element("td", str(cell), style=style) for cell, style in zip(row, styles, strict=True)]
        lines.append(element("tr", cells))
    return element("div", element("table", lines), class_="wide")


def _note(text: str) -> Element:
    return element("p", text, class_="note")


def _name(run: dict) -> str:
    return f"{run['label']}, {run['protocol']}"


def _keypoint_table(runs: list[dict]) -> Element:
    header = [f"PCK_{runs[0]['metrics'].get('normalizer', 'torso')}@0.2", *map(_name, runs)]
    rows, colors = [], []

    def add(title: str, values: list) -> None:
        rows.append([title, *map(tables.percent, values)])
        colors.append(["", *(svg.heat(v, low=0.4) for v in values)])

    found = [tables.of(run["metrics"], "pck@0.2") for run in runs]
    for part in found[0]["parts"]:
        add(part, [at["parts"][part] for at in found])
    for name in found[0]["keypoints"]:
        add(name.replace("_", " "), [at["keypoints"][name] for at in found])
    return _table(header, rows, colors)


def _left_right_table(runs: list[dict], kind: str, title: str) -> Element:
    """One row per pair that anybody was judged by, then the legs and all; `kind` is as_one or exchanged."""
    sides = [run["metrics"]["left_right"] for run in runs]
    rows, colors = [], []
    for pair in sides[0]:
        if pair != "people" and any(s[pair]["pairs"] for s in sides):
            values = [s[pair][kind] for s in sides]
            rows.append([pair.replace("_", " "), *map(tables.percent, values)])
            colors.append(["", *(svg.heat(None if v is None else 1 - v, low=0.8) for v in values)])
    return _table([title, *map(_name, runs)], rows, colors)


def _groups(runs: list[dict]) -> list[Element]:
    """PDJ and its standard deviation per group, as the model card lists its regions, one column per run."""
    tabulated = [tables.fairness_table(run) for run in runs]
    first = tabulated[0][1][0]
    groups = list(dict.fromkeys(row[0] for _, _, rows in tabulated for row in rows if row[0] != "all"))
    rows = []
    for group in [*groups, "all"]:
        cells = []
        for _, _, table in tabulated:
            mine = next((row for row in table if row[0] == group), None)
            cells.append("-" if mine is None else f"{mine[2]} (std {mine[3]}, {mine[1]} people)")
        rows.append([group, *cells])
    rows.append(["span", *(tables.percent(run["metrics"]["fairness"].get("span")) for run in runs)])
    rows.append(["verdict", *(run["metrics"]["fairness"]["verdict"] for run in runs)])
    note = f"PDJ by {first}: means of people; unfair when groups span more than the limit of the model card."
    return [_note(note), _table([first, *map(_name, runs)], rows)]


def _curves(runs: list[dict]) -> list[Element]:
    """PCK over the threshold and the reliability of visibility, one row of charts per protocol."""
    rows = []
    for protocol in dict.fromkeys(run["protocol"] for run in runs):
        mine = [run for run in runs if run["protocol"] == protocol]
        charts = []
        for points, count in tables.point_counts(mine).items():
            curves = [(run["label"], tables.of(run["metrics"], "pck")[points]) for run in mine]
            series = [
                (label, [float(t) for t in curve], [_hundred(v) for v in curve.values()]) for label, curve in curves
            ]
            label = f"PCK, {count} points, %"
            charts.append(svg.line_chart(series, x_label="threshold, torsos", y_label=label, y_range=(0, 100)))
        series = []
        for run in mine:
            r = run["metrics"]["visibility"]["reliability"]
            known = [i for i, count in enumerate(r["counts"]) if count]
            series.append((run["label"], [r["scores"][i] for i in known], [r["visible"][i] for i in known]))
        charts.append(
            svg.line_chart(series, x_label="predicted visibility", y_label="share that is visible", y_range=(0, 1))
        )
        rows += [element("h3", protocol), element("div", charts, class_="charts")]
    return rows


def _hundred(value: float | None) -> float | None:
    return None if value is None else 100.0 * value


def _sweeps(document: dict) -> Element:
    charts = []
    for kind in dict.fromkeys(s["kind"] for s in document["sweeps"]):
        sweeps = [s for s in document["sweeps"] if s["kind"] == kind]
        names = ["none" if r["level"] is None else f"{r['level']:g}" for r in sweeps[0]["levels"]]
        positions = list(range(len(names)))
        series = [(s["label"], positions, [_hundred(r["17"]) for r in s["levels"]]) for s in sweeps]
        bands = [
            (
                [_hundred(r["interval_17"][0]) for r in s["levels"]],
                [_hundred(r["interval_17"][1]) for r in s["levels"]],
            )
            for s in sweeps
        ]
        chart = svg.line_chart(
            series,
            x_label=f"{kind}: {sweeps[0]['unit']}",
            y_label="PCK_torso@0.2, 17 points, %",
            y_range=(0, 100),
            bands=bands,
            categories=names,
        )
        charts.append(chart)
    return element("div", charts, class_="charts")


def _cases(document: dict, pairs: Sequence[Paired], annotations: Annotations) -> list[Element]:
    sources = document["settings"]["sources"]
    parts = []
    for run, paired in zip(document["runs"], pairs, strict=True):
        found = cases.scores(paired, sources=sources)
        worst, best = cases.extremes(found, CASES)
        for title, chosen in (("worst", worst), ("best", best)):
            figures = [
                cases.draw(
                    annotations,
                    paired.people[i],
                    paired.predictions[i],
                    caption=f"#{found.ids[i]}: {100 * found.shares[i]:.0f} % of the points",
                    sources=sources,
                )
                for i in chosen
            ]
            parts += [element("h3", f"{_name(run)}: {title}"), element("div", figures)]
    return parts


def _side_by_side(document: dict, pairs: Sequence[Paired], annotations: Annotations) -> list[Element]:
    """The first two runs of the first protocol that has two, where they differ most."""
    runs, sources = document["runs"], document["settings"]["sources"]
    for i, first in enumerate(runs):
        j = next((j for j in range(i + 1, len(runs)) if runs[j]["protocol"] == first["protocol"]), None)
        if j is None:
            continue
        one, two = (cases.scores(pairs[k], sources=sources) for k in (i, j))
        rows = []
        for a, b in cases.most_different(one, two, CASES):
            figures = [
                cases.draw(
                    annotations,
                    pairs[k].people[index],
                    pairs[k].predictions[index],
                    caption=f"{runs[k]['label']}: {100 * s.shares[index]:.0f} %",
                    sources=sources,
                )
                for k, index, s in ((i, a, one), (j, b, two))
            ]
            rows.append(element("span", figures, class_="pair"))
        title = f"{runs[i]['label']} (left) and {runs[j]['label']} (right), {first['protocol']}"
        return [element("h2", "Side by side, where they differ most"), element("h3", title), *rows]
    return []


def render(document: dict, pairs: Sequence[Paired], annotations: Annotations | None) -> str:
    """The report.

    Args:
        document: of `evaluate.evaluate`.
        pairs: people and predictions of each run, in the order of `document["runs"]`.
        annotations: data set for the drawn cases; no pictures without it.

    Returns:
        A whole HTML document.
    """
    document = json.loads(json.dumps(document))  # lists instead of tuples, keys as text
    runs = document["runs"]
    data = document["data"]
    counted = (
        "those labelled by humans, of people that have any; teacher's labels of the others."
        if document["settings"]["sources"] == "h"
        else "all labelled ones."
    )
    facts = [
        data["description"], f"{data['people']} people in {data['pictures']} pictures", f"sha256 {data['sha256'][:12]}",
        f"blazepose_tf {document['version']}, {document['created']}. Rates in percent. Points that count: {counted}",
    ]  # fmt: skip
    parts: list[Child] = [element("h1", f"Evaluation on {data['file']}"), _note(" · ".join(filter(None, facts)))]

    def section(title: str, *content: Child) -> None:
        parts.extend([element("h2", title), *content])

    if runs:
        section("Keypoints", _table(*tables.keypoint_rows(document)), _curves(runs))
        if document.get("comparisons"):
            parts += [element("h3", "Differences"), _table(*tables.comparison_rows(document))]
    if document["sweeps"]:
        section("Tolerance", _sweeps(document))
        for title, header, rows in tables.sweep_tables(document):
            parts += [element("h3", title), _table(header, rows)]
    if document["detectors"]:
        note = "At the threshold at which the detector fires on 5 % of the pictures without people."
        section("Detectors", _note(note), _table(*tables.detector_rows(document)))
    if document["videos"]:
        note = "Jitter in torsos per frame squared; unfiltered without smoothing."
        section("Video", _note(note), _table(*tables.video_rows(document)))
    if document.get("people"):
        note = (
            "All labelled people of each picture, 17 points: OKS average precision, and mid-hips within half a torso."
        )
        section("Several people", _note(note), _table(*tables.people_rows(document)))
    if document.get("attributes"):
        note = "Metric points in mm, the rest in percent; of real people against what a teacher said of them."
        section("Depth, metric points, masks", _note(note), _table(*tables.attribute_rows(document)))
    if runs:
        section("Keypoints one by one", _keypoint_table(runs))
        note = "Degrees in the picture: median absolute error (bias; 95 % limits of agreement), both sides together."
        section("Joint angles", _note(note), _table(*tables.angle_rows(document)))
        header, rows = tables.error_bar_rows(document)
        if rows:
            section(
                "Error bars", _note("Percent of points and angles within them; 90 are promised."), _table(header, rows)
            )
        pairs_of = [
            _left_right_table(runs, "as_one", "pairs read as one"),
            _left_right_table(runs, "exchanged", "pairs that fit better exchanged"),
        ]
        section("Left and right confused", _table(*tables.side_rows(document)), pairs_of)
        section("Groups", _groups(runs))
    if runs and annotations is not None:
        parts.append(_side_by_side(document, pairs, annotations))
        note = "Truth dashed in green (points that count), prediction with left orange, right cyan."
        section("Cases", _note(note), _cases(document, pairs, annotations))
    for run in runs:
        parts += [_note(text) for text in tables.warnings(run)]
        lost = run["metrics"]["lost"]["ids"]
        if lost:
            text = ", ".join(map(str, lost[:100])) + (" ..." if len(lost) > 100 else "")
            parts.append(_note(f"{_name(run)}: lost people (annotation ids): {text}"))
    return page(f"blazepose evaluate: {data['file']}", _STYLE, parts)
