"""The detector alone, on whole pictures with and without people.

The threshold is not the model's to choose: it is set where the detector fires on 5 % of the pictures without people,
so that detectors with differently scaled scores meet at the same price. A detection is right when its alignment is one
the tracker can work with: centre within half a torso, radius within 30 %, incline within 15 degrees.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from blazepose_tf import specs
from blazepose_tf.evaluation.annotations import Annotations, Person
from blazepose_tf.geometry import boxes as boxes_lib
from blazepose_tf.metrics import alignment as alignment_metrics
from blazepose_tf.metrics import bootstrap, detection
from blazepose_tf.runtime.detector import Detection, Detector
from blazepose_tf.runtime.interpreter import load_model

FALSE_ALARM_RATE = 0.05
LOWEST_SCORE = 0.02  # of the first pass, which ranks everything
FACE_IOU = 0.3  # the NMS' own notion of the same face; face conventions of data sets and models differ in size


def evaluate(
    path: str | Path,
    annotations: Annotations,
    *,
    image_ids: list[int] | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict:
    """Measures a detector.

    Pictures without people come first and set the threshold; then each picture with people is seen once by the network
    and decoded at every threshold, because merging overlapping detections depends on it.

    Args:
        path: model file.
        annotations: pictures with and without people.
        image_ids: pictures to look at; all of them without it.
        progress: called with the number of pictures just finished.

    Returns:
        Plain dict; recall and precision at both the 5 % threshold and the default of 0.5.

    Raises:
        OSError: a picture or the model cannot be read.
        ValueError: the file is no detector, or there is no picture without people.
    """
    people = annotations.people_by_picture()
    chosen = list(people) if image_ids is None else image_ids
    loose = Detector(load_model(path, role=specs.DETECTOR), threshold=LOWEST_SCORE)
    milliseconds: list[float] = []

    def see(image_id: int):
        crop, matrix = loose.crop(annotations.picture(image_id))
        before = time.perf_counter()
        raw = loose.infer(crop)
        milliseconds.append(1e3 * (time.perf_counter() - before))
        if progress:
            progress(1)
        return raw, matrix

    empty = [i for i in chosen if not people[i]]
    best_of_empty = []
    for image_id in empty:
        found = loose.decode(*see(image_id))
        best_of_empty.append(found[0].score if found else 0.0)
    threshold = detection.firing_threshold(best_of_empty, rate=FALSE_ALARM_RATE)
    levels = {"at_5_percent": threshold, "at_0.5": 0.5}
    counts = {
        name: _Counts(Detector(loose.model, threshold=float(np.clip(level, 1e-6, 1 - 1e-6))))
        for name, level in levels.items()
    }
    by_alignment, by_face = [], []
    for image_id in chosen:
        if not people[image_id]:
            continue
        raw, matrix = see(image_id)
        found = loose.decode(raw, matrix)
        by_alignment.append(_match(found, people[image_id], _agree_alignment))
        by_face.append(_match(found, people[image_id], _agree_face))
        for count in counts.values():
            count.add(raw, matrix, people[image_id])
    return {
        "pictures": len(chosen),
        "pictures_without_people": len(empty),
        "people": sum(not p.ignore for i in chosen for p in people[i]),
        "threshold_at_5_percent": threshold,
        **{
            name: {"threshold": level, "false_alarm_rate": float(np.mean(np.array(best_of_empty) >= level))}
            | counts[name].document()
            for name, level in levels.items()
        },
        "ap_alignment": detection.average_precision(detection.merge(by_alignment)),
        f"ap_face_iou_{FACE_IOU:g}": detection.average_precision(detection.merge(by_face)),
        "milliseconds_median": float(np.median(milliseconds)),
    }


class _Counts:
    """What one threshold finds, picture by picture."""

    def __init__(self, detector: Detector):
        self.detector = detector
        self.matches: list[detection.Matches] = []
        self.hits: list[tuple[str, bool, bool]] = []  # data set, found at all, found by the best detection
        self.errors: list[tuple[float, float, float]] = []

    def add(self, raw: dict, matrix: np.ndarray, everyone: list[Person]) -> None:
        found = self.detector.decode(raw, matrix)
        self.matches.append(_match(found, everyone, _agree_alignment))
        for person in everyone:
            if person.ignore:
                continue
            errors = _errors(found, person)
            right = alignment_metrics.within(errors)
            dataset = str(person.fields.get("dataset", "all"))
            self.hits.append((dataset, bool(right.any()), bool(right[:1].any())))
            if right.any():
                i = int(np.argmax(right))
                self.errors.append((errors.center[i], errors.radius[i], errors.incline[i]))

    def document(self) -> dict:
        hits = np.array([[a, b] for _, a, b in self.hits], float).reshape(-1, 2)
        datasets = np.array([name for name, _, _ in self.hits])
        medians = np.median(self.errors, axis=0) if self.errors else np.full(3, np.nan)
        return {
            "recall": float(hits[:, 0].mean()) if len(hits) else float("nan"),
            "recall_interval": bootstrap.ratio_interval(hits[:, 0], np.ones(len(hits))),
            "recall_best_detection": float(hits[:, 1].mean()) if len(hits) else float("nan"),
            "recall_by_dataset": {str(g): float(hits[datasets == g, 0].mean()) for g in np.unique(datasets)},
            "precision": detection.precision_at(detection.merge(self.matches), 0.0),
            "center_torso_median": float(medians[0]),
            "radius_median": float(medians[1]),
            "incline_degrees_median": float(np.rad2deg(medians[2])),
        }


def _errors(found: list[Detection], person: Person) -> alignment_metrics.AlignmentErrors:
    """Errors of every detection against one person, (D,) each."""
    alignments = np.array([d.alignment for d in found], np.float64).reshape(-1, 2, 2)
    return alignment_metrics.errors(alignments, person.alignment[None], np.full(len(found), person.torso))


def _agree_alignment(found: list[Detection], there: list[Person]) -> np.ndarray:
    """(D, P) agreement: 1 / (1 + centre error) where within the limits, else 0."""
    agreement = np.zeros((len(found), len(there)))
    for j, person in enumerate(there):
        errors = _errors(found, person)
        agreement[:, j] = alignment_metrics.within(errors) / (1.0 + errors.center)
    return agreement


def _agree_face(found: list[Detection], there: list[Person]) -> np.ndarray:
    """(D, P) overlap of face boxes where it exceeds FACE_IOU, else 0."""
    overlap = boxes_lib.iou(
        np.array([d.box for d in found], np.float64).reshape(-1, 4),
        np.array([p.face_box for p in there], np.float64).reshape(-1, 4),
    )
    return np.where(np.nan_to_num(overlap) > FACE_IOU, overlap, 0.0)


def _on_ignored(found: list[Detection], everyone: list[Person]) -> np.ndarray:
    """(D,) bool: the face's centre lies in the box of a person without labels."""
    regions = np.array([p.box for p in everyone if p.ignore]).reshape(-1, 4)
    centers = np.array([(d.box[:2] + d.box[2:]) / 2 for d in found]).reshape(-1, 1, 2)
    inside = ((centers >= regions[None, :, :2]) & (centers < regions[None, :, 2:])).all(axis=-1)
    return inside.any(axis=1)


def _match(found: list[Detection], everyone: list[Person], agree: Callable) -> detection.Matches:
    there = [p for p in everyone if not p.ignore]
    return detection.match(agree(found, there), [d.score for d in found], ignored=_on_ignored(found, everyone))
