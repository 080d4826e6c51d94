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

from blazepose_tf import topology
from blazepose_tf.converters.coco_document import read_document
from blazepose_tf.evaluation.predictions import kept_points
from blazepose_tf.labelling.document import write_beside
from blazepose_tf.metrics.keypoints import torso_size

HUMAN = "h"
# Pairs of a limb, from the trunk out; a pair says something about sides where it is this many torsos apart.
LIMBS = tuple(
    tuple((topology.KEYPOINTS.index(f"left_{name}"), topology.KEYPOINTS.index(f"right_{name}")) for name in names)
    for names in (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle"))
)
APART = 0.25
# A prediction contradicts the sides of a pair when it fits the exchanged one this much better, and this well (sum of
# both distances in torsos).
BETTER, FITS = 0.35, 0.4
# Of pairs that are neither, those it fits so much better exchanged are in doubt.
DOUBTFUL = 0.5


def settle_sides(annotation: dict, predicted: np.ndarray) -> tuple[int, int]:
    """Exchanges the left and right limbs of one person where a human mixed them up, in place.

    The three pairs of the arms (of the legs) change places if at least half of those that are apart fit the prediction
    well when exchanged, and none as it is. Where the pairs of a limb contradict each other the doubtful ones lose
    their labels: nobody knows which side they are.

    Returns:
        limbs exchanged and pairs without labels.
    """
    labels = np.array(annotation["keypoints"], np.float64).reshape(-1, 3)
    torso = torso_size(labels[None, :, :2], labels[None, :, 2])[0]
    human = np.array([source == HUMAN for source in annotation["keypoint_source"]]) & (labels[:, 2] > 0)
    exchanged = dropped = 0
    for pairs in LIMBS if np.isfinite(torso) else ():
        known = [list(pair) for pair in pairs if human[list(pair)].all()]
        apart = [p for p in known if np.linalg.norm(labels[p[0], :2] - labels[p[1], :2]) >= APART * torso]
        fits = [(_distance(labels, predicted, p) / torso, _distance(labels, predicted, p[::-1]) / torso) for p in apart]
        against = sum(other < FITS and other < BETTER * own for own, other in fits)
        if not against:
            continue
        if 2 * against >= len(apart) and not any(own < FITS for own, _ in fits):
            for pair in known:
                labels[pair] = labels[pair[::-1]]
            exchanged += 1
            continue
        for pair in known:
            if _distance(labels, predicted, pair[::-1]) < DOUBTFUL * _distance(labels, predicted, pair):
                labels[pair] = 0.0
                dropped += 1
    annotation["keypoints"] = [int(v) if i % 3 == 2 else round(v, 1) for i, v in enumerate(labels.ravel().tolist())]
    return exchanged, dropped


def _distance(labels: np.ndarray, predicted: np.ndarray, pair: list[int]) -> float:
    """Pixels between the predicted pair and the labels, which are taken in the order of `pair`."""
    return float(np.linalg.norm(predicted[sorted(pair)] - labels[pair, :2], axis=1).sum())


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
        sides: exchange left and right limbs first where a human mixed them up.
    """

    data: Path
    predictions: Path
    output: Path
    share: Sequence[str] = ()
    agree: float = 0.25
    sides: bool = False


def write(options: Options) -> str:
    """Reads, moves and writes; returns what was done."""
    default, by_name = shares(options.share)
    content = read_document(options.data, needs=("keypoints",), names=topology.KEYPOINTS)
    predictions = kept_points(options.predictions)
    moved = points = exchanged = dropped = 0
    for annotation in content["annotations"]:
        if "keypoint_source" not in annotation:
            raise ValueError(
                f"{options.data}: annotation {annotation['id']} does not say where its 33 keypoints are from"
            )
        points += annotation["keypoint_source"].count(HUMAN)
        if annotation["id"] in predictions:
            if options.sides:
                limbs, pairs = settle_sides(annotation, predictions[annotation["id"]])
                exchanged, dropped = exchanged + limbs, dropped + pairs
            share = by_name.get(annotation.get("dataset"), default)
            moved += blend(annotation, predictions[annotation["id"]], share=share, agree=options.agree)
    if not moved:
        raise ValueError(f"no point of {options.data} has a prediction near it")
    shares_text = ", ".join([f"{default:.0%}", *(f"{share:.0%} in {name}" for name, share in by_name.items())])
    note = (
        f"Of {points} points that humans placed, the {moved} with a prediction of another model within "
        f"{options.agree} torsos were moved towards it, by these shares of the way: {shares_text}."
    )
    if options.sides:
        note += (
            f" Before that {exchanged} pairs of limbs changed sides and {dropped} pairs of points lost their labels."
        )
    content["info"] = {**content.get("info", {}), "labels": note}
    write_beside(content, options.data, options.output)
    return f"{options.output}: {note}"
