"""Writes the people that one model gets wrong and another one right: those that training has something to gain from.

    blazepose evaluate --model=lite --data=train.json --report=own
    blazepose evaluate --model=pose_landmark_full_2021.tflite --data=train.json --report=teacher
    python tools/hard_people.py --data=train.json --predictions=own/predictions/KEY.jsonl \
        --teacher=teacher/predictions/KEY.jsonl --output=hard.json [--gap=0.15]

A person is hard if the share of labelled points within 0.2 torsos of the label is higher in the teacher's predictions,
by `--gap` or more. What both get wrong is left out: the label may be wrong, or nobody can tell. Name the output after
the whole set (`blazepose train --data=train.json,hard.json,hard.json`) to see its people more often. Idea: reducible
holdout loss (Mindermann et al., 2022, "Prioritized training on points that are learnable, worth learning, and not yet
learnt").
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

import numpy as np

from blazepose_tf import files, topology
from blazepose_tf.data.coco_reader import image_folder
from blazepose_tf.evaluation.predictions import kept_points
from blazepose_tf.metrics.keypoints import torso_size

NEAR = 0.2  # torsos
_COUNTED = [topology.KEYPOINTS.index(name) for name in topology.COCO_17]


def share_right(labels: np.ndarray, predicted: np.ndarray | None) -> float:
    """Share of the labelled ones of 17 points that lie within 0.2 torsos of the label; nan without any, or a torso."""
    labelled = labels[:, 2] > 0
    counted = np.isin(np.arange(len(labels)), _COUNTED) & labelled
    size = torso_size(labels[None, :, :2], labels[None, :, 2])[0]
    if not counted.any() or not np.isfinite(size):
        return float("nan")
    if predicted is None:
        return 0.0
    return float((np.linalg.norm(predicted - labels[:, :2], axis=1)[counted] <= NEAR * size).mean())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--predictions", type=Path, required=True)
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--gap", type=float, default=0.15)
    options = parser.parse_args()
    try:
        print(write(options))
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def write(options: argparse.Namespace) -> str:
    """Reads, compares and writes; returns what was found."""
    content = json.loads(options.data.read_text(encoding="utf-8"))
    own, teacher = kept_points(options.predictions), kept_points(options.teacher)
    hard, compared = [], 0
    for annotation in content["annotations"]:
        labels = np.array(annotation["keypoints"], np.float64).reshape(-1, 3)
        if len(labels) != len(topology.KEYPOINTS):
            raise ValueError(f"{options.data}: annotation {annotation['id']} does not have 33 keypoints")
        gap = share_right(labels, teacher.get(annotation["id"])) - share_right(labels, own.get(annotation["id"]))
        compared += bool(np.isfinite(gap))
        if gap >= options.gap:  # never for nan
            hard.append(annotation)
    if not hard:
        raise ValueError(f"nobody in {options.data} is right by {options.gap} more in {options.teacher}")
    pictures = image_folder(options.data)
    used = {annotation["image_id"] for annotation in hard}
    content["annotations"] = hard
    content["images"] = [
        {**image, "file_name": os.path.relpath(pictures / image["file_name"], options.output.parent)}
        for image in content["images"]
        if image["id"] in used
    ]
    files.write_text(options.output, json.dumps(content))
    return f"{options.output}: {len(hard)} of {compared} people"


if __name__ == "__main__":
    sys.exit(main())
