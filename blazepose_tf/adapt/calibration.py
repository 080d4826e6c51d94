"""Makes a tracker's presence and error bars what they say, by labelled people.

A tracker learns from crops that nearly all show a person, so a presence of 0.5 lets much pass that is nobody. Labelled
people are looked at through regions that are off as one's own next region may be on film (`geometry.roi.FOLLOWED`), and
the bias of the presence moves so that a given share of them lies above 0.5. How much higher it is above which another
share lies in their own region, where people are told from what is none far better, goes into the facts: there, the
runtime asks for it. Pictures without people are not needed.

Error bars: people are read as the runtime reads a picture, a second time in the region that the first reading gives;
`codecs.error_bars` learns from the distances to the labels. Human labels count where a person has any.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from tqdm import tqdm

from blazepose_tf import files
from blazepose_tf.codecs.error_bars import ANGLES, COVERED, ERROR, ErrorBars, fit, fit_angles
from blazepose_tf.evaluation import annotations
from blazepose_tf.export.sources import open_source
from blazepose_tf.geometry import roi as roi_lib
from blazepose_tf.metrics import keypoints
from blazepose_tf.metrics.error_bars import angle_errors
from blazepose_tf.runtime import metadata
from blazepose_tf.runtime.interpreter import load_model
from blazepose_tf.runtime.keras_model import KerasModel
from blazepose_tf.runtime.look import region_of
from blazepose_tf.runtime.tracker import Tracker
from blazepose_tf.specs import DETECTOR
from blazepose_tf.training.averaging import refuse_existing, save_beside_records

BIAS = "presence_0_conv/bias"


def displaced(region: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(4,) region, off as one that follows from the frame before."""
    off = rng.normal(0.0, roi_lib.FOLLOWED).astype(np.float32)
    return roi_lib.jitter(np.float32(region), shift=off[:2], log_scale=off[2], rotation=off[3])


def logits_of_people(tracker: Tracker, data: annotations.Annotations, count: int) -> np.ndarray:
    """(N, 2) presence logits of up to `count` people in displaced regions, the same for every model, and in their own
    ones, which those readings give (nan where they give none).

    Raises:
        ValueError: nobody in the file has alignment points.
    """
    rng = np.random.default_rng(0)
    people = data.people_with_alignment()
    if not people:
        raise ValueError(f"{data.path}: has nobody with alignment points (hips and shoulders, or given ones)")
    scores = []
    for i in tqdm(rng.permutation(len(people))[:count], desc="people", disable=None):
        picture = data.picture(people[i].image_id)
        region = roi_lib.from_alignment(np.float32(people[i].alignment), tracker.spec.roi_scale)
        track = tracker(picture, displaced(np.asarray(region), rng))
        own = region_of(track.alignment, tracker, picture)
        scores.append((track.pose_presence, np.nan if own is None else tracker(picture, own).pose_presence))
    certain = np.clip(np.asarray(scores, np.float64), 1e-9, 1.0 - 1e-9)
    return np.log(certain / (1.0 - certain))


def move(model: keras.Model, logit: float) -> None:
    """Makes this logit of the presence the new 0.

    Raises:
        ValueError: the model has no presence of ours.
    """
    found = [variable for variable in model.weights if variable.path == BIAS]
    if not found:
        raise ValueError(f"{model.name} has no presence to calibrate: no weight {BIAS!r}")
    found[0].assign(found[0] - logit)


