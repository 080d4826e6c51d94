"""The whole evaluation: every system under every protocol, one document.

The document is what tables, the HTML report and the model card are made of; nothing else computes a number.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import math
import os
import platform
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from blazepose_tf import __version__, files, topology
from blazepose_tf.evaluation import (
    annotations,
    attributes_protocol,
    detector_protocol,
    film,
    measure,
    people_protocol,
    predictions,
    presence,
    runner,
    video_protocol,
)
from blazepose_tf.evaluation.disturb import KINDS, Disturbance
from blazepose_tf.evaluation.systems import ALIGNED, PIPELINE, System, angle_factors

__all__ = ["Evaluation", "Options", "evaluate"]

DETECTOR = "detector"
VIDEO = "video"
PEOPLE = "people"
ATTRIBUTES = "attributes"
PROTOCOLS = (ALIGNED, PIPELINE, DETECTOR, VIDEO, PEOPLE, ATTRIBUTES)
SCHEMA = "blazepose_tf.evaluation/1"


@dataclass(frozen=True)
class Options:
    """What to evaluate.

    Attributes:
        data: annotation file.
        systems: systems under test.
        detectors: model files for the detector protocol.
        prediction_files: predictions of other systems, by name.
        protocols: of PROTOCOLS.
        images: folder of the pictures.
        sources: "h" or "ht", see `Person.scored`.
        group: field of the annotations for groups.
        limit: at most this many people (pictures for the detector), evenly spread; None for all.
        sweeps: kinds of disturbance.
        sweep_limit: people per level of a sweep.
        negatives: annotation file with pictures without people, for presence.
        videos: folder of clips.
        folder: where predictions are kept for resuming.
        workers: processes.
    """

    data: str
    systems: tuple[System, ...] = ()
    detectors: tuple[str, ...] = ()
    prediction_files: dict[str, str] = field(default_factory=dict)
    protocols: tuple[str, ...] = (ALIGNED,)
    images: str | None = None
    sources: str = "h"
    group: str = "dataset"
    limit: int | None = None
    sweeps: tuple[str, ...] = ()
    sweep_limit: int | None = None
    negatives: str | None = None
    videos: str | None = None
    folder: str = "."
    workers: int = 1

    def __post_init__(self):
        unknown = [p for p in self.protocols if p not in PROTOCOLS]
        if unknown:
            raise ValueError(f"protocols must be of {PROTOCOLS}. Received: {unknown}")
        if self.sources not in annotations.SOURCES:
            raise ValueError(f"sources must be one of {annotations.SOURCES}. Received: sources={self.sources!r}")
        unknown = [k for k in self.sweeps if k not in KINDS]
        if unknown:
            raise ValueError(f"sweeps must be of {tuple(KINDS)}. Received: {unknown}")
        for name in ("limit", "sweep_limit"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1. Received: {name}={getattr(self, name)}")


@contextlib.contextmanager
def scratch(report: Path | None) -> Iterator[Path]:
    """Folder for predictions: kept under `report` for resuming, temporary without one."""
    if report is not None:
        yield report / "predictions"
        return
    with tempfile.TemporaryDirectory(prefix="blazepose_") as folder:
        yield Path(folder)


Progress = Callable[[str, int], Callable[[int], None]]


def _quiet(_: str, __: int) -> Callable[[int], None]:
    return lambda count: None


def spread_out(items: list, limit: int | None) -> list:
    """At most `limit` of the items, evenly spread over the list; the same ones every time."""
    if limit is None or limit >= len(items):
        return items
    return [items[i] for i in np.linspace(0, len(items) - 1, limit).round().astype(int)]


@dataclass(frozen=True)
class Evaluation:
    """document: JSON-ready figures; pairs: people and predictions of each run; data: what was evaluated on."""

    document: dict
    pairs: list[predictions.Paired]
    data: annotations.Annotations


def evaluate(options: Options, *, progress: Progress = _quiet) -> Evaluation:
    """Runs everything that `options` names.

    Args:
        options: what to evaluate.
        progress: `progress(title, total)` is called when a part begins and returns what is called with the number of
            items just finished.

    Returns:
        Figures with "data", "settings", "runs", "comparisons", "sweeps", "detectors", "videos", "people", "attributes",
        and what they are of.

    Raises:
        OSError, ValueError: files that are missing or do not fit; the message names them.
    """
    data = annotations.load(options.data, images=options.images)
    document = {
        "schema": SCHEMA,
        "version": __version__,
        "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "machine": {"system": platform.system(), "machine": platform.machine(), "cpus": os.cpu_count()},
        "data": {
            "file": data.path.name,
            "sha256": data.sha256,
            "description": str(data.info.get("description") or "")[:1000],
            "pictures": len(data.pictures),
            "people": sum(not p.ignore for p in data.people),
            "left_out": data.left_out,
        },
        "settings": {
            "sources": options.sources,
            "group": options.group,
            "limit": options.limit,
            "sweep_limit": options.sweep_limit,
        },
        "runs": [],
        "comparisons": [],
        "sweeps": [],
        "detectors": [],
        "videos": [],
        "people": [],
        "attributes": [],
    }
    pairs: list[predictions.Paired] = []
    trackers = [dataclasses.replace(system, detector=None) for system in options.systems]
    pool = runner.workers(options.workers)
    try:
        for protocol in options.protocols:
            if protocol in (ALIGNED, PIPELINE):
                for system in options.systems if protocol == PIPELINE else trackers:
                    entry, paired = _run(options, data, system, protocol, pool, progress)
                    document["runs"].append(entry)
                    pairs.append(paired)
        films = {name for name, path in options.prediction_files.items() if predictions.holds_film(path)}
        if films and VIDEO not in options.protocols:
            raise ValueError(f"predictions of films need the video protocol. Received: {sorted(films)}")
        for name, path in options.prediction_files.items():
            if name in films or PEOPLE in options.protocols:
                continue
            entry, paired = _from_file(options, data, name, path)
            document["runs"].append(entry)
            pairs.append(paired)
        document["comparisons"] = _comparisons(document["runs"], pairs, options.sources)
        # All of one system's runs in a row: workers keep the models that they opened last.
        for system in trackers:
            for kind in options.sweeps:
                document["sweeps"].append(_sweep(options, data, system, kind, pool, progress))
    finally:
        if pool is not None:
            pool.shutdown(cancel_futures=True)
    if DETECTOR in options.protocols:
        image_ids = spread_out(list(data.pictures), options.limit)
        for path in options.detectors:
            step = progress(f"{Path(path).stem} {DETECTOR}", len(image_ids))
            metrics = detector_protocol.evaluate(path, data, image_ids=image_ids, progress=step)
            document["detectors"].append({"label": Path(path).stem, "model": model_entry(path), "metrics": metrics})
    if VIDEO in options.protocols:
        watched = [(system.label, system, _models(system)) for system in options.systems]
        files_of_films = {name: options.prediction_files[name] for name in options.prediction_files if name in films}
        watched += [(name, path, {"file": model_entry(path)}) for name, path in files_of_films.items()]
        count = (len(film.clips(options.videos)) if options.videos else 0) + 2 * video_protocol.PHOTOGRAPHS
        for label, system, entry in watched:
            step = progress(f"{label} {VIDEO}", count)
            metrics = video_protocol.evaluate(system, videos=options.videos, annotations=data, progress=step)
            document["videos"].append({"label": label, **entry, "metrics": metrics})
    if PEOPLE in options.protocols:
        document["people"] = _everybody(
            options, data, {n for n in options.prediction_files if n not in films}, progress
        )
    if ATTRIBUTES in options.protocols:
        known = spread_out(attributes_protocol.people_of(data), options.limit)
        for system in trackers:
            step = progress(f"{system.label} {ATTRIBUTES}", len(known))
            metrics = attributes_protocol.evaluate(system, data, known, progress=step)
            document["attributes"].append({"label": system.label, **_models(system), "metrics": metrics})
    return Evaluation(document, pairs, data)


def _everybody(options, data, names: set[str], progress) -> list[dict]:
    """The people protocol, on every picture with a labelled person: pipelines, and prediction files called `names`."""
    labelled = [i for i, people in data.people_by_picture().items() if any(not p.ignore for p in people)]
    image_ids = spread_out(labelled, options.limit)
    entries = []
    for system in options.systems:
        step = progress(f"{system.label} {PEOPLE}", len(image_ids))
        found = people_protocol.predict(system, data, image_ids, progress=step)
        metrics = people_protocol.measure(found, data, image_ids, sources=options.sources)
        entries.append({"label": system.label, **_models(system), "metrics": metrics})
    for name in sorted(names):
        path = options.prediction_files[name]
        metrics = people_protocol.measure(predictions.read(path, data), data, image_ids, sources=options.sources)
        entries.append({"label": name, "file": model_entry(path), "metrics": metrics})
    return entries


def _comparisons(runs: list[dict], pairs: list[predictions.Paired], sources: str) -> list[dict]:
    """Each run against the first of its protocol, on the same people: paired differences of PCK@0.2, 17 points."""
    out = []
    for i, run in enumerate(runs):
        first = next(j for j in range(len(runs)) if runs[j]["protocol"] == run["protocol"])
        same = [p.id for p in pairs[i].people] == [p.id for p in pairs[first].people]
        if first < i and same:
            difference, interval = measure.difference(pairs[i], pairs[first], sources=sources)
            out.append(
                {
                    "run": run["label"],
                    "against": runs[first]["label"],
                    "protocol": run["protocol"],
                    "difference_17": difference,
                    "interval_17": interval,
                }
            )
    return out


def _people(options: Options, data: annotations.Annotations, protocol: str) -> list[annotations.Person]:
    everyone = [p for p in data.people if not p.ignore] if protocol == ALIGNED else predictions.main_people(data)
    return spread_out([p for p in everyone if np.isfinite(p.alignment).all()], options.limit)


def _run(options, data, system, protocol, pool, progress) -> tuple[dict, predictions.Paired]:
    people = _people(options, data, protocol)
    run = runner.Run(system, protocol)
    step = progress(run.key, len(people))
    found = runner.execute(run, data, people, folder=options.folder, pool=pool, progress=step)
    paired = predictions.pair(found, people)
    factors = angle_factors(system)
    metrics = measure.measure(paired, sources=options.sources, group=options.group, angle_factors=factors)
    if options.negatives and protocol == ALIGNED:
        scores = np.array([0.0 if p is None else p.score for p in paired.predictions])
        metrics["presence"] |= presence.evaluate(system, annotations.load(options.negatives), scores)
    return {"label": system.label, "protocol": protocol, **_models(system), "metrics": metrics}, paired


def _from_file(options, data, name, path) -> tuple[dict, predictions.Paired]:
    people = spread_out(predictions.main_people(data), options.limit)
    read = predictions.read(path, data)
    if any(p.annotation_id is not None for p in read):
        people = spread_out([p for p in data.people if not p.ignore], options.limit)
    paired = predictions.pair(_with_visibility(read), people)
    metrics = measure.measure(paired, sources=options.sources, group=options.group)
    return {"label": name, "protocol": "predictions", "file": model_entry(path), "metrics": metrics}, paired


def _with_visibility(found: list[predictions.Prediction]) -> list[predictions.Prediction]:
    """The same, without visibility where it is one number throughout: COCO results have a third column in any case."""
    given = [p.visibility for p in found if p.visibility is not None]
    values = np.concatenate(given) if given else np.zeros(0)
    if np.unique(values[np.isfinite(values)]).size > 1:
        return found
    unknown = np.full(len(topology.KEYPOINTS), np.nan)
    return [p if p.visibility is None else dataclasses.replace(p, visibility=unknown) for p in found]


def _sweep(options, data, system, kind, pool, progress) -> dict:
    """PCK@0.2 (torso) of one system over the levels of a disturbance; level None is the undisturbed run."""
    people = spread_out(_people(options, data, ALIGNED), options.sweep_limit)
    unit, levels = KINDS[kind]
    rows = []
    step = progress(f"{system.label} {kind}", len(people) * (len(levels) + 1))
    # Undisturbed first, or, among levels of both signs (brightness), in its place.
    ordered = sorted((None, *levels), key=lambda level: level or 0) if min(levels) < 0 else [None, *levels]
    for level in ordered:
        run = runner.Run(system, ALIGNED, None if level is None else Disturbance(kind, level))
        found = runner.execute(run, data, people, folder=options.folder, pool=pool, progress=step)
        rates = measure.rates(predictions.pair(found, people), sources=options.sources)
        rows.append({"level": level, **rates})
    base = next(row["17"] for row in rows if row["level"] is None)
    for row in rows:
        row["drop_17"] = base - row["17"]
    return {"label": system.label, "kind": kind, "unit": unit, "people": len(people), "levels": rows}


def _models(system: System) -> dict:
    return {
        "tracker": model_entry(system.tracker),
        "detector": model_entry(system.detector) if system.detector else None,
        "roi_scale": system.roi_scale,
        "refine": system.refine,
    }


def model_entry(path: str | os.PathLike) -> dict:
    """Name, size in bytes and SHA-256 of a file, or of a folder."""
    path = Path(path)
    parts = [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]
    return {"file": path.name, "bytes": sum(p.stat().st_size for p in parts), "sha256": files.sha256(path)}


def to_json(document: dict) -> str:
    """The document as JSON; what is not a number (no people, no points) becomes null."""

    def clean(value):
        if isinstance(value, dict):
            return {str(k): clean(v) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return [clean(v) for v in value]
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, float):
            return round(value, 6) if math.isfinite(value) else None
        return value

    return json.dumps(clean(document), indent=1, ensure_ascii=False) + "\n"


def write(path: str | os.PathLike, text: str) -> None:
    """Writes a text file whole or not at all, with its folder."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    files.write_text(path, text)
