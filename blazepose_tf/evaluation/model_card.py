"""The model card, written from files: evaluation, training configuration, annotations, benchmark, the model itself.

Every number in a card comes out of one of those files; what no file tells is said to be unknown. The sections are those
of the cards that Google publishes for its pose models (after Mitchell et al., Model Cards for Model Reporting, 2019).
"""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from blazepose_tf import specs, topology
from blazepose_tf.evaluation import adapters, tables
from blazepose_tf.evaluation.model_card_text import DETECTOR_TEXT, SECTIONS, TRACKER_TEXT
from blazepose_tf.runtime import metadata as metadata_lib


@dataclass(frozen=True)
class Sources:
    """Files that a card is made of; all but the model may be absent.

    Attributes:
        model: .tflite or .keras file.
        evaluations: JSON of `blazepose evaluate`.
        config: config.json of the training run.
        training_data: annotation files that it was trained on.
        provenance: JSON, data set -> {"title", "licence", "source"}.
        benchmarks: JSON of `blazepose benchmark`.
    """

    model: str
    evaluations: tuple[str, ...] = ()
    config: str | None = None
    training_data: tuple[str, ...] = ()
    provenance: str | None = None
    benchmarks: tuple[str, ...] = ()


@dataclass
class Facts:
    """What the files say about one model."""

    name: str
    kind: str
    entry: dict
    spec: dict
    metadata: dict
    runs: list[dict] = field(default_factory=list)
    detectors: list[dict] = field(default_factory=list)
    sweeps: list[dict] = field(default_factory=list)
    videos: list[dict] = field(default_factory=list)
    data: list[dict] = field(default_factory=list)
    config: dict | None = None
    training: list[dict] = field(default_factory=list)
    provenance: dict = field(default_factory=dict)
    benchmarks: list[tuple[dict, dict]] = field(default_factory=list)


def _json(path: str | os.PathLike) -> dict:
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: not JSON ({error})") from error
    if not isinstance(document, dict):
        raise ValueError(f"{path}: expected a JSON object")
    return document


def count_labels(path: str | os.PathLike) -> dict:
    """People, pictures and the sources of labels of an annotation file, by data set, and what it says of them."""
    document = _json(path)
    people = [a for a in document.get("annotations", []) if not a.get("ignore") and not a.get("iscrowd")]
    by_dataset = Counter(str(a.get("dataset", "unknown")) for a in people)
    info = document.get("info") or {}
    letters: dict[str, Counter] = {}
    for person in people:
        mine = letters.setdefault(str(person.get("dataset", "unknown")), Counter())
        source = person.get("keypoint_source")
        if source is None:
            mine["h"] += sum(1 for v in person["keypoints"][2::3] if v > 0)
        else:
            mine.update(source)
    return {
        "file": Path(path).name,
        "pictures": len(document.get("images", [])),
        "people": len(people),
        "notes": [str(info[key]) for key in ("sources", "labels") if info.get(key)],
        "datasets": [
            {
                "dataset": name,
                "people": count,
                "human": letters[name]["h"] / max(letters[name]["h"] + letters[name]["t"], 1),
                "teacher": letters[name]["t"] / max(letters[name]["h"] + letters[name]["t"], 1),
            }
            for name, count in by_dataset.most_common()
        ],
    }