def error_facts(tracker: Tracker, data: annotations.Annotations, count: int, source: str) -> dict[str, Any]:
    """The entry `codecs.error_bars.ERROR` of the model's facts.

    Args:
        tracker: with heatmaps of ours.
        data: labelled people.
        count: how many of them.
        source: how the data are called.

    Raises:
        ValueError: nobody can be looked at, or the tracker's landmarks are not refined.
    """
    names, spec = tracker.spec.keypoint_names, tracker.spec
    people = [person for person in data.people_with_alignment() if person.names == names]
    chosen = np.random.default_rng(0).permutation(len(people))[:count]
    spreads, errors = (np.full((len(chosen), len(names)), np.nan, np.float32) for _ in range(2))
    points, scales = np.full((len(chosen), len(names), 2), np.nan, np.float32), np.ones(len(chosen))
    for row, i in enumerate(tqdm(chosen, desc="errors", disable=None)):
        person, picture = people[i], data.picture(people[i].image_id)
        first = tracker(picture, roi_lib.from_alignment(np.float32(person.alignment), spec.roi_scale))
        region = region_of(first.alignment, tracker, picture)
        if region is None:
            continue
        track = tracker(picture, region)
        if track.spread is None:
            raise ValueError(f"{tracker.model.name}: its landmarks are not refined with heatmaps, which have no spread")
        points[row], scales[row] = track.points, region[2] / spec.input_size
        distance = np.linalg.norm(track.points - person.points, axis=-1) / scales[row]
        spreads[row], errors[row] = track.spread, np.where(person.scored("h"), distance, np.nan)
    if not len(chosen):
        raise ValueError(f"{data.path}: has nobody with alignment points and labels of {len(names)} keypoints")
    table = fit(spreads, errors, names)
    bars = ErrorBars(table, names)
    radii = np.stack([bars(spread) * scale for spread, scale in zip(spreads, scales, strict=True)])
    truth = np.stack([people[i].points for i in chosen])
    judged = np.where(np.isfinite(errors), 2, 0)
    _, unit = keypoints.normalizer(
        truth, np.stack([people[i].state for i in chosen]), np.stack([people[i].alignment for i in chosen]), names
    )
    angles = fit_angles(angle_errors(points, truth, judged, radii, unit, names))
    return {"data": source, "people": len(chosen), "within": COVERED, "table": table, ANGLES: angles}


@dataclass(frozen=True)
class Options:
    """What to calibrate.

    Attributes:
        model: `.keras` or `.npz` file, or a shipped name; of a `.tflite` file the error bars alone.
        data: COCO keypoint file with labelled people.
        output: folder that gets a model.keras, and the model's configuration and logs where there are any; of a
            `.tflite` file the file with the error bars.
        people: how many of them, for the presence, and
        error_people: for the error bars; 0 leaves them as they are.
        recall: share of them that shall lie above 0.5 in regions that are off, and
        own_recall: above what is asked for in their own ones.
    """

    model: str
    data: str
    output: Path
    people: int = 800
    error_people: int = 2000
    recall: float = 0.98
    own_recall: float = 0.985


def write(options: Options) -> str:
    """Looks at people, moves the presence, makes error bars, writes; returns what was done."""
    recalls = options.recall, options.own_recall
    if not all(0.0 < recall < 1.0 for recall in recalls) or options.people < 1 or options.error_people < 0:
        raise ValueError(
            "--recall and --own_recall must lie in (0, 1), --people be positive, --error_people not negative. "
            f"Received: {recalls}, {options.people}, {options.error_people}"
        )
    refuse_existing(options.output)
    source = "/".join(Path(options.data).parts[-2:])
    if options.model.endswith(".tflite"):
        return _write_error_bars(options, source)
    model, description = open_source(options.model)
    if description.kind == DETECTOR:
        raise ValueError(f"only a tracker has a presence. Received: {description.variant}, a detector")
    tracker = Tracker(KerasModel(model, name=options.model, description=json.loads(description.to_json())))
    data = annotations.load(options.data)
    logits = logits_of_people(tracker, data, options.people)
    begins = float(np.quantile(logits[:, 0], 1.0 - options.recall))
    own = float(np.nanquantile(logits[:, 1], 1.0 - options.own_recall))
    move(model, begins)
    facts = {"data": source, "people": len(logits), "recall": options.recall, "own_recall": options.own_recall}
    facts[metadata.OWN_REGION] = round(max(own - begins, 0.0), 3)
    description = description.with_facts(**{metadata.PRESENCE: facts})
    said = (
        f"{options.output / 'model.keras'}: presence begins at a logit of {begins:.2f} of before, "
        f"above which are {options.recall:.1%} of {len(logits)} people; in their own region {own:.2f}"
    )
    if tracker.refine and options.error_people:
        facts = error_facts(tracker, data, options.error_people, source)
        description = description.with_facts(**{ERROR: facts})
        said += f"; error bars of {facts['people']} people"
    save_beside_records(model, description, options.output, Path(options.model).parent)
    return said


def _write_error_bars(options: Options, source: str) -> str:
    """A LiteRT file with error bars of its own."""
    content = Path(options.model).read_bytes()
    tracker = Tracker(load_model(options.model))
    if tracker.model.metadata is None or not options.error_people:
        raise ValueError(f"{options.model}: error bars want a file of ours and --error_people above 0")
    facts = error_facts(tracker, annotations.load(options.data), options.error_people, source)
    target = options.output / Path(options.model).name
    options.output.mkdir(parents=True)
    files.write_bytes(target, metadata.write_metadata(content, tracker.model.metadata | {ERROR: facts}))
    return f"{target}: error bars of {facts['people']} people"
