"""Moves a tracker's presence to where a person begins for it.

A tracker learns from crops that nearly all show a person, so a presence of 0.5 lets much pass that is nobody. Labelled
people are looked at through regions that are off as one's own next region may be on film (shift 10 % of its side, size
20 %, 17 degrees; standard deviations), and the bias of the presence moves so that a given share of them lies above 0.5;
pictures without people are not needed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from blazepose_tf.evaluation import annotations
from blazepose_tf.evaluation.adapters import KerasModel
from blazepose_tf.export.sources import open_source
from blazepose_tf.geometry import roi as roi_lib
from blazepose_tf.runtime.tracker import Tracker
from blazepose_tf.specs import DETECTOR
from blazepose_tf.training.averaging import refuse_existing, save_beside_records

BIAS = "presence_0_conv/bias"


def displaced(region: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(4,) region, off as one that follows from the frame before."""
    x, y, size, rotation = region
    shift = rng.normal(0.0, 0.1, 2) * size
    scale, turn = np.exp(rng.normal(0.0, 0.2)), rng.normal(0.0, 0.3)
    return np.float32([x + shift[0], y + shift[1], size * scale, rotation + turn])


def logits_of_people(tracker: Tracker, data: annotations.Annotations, count: int) -> np.ndarray:
    """(N,) presence logits of up to `count` people in displaced regions, the same for every model.

    Raises:
        ValueError: nobody in the file has alignment points.
    """
    rng = np.random.default_rng(0)
    people = data.people_with_alignment()
    if not people:
        raise ValueError(f"{data.path}: has nobody with alignment points (hips and shoulders, or given ones)")
    scores = []
    for i in tqdm(rng.permutation(len(people))[:count], desc="people", disable=None):
        region = roi_lib.from_alignment(np.float32(people[i].alignment), tracker.spec.roi_scale)
        track = tracker(data.picture(people[i].image_id), displaced(np.asarray(region), rng))
        scores.append(track.pose_presence)
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


@dataclass(frozen=True)
class Options:
    """What to calibrate.

    Attributes:
        model: `.keras` or `.npz` file, or a shipped name.
        data: COCO keypoint file with labelled people.
        output: folder that gets a model.keras, and the model's configuration and logs where there are any.
        people: how many of them.
        recall: share of them that shall lie above 0.5.
    """

    model: str
    data: str
    output: Path
    people: int = 800
    recall: float = 0.98


def write(options: Options) -> str:
    """Looks at people, moves the presence, writes; returns what was done."""
    if not 0.0 < options.recall < 1.0 or options.people < 1:
        raise ValueError(
            f"--recall must lie in (0, 1), --people be positive. Received: {options.recall}, {options.people}"
        )
    refuse_existing(options.output)
    model, description = open_source(options.model)
    if description.kind == DETECTOR:
        raise ValueError(f"only a tracker has a presence. Received: {description.variant}, a detector")
    tracker = Tracker(KerasModel(model, name=options.model, description=json.loads(description.to_json())))
    logits = logits_of_people(tracker, annotations.load(options.data), options.people)
    begins = float(np.quantile(logits, 1.0 - options.recall))
    move(model, begins)
    calibration = {"data": "/".join(Path(options.data).parts[-2:]), "people": len(logits), "recall": options.recall}
    description = description.with_facts(presence=calibration)
    save_beside_records(model, description, options.output, Path(options.model).parent)
    return (
        f"{options.output / 'model.keras'}: presence begins at a logit of {begins:.2f} of before, "
        f"above which are {options.recall:.1%} of {len(logits)} people"
    )
