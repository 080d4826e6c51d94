"""Moves the keypoints that humans placed towards a model's predictions where both agree.

Two independent guesses at a point have a smaller error together than either alone, and a small model that trains for
hours, not weeks, pays for noisy labels. A point is moved only if the prediction lies near the label: where the two
disagree, the human is right or nobody is. Points of other sources stay as they are. `info.labels` says what was done;
model cards repeat it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from blazepose_tf import documents, topology
from blazepose_tf.evaluation.predictions import kept_points
from blazepose_tf.labelling.document import write_beside
from blazepose_tf.metrics.keypoints import torso_size

HUMAN = "h"


def blend(annotation: dict, predicted: np.ndarray, *, share: float, agree: float) -> int:
    """Moves the points of one person by `share` of the way, in place; returns how many."""
    labels = np.array(annotation["keypoints"], np.float64).reshape(-1, 3)
    # nan without a torso: nothing is near then.
    limit = agree * torso_size(labels[None, :, :2], labels[None, :, 2])[0]
    human = np.array([source == HUMAN for source in annotation["keypoint_source"]])
    near = np.linalg.norm(predicted - labels[:, :2], axis=1) <= limit
    moved = human & near & (labels[:, 2] > 0)
    labels[moved, :2] += share * (predicted[moved] - labels[moved, :2])
    annotation["keypoints"] = [int(v) if i % 3 == 2 else round(v, 1) for i, v in enumerate(labels.ravel().tolist())]
    return int(moved.sum())


def shares(texts: Sequence[str]) -> tuple[float, dict[str, float]]:
    """`0.5` for all, `NAME=0.85` for one dataset."""
    default, by_name = 0.5, {}
    for text in texts:
        name, found, value = text.rpartition("=")
        if not 0.0 <= float(value) <= 1.0:
            raise ValueError(f"--share must be in [0, 1]. Received: {text!r}")
        if found:
            by_name[name] = float(value)
        else:
            default = float(value)
    return default, by_name


@dataclass(frozen=True)
class Options:
    """What to blend.

    Attributes:
        data: COCO file that says where its 33 keypoints are from (`keypoint_source`).
        predictions: of the people in it, kept by `blazepose evaluate`.
        output: COCO file to write.
        share: of the way, `0.5` for all or `DATASET=0.85` for one.
        agree: torsos within which a prediction counts.
    """

    data: Path
    predictions: Path
    output: Path
    share: Sequence[str] = ()
    agree: float = 0.25


def write(options: Options) -> str:
    """Reads, moves and writes; returns what was done."""
    default, by_name = shares(options.share)
    content = documents.read_object(options.data)
    predictions = kept_points(options.predictions)
    moved = points = 0
    for annotation in content["annotations"]:
        if len(annotation.get("keypoint_source", "")) != len(topology.KEYPOINTS):
            raise ValueError(
                f"{options.data}: annotation {annotation['id']} does not say where its 33 keypoints are from"
            )
        points += annotation["keypoint_source"].count(HUMAN)
        if annotation["id"] in predictions:
            share = by_name.get(annotation["dataset"], default)
            moved += blend(annotation, predictions[annotation["id"]], share=share, agree=options.agree)
    if not moved:
        raise ValueError(f"no point of {options.data} has a prediction near it")
    shares_text = ", ".join([f"{default:.0%}", *(f"{share:.0%} in {name}" for name, share in by_name.items())])
    note = (
        f"Of {points} points that humans placed, the {moved} with a prediction of another model within "
        f"{options.agree} torsos were moved towards it, by these shares of the way: {shares_text}."
    )
    content["info"] = {**content.get("info", {}), "labels": note}
    write_beside(content, options.data, options.output)
    return f"{options.output}: {note}"