def collect(sources: Sources) -> Facts:
    """Reads everything and picks what belongs to the model, by its SHA-256.

    Raises:
        OSError: a file is missing.
        ValueError: a file is damaged, or an evaluation or benchmark does not know this model.
    """
    path = Path(sources.model)
    entry = {"file": path.name, "bytes": path.stat().st_size, "sha256": adapters.sha256(path)}
    metadata = (metadata_lib.read_metadata(path) if path.suffix == ".tflite" else None) or {}
    config = _json(sources.config) if sources.config else None
    kind = metadata.get("kind") or (config or {}).get("model") or "tracker"
    name = metadata.get("model") or (config or {}).get("variant") or path.stem
    facts = Facts(name, kind, entry, metadata.get("spec", {}), metadata, config=config)
    told = set()
    for file in sources.evaluations:
        document = _json(file)
        if not str(document.get("schema", "")).startswith("blazepose_tf.evaluation/"):
            raise ValueError(f"{file}: not an evaluation. Received: schema={document.get('schema')!r}")
        mine = {
            "runs": [r for r in document["runs"] if (r.get("tracker") or {}).get("sha256") == entry["sha256"]],
            "detectors": [d for d in document["detectors"] if d["model"]["sha256"] == entry["sha256"]],
            "videos": [v for v in document["videos"] if v["tracker"]["sha256"] == entry["sha256"]],
        }
        if not any(mine.values()):
            raise ValueError(f"{file}: has no result of this model (sha256 {entry['sha256'][:12]})")
        labels = {r["label"] for r in mine["runs"] if r["protocol"] == "aligned"}
        facts.sweeps += [s for s in document["sweeps"] if s["label"] in labels]
        # Evaluations of sweeps and videos measure the aligned crops as well: a result is told once.
        for key, found in mine.items():
            for result in found:
                which = (key, document["data"]["sha256"], result["label"], result.get("protocol"))
                if which not in told:
                    told.add(which)
                    getattr(facts, key).append(result)
        if all(document["data"]["sha256"] != data["sha256"] for data in facts.data):
            facts.data.append(
                document["data"] | {"sources": document["settings"]["sources"], "created": document["created"]}
            )
    facts.training = [count_labels(file) for file in sources.training_data]
    facts.provenance = _json(sources.provenance) if sources.provenance else {}
    for file in sources.benchmarks:
        document = _json(file)
        rows = [r for r in document.get("results", []) if r["model"]["sha256"] == entry["sha256"] and r["latency_ms"]]
        if not rows:
            raise ValueError(f"{file}: has no result of this model (sha256 {entry['sha256'][:12]})")
        facts.benchmarks += [(document["device"], row) for row in rows]
    return facts


def _markdown(header, rows) -> str:
    lines = ["| " + " | ".join(map(str, header)) + " |", "|" + " --- |" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])


def _specification(facts: Facts) -> str:
    spec, lines = facts.spec, []
    if spec:
        low, high = spec["value_range"]
        size = spec["input_size"]
        lines.append(f"Input: {size} x {size} x 3, RGB, values in [{low:g}, {high:g}].")
        if facts.kind == "tracker":
            names = spec["keypoint_names"]
            columns = "x, y, z, visibility logit" if spec.get("depth") else "x, y, visibility logit"
            lines.append(f"Output: {len(names)} landmarks ({columns}), x and y in pixels of the crop.")
            lines.append(
                "Visibility: " + ("not occluded." if spec["visibility"] == specs.NOT_OCCLUDED else "inside the frame.")
            )
            lines.append(f"Crop: side {spec['roi_scale']:g} x the diameter of the body circle.")
        else:
            lines.append(
                f"Output: face boxes, {spec['num_keypoints']} alignment points and scores of a grid of anchors."
            )
    else:
        lines.append("The file carries no specification.")
    lines.append(
        f"File: {facts.entry['file']}, {facts.entry['bytes'] / 1e6:.2f} MB, SHA-256 `{facts.entry['sha256']}`."
    )
    if facts.metadata.get("precision"):
        lines.append(f"Precision: {facts.metadata['precision']}.")
    if facts.benchmarks:
        lines.append(f"Multiply-adds: {facts.benchmarks[0][1]['model']['macs'] / 1e6:.1f} million.")
    return "\n".join(f"- {line}" for line in lines)


