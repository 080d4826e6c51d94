"""Does the tracker know when nobody is there? Presence on aligned people against pictures without people."""

from __future__ import annotations

import numpy as np

from blazepose_tf.evaluation import systems
from blazepose_tf.evaluation.annotations import Annotations
from blazepose_tf.metrics import classification

# Regions per picture without people: the whole picture, and seeded ones of 0.4 to 1 of its long side, turned by up to
# 30 degrees, as a wrong detection or a person who left would leave behind.
REGIONS = 4


def regions(width: int, height: int, image_id: int) -> np.ndarray:
    """(REGIONS, 4) rois in a picture without people; the same for every model."""
    rng = np.random.default_rng([17, int(image_id)])
    long_side = float(max(width, height))
    out = [[width / 2, height / 2, long_side, 0.0]]
    for _ in range(REGIONS - 1):
        out.append(
            [
                rng.uniform(0.25, 0.75) * width,
                rng.uniform(0.25, 0.75) * height,
                rng.uniform(0.4, 1.0) * long_side,
                rng.uniform(-np.pi / 6, np.pi / 6),
            ]
        )
    return np.array(out)


def evaluate(system: systems.System, negatives: Annotations, scores_of_people: np.ndarray) -> dict:
    """Presence AUC and F1.

    Args:
        system: its tracker is asked.
        negatives: annotation file; its pictures without any annotation are used.
        scores_of_people: (N,) presence on aligned people, from the `aligned` protocol.

    Returns:
        {"auc", "f1", "recall", "false_positives" (share), "people", "regions"}.

    Raises:
        ValueError: no picture without people.
    """
    tracker = systems.open_tracker(system)
    scores = []
    for image_id, people in negatives.people_by_picture().items():
        if people:
            continue
        image = negatives.picture(image_id)
        for region in regions(image.shape[1], image.shape[0], image_id):
            scores.append(tracker(image, region).pose_presence)
    if not scores:
        raise ValueError(f"{negatives.path}: has no picture without people")
    everything = np.concatenate([np.asarray(scores_of_people, float), scores])
    labels = np.arange(len(everything)) < len(scores_of_people)
    counts = classification.f1(everything, labels)
    return {
        "auc": classification.roc_auc(everything, labels),
        "f1": counts.value,
        "recall": counts.recall,
        "false_positives": counts.false_positives / len(scores),
        "calibration_error": classification.calibration(np.clip(everything, 0, 1), labels).error,
        "people": len(scores_of_people),
        "regions": len(scores),
    }
