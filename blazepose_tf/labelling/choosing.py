"""Chooses the people that one model gets wrong and another one right: those that training has something to gain from.

A person is hard if the share of labelled points within 0.2 torsos of the label is higher in the teacher's predictions,
by a gap. What both get wrong is left out: the label may be wrong, or nobody can tell. Idea: reducible holdout loss
(Mindermann et al., 2022, "Prioritized training on points that are learnable, worth learning, and not yet learnt").
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from blazepose_tf import topology
from blazepose_tf.converters.coco_document import read_document
from blazepose_tf.evaluation.predictions import kept_points
from blazepose_tf.labelling.document import write_beside
from blazepose_tf.metrics.keypoints import normalized_errors, torso_size

NEAR = 0.2  # torsos
_COUNTED = topology.indices(topology.COCO_17)


def share_right(labels: np.ndarray, predicted: np.ndarray | None) -> float:
    """Share of the labelled ones of 17 points that lie within 0.2 torsos of the label; nan without any, or a torso."""
    points = np.full((len(labels), 2), np.nan) if predicted is None else predicted
    size = torso_size(labels[None, :, :2], labels[None, :, 2])
    errors = normalized_errors(points[None], labels[None, :, :2], labels[None, :, 2], size)[0, _COUNTED]
    known = ~np.isnan(errors)
    return float((errors[known] <= NEAR).mean()) if known.any() else float("nan")


@dataclass(frozen=True)
class Options:
    """Whom to choose: people of a COCO file, by the predictions of a model and of its teacher, and the least gap."""

    data: Path
    predictions: Path
    teacher: Path
    output: Path
    gap: float = 0.15


def write(options: Options) -> str:
    """Reads, compares and writes; returns what was found."""
    content = read_document(options.data, needs=("keypoints",), names=topology.KEYPOINTS)
    own, teacher = kept_points(options.predictions), kept_points(options.teacher)
    hard, compared = [], 0
    for annotation in content["annotations"]:
        labels = np.array(annotation["keypoints"], np.float64).reshape(-1, 3)
        gap = share_right(labels, teacher.get(annotation["id"])) - share_right(labels, own.get(annotation["id"]))
        compared += bool(np.isfinite(gap))
        if gap >= options.gap:  # never for nan
            hard.append(annotation)
    if not hard:
        raise ValueError(f"nobody in {options.data} is right by {options.gap} more in {options.teacher}")
    used = {annotation["image_id"] for annotation in hard}
    content["annotations"] = hard
    content["images"] = [image for image in content["images"] if image["id"] in used]
    write_beside(content, options.data, options.output)
    return f"{options.output}: {len(hard)} of {compared} people"
