"""The model card, written from files: evaluation, training configuration, annotations, benchmark, the model itself.

Every number in a card comes out of one of those files; what no file tells is said to be unknown. The sections are those
of the cards that Google publishes for its pose models (after Mitchell et al., Model Cards for Model Reporting, 2019).
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from blazepose_tf import documents, files, specs, topology
from blazepose_tf.converters import coco
from blazepose_tf.documents import COUNT, NUMBER, OBJECT, POSITIVE, TEXT, WHOLE, ListOf, MapOf, Optional, Part
from blazepose_tf.evaluation import tables
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


_FILE = Part({"sha256": TEXT})
_RESULT = {"label": TEXT, "metrics": OBJECT}
_EVALUATION = Part(
    {
        "created": TEXT,
        "data": Part({"file": TEXT, "sha256": TEXT, "description": TEXT, "people": COUNT, "pictures": COUNT}),
        "settings": Part({"sources": TEXT}),
        "runs": ListOf(Part({**_RESULT, "protocol": TEXT, "tracker": Optional(_FILE)})),
        "detectors": ListOf(Part({**_RESULT, "model": _FILE})),
        "videos": ListOf(Part({**_RESULT, "tracker": Optional(_FILE)})),
        "sweeps": ListOf(Part({"label": TEXT, "kind": TEXT, "unit": TEXT, "levels": ListOf(OBJECT)})),
    }
)
_STAGE = Part(
    {
        "name": TEXT, "trains": TEXT, "input_size": COUNT, "batch_size": COUNT, "steps": COUNT, "epochs": NUMBER,
        "learning_rate": NUMBER,
    }
)  # fmt: skip
_CONFIG = Part(
    {
        "name": TEXT, "seed": WHOLE, "precision": TEXT, "stages": ListOf(_STAGE), "model": Optional(TEXT),
        "variant": Optional(TEXT),
    }
)  # fmt: skip
_BENCHMARK = Part(
    {
        "device": Part({"model": TEXT}),
        "results": ListOf(
            Part(
                {
                    "model": Part({"sha256": TEXT, "macs": COUNT}),
                    "configuration": Part({"threads": COUNT, "delegate": TEXT}),
                    "latency_ms": Optional(Part({"median": POSITIVE})),
                }
            )
        ),
    }
)
_PROVENANCE = MapOf(Part({"title": Optional(TEXT), "licence": Optional(TEXT)}))


def _read(path: str | os.PathLike, shape) -> dict:
    return documents.check(documents.read(path), shape, str(path))


def count_labels(path: str | os.PathLike) -> dict:
    """People, pictures and the sources of labels of an annotation file, by data set, and what it says of them."""
    document = coco.load(path)
    people = [a for a in document["annotations"] if isinstance(a, dict) and not (a.get("ignore") or a.get("iscrowd"))]
    by_dataset = Counter(str(a.get("dataset", "unknown")) for a in people)
    info = document["info"] if isinstance(document.get("info"), dict) else {}
    letters: dict[str, Counter] = {}
    for person in people:
        mine = letters.setdefault(str(person.get("dataset", "unknown")), Counter())
        source, points = person.get("keypoint_source"), person.get("keypoints")
        if isinstance(source, str):
            mine.update(source)
        elif isinstance(points, list):
            mine["h"] += sum(isinstance(v, (int, float)) and v > 0 for v in points[2::3])
    return {
        "file": Path(path).name,
        "pictures": len(document["images"]),
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


def _evaluation(path: str | os.PathLike) -> dict:
    """Reads an evaluation, and tabulates it once, so that a card fails here, with the file's name, or not at all."""
    content = documents.read(path)
    schema = content.get("schema") if isinstance(content, dict) else None
    if not str(schema).startswith("blazepose_tf.evaluation/"):
        raise ValueError(f"{path}: not an evaluation. Received: schema={documents.show(schema)}")
    documents.check(content, _EVALUATION, str(path))
    try:
        for rows in (tables.keypoint_rows, tables.detector_rows, tables.video_rows, tables.sweep_tables):
            rows(content)
        for run in content["runs"]:
            tables.fairness_table(run)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        what = f"{type(error).__name__}: {error}"
        raise ValueError(f"{path}: not a whole evaluation of this version ({what:.200})") from error
    return content


def collect(sources: Sources) -> Facts:
    """Reads everything and picks what belongs to the model, by its SHA-256.

    Raises:
        OSError: a file is missing.
        ValueError: a file is damaged, or an evaluation or benchmark does not know this model.
    """
    path = Path(sources.model)
    entry = {"file": path.name, "bytes": path.stat().st_size, "sha256": files.sha256(path)}
    metadata = (metadata_lib.read_metadata(path) if path.suffix == ".tflite" else None) or {}
    config = _read(sources.config, _CONFIG) if sources.config else None
    kind = metadata.get("kind") or (config or {}).get("model") or "tracker"
    name = metadata.get("model") or (config or {}).get("variant") or path.stem
    facts = Facts(name, kind, entry, metadata.get("spec", {}), metadata, config=config)
    told = set()
    for file in sources.evaluations:
        document = _evaluation(file)
        mine = {
            "runs": [r for r in document["runs"] if (r.get("tracker") or {}).get("sha256") == entry["sha256"]],
            "detectors": [d for d in document["detectors"] if d["model"]["sha256"] == entry["sha256"]],
            "videos": [v for v in document["videos"] if (v["tracker"] or {}).get("sha256") == entry["sha256"]],
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
    facts.provenance = _read(sources.provenance, _PROVENANCE) if sources.provenance else {}
    for file in sources.benchmarks:
        document = _read(file, _BENCHMARK)
        rows = [r for r in document["results"] if r["model"]["sha256"] == entry["sha256"] and r["latency_ms"]]
        if not rows:
            raise ValueError(f"{file}: has no result of this model (sha256 {entry['sha256'][:12]})")
        facts.benchmarks += [(document["device"], row) for row in rows]
    return facts


def _markdown(header, rows) -> str:
    lines = ["| " + " | ".join(map(_cell, header)) + " |", "|" + " --- |" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(map(_cell, row)) + " |" for row in rows])


def _cell(value: object) -> str:
    """A value as one cell of a Markdown table: names of data sets and systems are text, whatever is in them."""
    return " ".join(str(value).split()).replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")


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
            if spec.get("depth"):
                lines.append(
                    "z is in pixels of the crop from mid-hip, smaller is nearer; world landmarks, where the file has "
                    "them, are metres from mid-hip. Their scale is a guess from the look of a body: one camera cannot "
                    "tell a child near by from an adult far away. Angles and proportions are worth more than lengths."
                )
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
            title = known.get("title") or row["dataset"]
            licence = known.get("licence") or "not stated"
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
