"""Everybody in a picture: OKS average precision over all labelled people, and how many of them were found.

The pipeline is asked for up to MOST people; other systems hand in as many predictions per picture as they like. People
without labels (ignored ones) take up what lies on them, as in COCO.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from blazepose_tf import topology
from blazepose_tf.evaluation import coco_ap, systems
from blazepose_tf.evaluation.annotations import Annotations, Person
from blazepose_tf.evaluation.predictions import Prediction
from blazepose_tf.geometry import alignment as alignment_lib
from blazepose_tf.metrics import alignment as alignment_metrics
from blazepose_tf.metrics import bootstrap, detection

MOST = 6  # as MoveNet MultiPose
NEAR = 0.5  # torsos between the mid-hips of a person and of who found them
SURE = 0.5


def predict(
    system: systems.System,
    data: Annotations,
    image_ids: list[int],
    *,
    progress: Callable[[int], None] = lambda count: None,
) -> list[Prediction]:
    """Everybody whom a pipeline finds, with `Pose.score`.

    Raises:
        OSError: a picture cannot be read.
        ValueError: no detector.
    """
    pipeline = systems.open_pipeline(system, max_people=MOST)
    out = []
    for image_id in image_ids:
        for pose in pipeline(data.picture(image_id)).people:
            points, visibility = systems.in_order(pose.landmarks, pose.visibility, pose.names)
            out.append(Prediction(image_id, None, points, visibility, pose.score))
        progress(1)
    return out


def measure(found: list[Prediction], data: Annotations, image_ids: list[int], *, sources: str = "h") -> dict:
    """Figures of one system.

    Args:
        found: predictions of any number per picture.
        data: pictures with their people.
        image_ids: pictures that count.
        sources: see `Person.scored`.

    Returns:
        {"pictures", "people", "AP_17", "AP50_17", "AP75_17", "AR_17" (missing without pycocotools), "found": share of
        people with somebody's mid-hip within NEAR torsos, each prediction for one person, "found_interval",
        "false_per_picture": predictions of a score of SURE or more that found nobody and lie on no ignored person}.
    """
    everybody = data.people_by_picture()
    by_picture: dict[int, list[Prediction]] = {image_id: [] for image_id in image_ids}
    for prediction in found:
        if prediction.image_id in by_picture and prediction.points is not None:
            by_picture[prediction.image_id].append(prediction)
    hits, wrong = [], 0
    for image_id, predictions in by_picture.items():
        there = [p for p in everybody[image_id] if not p.ignore and np.isfinite(p.alignment).all()]
        middles = np.array([_mid_hip(p.points) for p in predictions]).reshape(-1, 2)
        agreement = _near(middles, there)
        ignored = _on_ignored(middles, everybody[image_id])
        matches = detection.match(agreement, [p.score for p in predictions], ignored=ignored)
        hits.append((int(matches.correct.sum()), len(there)))
        wrong += int((~matches.correct & (matches.scores >= SURE)).sum())
    counts = np.array(hits, float).reshape(-1, 2)
    people = int(counts[:, 1].sum())
    return {
        "pictures": len(image_ids),
        "people": people,
        **coco_ap.people_precision(
            [(everybody[i], by_picture[i]) for i in image_ids], topology.COCO_17, sources=sources
        ),
        "found": float(counts[:, 0].sum() / people) if people else float("nan"),
        "found_interval": bootstrap.ratio_interval(counts[:, 0], counts[:, 1]),
        "false_per_picture": wrong / max(len(image_ids), 1),
    }


def _mid_hip(points: np.ndarray) -> np.ndarray:
    return points[topology.indices(("left_hip", "right_hip"))].mean(axis=0)


def _near(middles: np.ndarray, there: list[Person]) -> np.ndarray:
    """(D, P) agreement: 1 less the distance in units of the limit, 0 from there on."""
    out = np.zeros((len(middles), len(there)))
    for j, person in enumerate(there):
        radius = float(alignment_lib.radius(person.alignment))
        torso = person.torso if np.isfinite(person.torso) else radius / alignment_metrics.RADIUS_IN_TORSOS
        away = np.linalg.norm(middles - person.alignment[0], axis=-1) / (NEAR * torso)
        out[:, j] = np.where(away <= 1, 1.0 - away + 1e-9, 0.0)
    return out


def _on_ignored(middles: np.ndarray, everyone: list[Person]) -> np.ndarray:
    boxes = np.array([p.box for p in everyone if p.ignore]).reshape(-1, 4)
    with np.errstate(invalid="ignore"):
        inside = (middles[:, None] >= boxes[None, :, :2]) & (middles[:, None] < boxes[None, :, 2:])
    return inside.all(axis=-1).any(axis=1)