def _training(facts: Facts) -> str:
    parts = []
    if facts.config:
        stages = [
            [
                s["name"], s["trains"], s["input_size"], s["batch_size"],
                f"{s['steps']} steps" if s["steps"] else f"{s['epochs']:g} epochs", f"{s['learning_rate']:g}",
            ]
            for s in facts.config.get("stages", [])
        ]  # fmt: skip
        parts.append(
            f"Experiment `{facts.config['name']}`, seed {facts.config['seed']}, "
            f"precision {facts.config['precision']}:\n\n"
            + _markdown(["stage", "trains", "input", "batch", "length", "peak rate"], stages)
        )
    else:
        parts.append("No training configuration was given.")
    for data in facts.training:
        header = ["data set", "people", "labels by humans, %", "by a teacher model, %", "licence"]
        rows = []
        for row in data["datasets"]:
            known = facts.provenance.get(row["dataset"], {})
            title = known.get("title", row["dataset"])
            licence = known.get("licence", "not stated")
            rows.append([title, row["people"], tables.percent(row["human"]), tables.percent(row["teacher"]), licence])
        parts.append(f"`{data['file']}`: {data['people']} people in {data['pictures']} pictures.")
        if rows:
            parts.append(_markdown(header, rows))
        parts.extend(data["notes"])
    if not facts.training:
        parts.append("No training annotations were given.")
    return "\n\n".join(parts)


def _results(facts: Facts) -> str:
    document = {"runs": facts.runs, "detectors": facts.detectors, "videos": facts.videos, "sweeps": facts.sweeps}
    parts = [
        f"Evaluated on `{d['file']}` ({d['description'] or 'no description'}): {d['people']} people in {d['pictures']} "
        f"pictures; SHA-256 `{d['sha256'][:16]}`, {d['created']}. "
        + ("Points labelled by humans where there are any." if d["sources"] == "h" else "All labelled points.")
        for d in facts.data
    ]
    if facts.runs:
        parts.append(_markdown(*tables.keypoint_rows(document)))
    if facts.detectors:
        parts.append(_markdown(*tables.detector_rows(document)))
    if facts.videos:
        parts.append(_markdown(*tables.video_rows(document)))
    for title, header, rows in tables.sweep_tables(document):
        parts.append(f"Tolerance, PCK at 20 % of the torso by {title}:\n\n" + _markdown(header, rows))
    return "\n\n".join(parts) or "No evaluation was given."


def _fairness(facts: Facts) -> str:
    parts = []
    for run in facts.runs:
        verdict, header, rows = tables.fairness_table(run)
        parts.append(f"{run['protocol']}: {verdict}.\n\n" + _markdown(header, rows))
    return "\n\n".join(parts) or "No evaluation by groups was given."


def _speed(facts: Facts) -> str:
    if not facts.benchmarks:
        return "No benchmark was given."
    rows = [
        [
            device["model"], row["configuration"]["threads"], row["configuration"]["delegate"],
            f"{row['latency_ms']['median']:.2f}", f"{1000 / row['latency_ms']['median']:.0f}",
        ]
        for device, row in facts.benchmarks
    ]  # fmt: skip
    return _markdown(["device", "threads", "delegate", "median ms", "per second"], rows)


def render(facts: Facts) -> str:
    """The card as Markdown."""
    text = dict(TRACKER_TEXT if facts.kind == "tracker" else DETECTOR_TEXT)
    names = facts.spec.get("keypoint_names", topology.KEYPOINTS)
    text["keypoints"] = ", ".join(n.replace("_", " ") for n in names) + "." if facts.kind == "tracker" else ""
    generated = {
        "title": f"# blazepose_tf {facts.name} ({facts.kind})",
        "version": f"blazepose_tf {facts.metadata.get('version', 'of unknown version')}",
        "date": max((d["created"][:10] for d in facts.data), default="unknown"),
        "specification": _specification(facts),
        "training": _training(facts),
        "results": _results(facts),
        "fairness": _fairness(facts),
        "speed": _speed(facts),
    }
    parts = [generated["title"]]
    for heading, key in SECTIONS:
        body = generated.get(key) or text.get(key, "")
        if body or key is None:
            parts.append(f"{heading}\n\n{body}".rstrip())
    return "\n\n".join(parts) + "\n"
