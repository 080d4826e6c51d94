"""Moves a tracker's presence to where a person begins for it.

    python tools/calibrate_presence.py --model=run/model.keras --data=train.json --output=calibrated [--recall=0.98]

A tracker learns from crops that nearly all show a person, so a presence of 0.5 lets much pass that is nobody. The tool
looks at `--people` labelled people through regions that are off as one's own next region may be on film (shift 10 % of
its side, size 20 %, 17 degrees; standard deviations) and moves the bias of the presence so that the given share of them
lies above 0.5; pictures without people are not needed. OUTPUT gets a model.keras, and the configuration of the model
and its logs where they lie beside it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import annotation_tool
import keras
import numpy as np
from average_weights import refuse_existing, save_beside_records
from tqdm import tqdm

from blazepose_tf.evaluation import annotations
from blazepose_tf.evaluation.adapters import KerasModel
from blazepose_tf.export.sources import open_source
from blazepose_tf.geometry import roi as roi_lib
from blazepose_tf.runtime.tracker import Tracker
from blazepose_tf.specs import DETECTOR

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


def write(options: argparse.Namespace) -> str:
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
    save_beside_records(model, description, options.output, Path(options.model).parent)
    return (
        f"{options.output / 'model.keras'}: presence begins at a logit of {begins:.2f} of before, "
        f"above which are {options.recall:.1%} of {len(logits)} people"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--model", required=True, help=".keras, .npz, or a shipped name")
    flags.add_argument("--data", required=True, help="COCO keypoint file with labelled people")
    flags.add_argument("--people", type=int, default=800)
    flags.add_argument("--recall", type=float, default=0.98)
    flags.add_argument("--output", type=Path, required=True)
    return annotation_tool.run(flags, write, arguments)


if __name__ == "__main__":
    sys.exit(main())
