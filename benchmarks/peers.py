"""Our pipelines beside the official files and MoveNet: one table, one run.

    python benchmarks/peers.py --pictures=detector/val.json --crops=tracker/val.json \
        --pipeline=lite=blazeface,lite --pipeline=full=blazeface,full \
        --pipeline=full-2021=pose_detection_2021.tflite,pose_landmark_full_2021.tflite \
        --movenet=lightning=movenet_lightning.tflite --movenet=multipose=movenet_multipose.tflite --markdown

Pipelines are NAME=DETECTOR,TRACKER[@ROI_SCALE], run by the runtime; MoveNet files are NAME=FILE, run by LiteRT and
evaluated as predictions. Columns:

    whole       PCK@0.2 of the torso, 17 points, of the main person of a whole picture, detector and tracker as they
                ship; lost: nobody returned, or mid-hip more than a torso away
    found       share of people with a detection whose mid-hip is within half a torso (and within a torso) of theirs,
                at the score that fires on 5 of 100 pictures without people, where --pictures has any; by kind: small
                (body circle below 0.4 of the long side), hidden (neither nose nor eyes visible), lying (inclined by
                more than 45 degrees)
    crops       PCK@0.2 with the region of the labels (MoveNet: in the picture cut around the person); of leg pairs
                that are apart, those read as one and exchanged; people mirrored; median error of elbows and knees
    x time      processor time of the detector's network (MoveNet: of the whole) against the first pipeline's, one
                thread, interleaved
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from movenet import MoveNet, predict
from tqdm import tqdm

from blazepose_tf import files, topology
from blazepose_tf.evaluation import annotations, evaluate, systems, tables
from blazepose_tf.geometry import alignment as alignment_lib
from blazepose_tf.metrics import alignment as alignment_metrics
from blazepose_tf.metrics import detection
from blazepose_tf.runtime.detector import Detector
from blazepose_tf.timing.latencies import ratio

NEAR, FAR = 0.5, 1.0  # torsos between mid-hips
SMALL, LYING = 0.4, np.deg2rad(45.0)
LOWEST_SCORE = 0.02
ROUNDS, RUNS = 15, 10
HIPS = [topology.COCO_17.index(name) for name in ("left_hip", "right_hip")]
FACE = topology.indices(("nose", "left_eye", "right_eye"))

Finder = Callable[[np.ndarray], list[tuple[np.ndarray, float]]]  # picture -> (mid-hip, score) of everybody


def detector_finder(path: str) -> Finder:
    """Everybody whom a detector proposes."""
    detector = Detector(path, threshold=LOWEST_SCORE)
    return lambda image: [(d.alignment[0], d.score) for d in detector(image)]


def movenet_finder(path: str) -> Finder:
    """Everybody whom MoveNet answers with."""
    model = MoveNet(path)
    return lambda image: [(pose.points[HIPS].mean(axis=0), pose.score) for pose in model(image)]


def kinds(data: annotations.Annotations, sizes: dict[int, int]) -> dict[str, np.ndarray]:
    """Masks over the labelled people by what makes them hard to find."""
    people = data.people_with_alignment()
    aligned = np.stack([p.alignment for p in people])
    long_side = np.array([sizes[p.image_id] for p in people])
    return {
        "all": np.ones(len(people), bool),
        "small": 2.0 * alignment_lib.radius(aligned) < SMALL * long_side,
        "hidden": np.array([not (p.state[FACE] == 2).any() for p in people]),
        "lying": np.abs(alignment_lib.incline(aligned)) > LYING,
    }


def found(finders: dict[str, Finder], data: annotations.Annotations) -> tuple[dict[str, dict], dict[str, int]]:
    """Shares of people found by each finder, and how many people there are of each kind."""
    everybody = data.people_by_picture()
    seen: dict[str, dict] = {name: {} for name in finders}
    sizes = {}
    for image_id in tqdm(data.pictures, desc="finding", disable=None):
        image = data.picture(image_id)
        sizes[image_id] = max(image.shape[:2])
        for name, finder in finders.items():
            seen[name][image_id] = finder(image)
    groups = kinds(data, sizes)
    out = {}
    for name, answers in seen.items():
        empty = [max((score for _, score in answers[i]), default=0.0) for i in data.pictures if not everybody[i]]
        out[name] = {}
        if not empty:
            continue
        threshold = detection.firing_threshold(empty)
        nearest = []
        for person in data.people_with_alignment():
            radius = float(alignment_lib.radius(person.alignment))
            torso = person.torso if np.isfinite(person.torso) else radius / alignment_metrics.RADIUS_IN_TORSOS
            away = [
                np.linalg.norm(middle - person.alignment[0])
                for middle, score in answers[person.image_id]
                if score >= threshold
            ]
            nearest.append(min(away, default=np.inf) / torso)
        near = np.array(nearest) <= NEAR
        out[name] = {kind: float(near[mask].mean()) for kind, mask in groups.items() if mask.any()}
        out[name]["within a torso"] = float((np.array(nearest) <= FAR).mean())
    return out, {kind: int(mask.sum()) for kind, mask in groups.items()}


def detector_times(detectors: dict[str, str], movenets: dict[str, str], image: np.ndarray) -> dict[str, list[float]]:
    """Median milliseconds per round of filling the input and running the network, all in turn, one thread.

    Processor time of the thread: what other programs take of the core does not count.
    """
    calls = {}
    for name, path in detectors.items():
        detector = Detector(path)
        calls[name] = functools.partial(detector.infer, detector.crop(image)[0])
    for name, path in movenets.items():
        model = MoveNet(path)
        calls[name] = functools.partial(model.infer, model.crop(image)[0])
    out: dict[str, list[float]] = {name: [] for name in calls}
    for _ in tqdm(range(ROUNDS), desc="timing", disable=None):
        for name, call in calls.items():
            out[name].append(float(np.median([_timed(call) for _ in range(RUNS)])))
    return out


def _timed(call: Callable[[], object]) -> float:
    started = time.thread_time()
    call()
    return 1e3 * (time.thread_time() - started)


def predictions_of(movenets: dict[str, str], data: annotations.Annotations, folder: Path) -> dict[str, str]:
    """One file of predictions per MoveNet."""
    out = {}
    for name, path in movenets.items():
        out[name] = str(folder / f"{name}_{files.sha256(path)[:8]}_{data.sha256[:8]}.jsonl")
        if Path(out[name]).exists():
            continue
        model, lines = MoveNet(path), []
        for image_id in tqdm(data.pictures, desc=name, disable=None):
            lines += [json.dumps(p.to_json()) + "\n" for p in predict(model, data.picture(image_id), image_id)]
        files.write_text(out[name], "".join(lines))
    return out


def measured(data: str, images: str | None, chosen, movenets: dict[str, str], protocol: str, options) -> dict:
    """Metrics of every system on one data set, by name."""
    with contextlib.ExitStack() as stack:
        folder = options.folder or stack.enter_context(tempfile.TemporaryDirectory(prefix="blazepose_peers_"))
        Path(folder).mkdir(parents=True, exist_ok=True)
        read = predictions_of(movenets, annotations.load(data, images=images), Path(folder))
        asked = evaluate.Options(
            data=data, images=images, systems=tuple(chosen), prediction_files=read, protocols=(protocol,),
            folder=str(folder), workers=options.workers,
        )  # fmt: skip
        bar = lambda title, total: tqdm(total=total, desc=title, disable=None).update  # noqa: E731
        return {run["label"]: run["metrics"] for run in evaluate.evaluate(asked, progress=bar).document["runs"]}


def rows(whole: dict, aligned: dict, finding: dict, times: dict, reference: str) -> tuple[list[str], list[list[str]]]:
    """The table."""
    header = [
        "system", "whole", "95 %", "lost", "found", "small", "hidden", "lying", "found within a torso",
        "crops", "95 %", "legs as one", "legs exchanged", "mirrored", "elbow", "knee",
        "x time", "ms",
    ]  # fmt: skip
    out = []
    for name, metrics in whole.items():
        figures, sides, crops = finding[name], aligned[name]["left_right"], aligned[name]["pck_torso@0.2"]
        at = metrics["pck_torso@0.2"]
        against = ratio(times[name], times[reference])["median"]
        out.append(
            [
                name, tables.percent(at["17"]), "-".join(map(tables.percent, at["interval"]["17"])),
                tables.percent(metrics["lost"]["share"]),
                *(tables.percent(figures.get(kind)) for kind in ("all", "small", "hidden", "lying", "within a torso")),
                tables.percent(crops["17"]), "-".join(map(tables.percent, crops["interval"]["17"])),
                tables.percent(sides["legs"]["as_one"]), tables.percent(sides["legs"]["exchanged"]),
                tables.percent(sides["people"]["mirrored"]),
                *(tables.number(aligned[name]["angles"][joint]["median"], 1) for joint in ("elbow", "knee")),
                f"{against:.2f}", f"{min(times[name]):.1f}",
            ]
        )  # fmt: skip
    return header, out


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", required=True, help="annotations of whole pictures, with and without people")
    parser.add_argument("--pictures_images", help="their folder; images/ beside the annotations without it")
    parser.add_argument("--crops", required=True, help="annotations of people for the aligned protocol")
    parser.add_argument("--crops_images")
    parser.add_argument("--pipeline", action="append", default=[], help="NAME=DETECTOR,TRACKER[@ROI_SCALE]")
    parser.add_argument("--movenet", action="append", default=[], help="NAME=FILE")
    parser.add_argument("--folder", help="keeps predictions: a run that was stopped goes on from there")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--markdown", action="store_true", help="print the table in Markdown")
    parser.add_argument("--json", help="file for every figure")
    return parser.parse_args()


def main() -> int:
    options = parse()
    if not options.pipeline:
        raise SystemExit("error: at least one --pipeline is needed")
    if options.json:
        files.require_writable(options.json)
    parts = [text.partition("=") for text in options.pipeline]
    pairs = [(name, *models.split(",")) for name, _, models in parts]
    if any(len(pair) != 3 for pair in pairs):
        raise SystemExit(f"error: --pipeline must be NAME=DETECTOR,TRACKER. Received: {options.pipeline}")
    chosen = systems.parse([p[2] for p in pairs], [p[1] for p in pairs], names=[p[0] for p in pairs])
    movenets = {name: path for name, _, path in (text.partition("=") for text in options.movenet)}
    detectors = {system.name: system.detector for system in chosen}
    data = annotations.load(options.pictures, images=options.pictures_images)
    finders = {name: detector_finder(path) for name, path in detectors.items()}
    finding, people = found(finders | {name: movenet_finder(path) for name, path in movenets.items()}, data)
    times = detector_times(detectors, movenets, data.picture(next(iter(data.pictures))))
    whole = measured(options.pictures, options.pictures_images, chosen, movenets, systems.PIPELINE, options)
    aligned = measured(options.crops, options.crops_images, chosen, movenets, systems.ALIGNED, options)
    header, lines = rows(whole, aligned, finding, times, chosen[0].name)
    print(f"people: {', '.join(f'{count} {kind}' for kind, count in people.items())}", file=sys.stderr)
    if options.markdown:
        print("\n".join(f"| {' | '.join(cells)} |" for cells in [header, ["---"] * len(header), *lines]))
    else:
        print(tables.grid(header, lines))
    if options.json:
        document = {"people": people, "whole": whole, "aligned": aligned, "found": finding, "milliseconds": times}
        files.write_text(options.json, evaluate.to_json(document))
    return 0


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    raise SystemExit(main())
