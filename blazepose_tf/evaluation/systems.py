"""What is evaluated: a tracker alone (`aligned`), or detector and tracker on the whole picture (`pipeline`).

Cropping, decoding and regions of interest are the runtime's and geometry's; here is only the order of the calls.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from blazepose_tf import specs, topology
from blazepose_tf.evaluation.annotations import Person
from blazepose_tf.evaluation.disturb import Disturbance
from blazepose_tf.evaluation.predictions import Prediction
from blazepose_tf.geometry import roi as roi_lib
from blazepose_tf.runtime.detector import Detector
from blazepose_tf.runtime.interpreter import load_model
from blazepose_tf.runtime.pipeline import PosePipeline
from blazepose_tf.runtime.tracker import Tracker
from blazepose_tf.runtime.weights import model_file

ALIGNED = "aligned"
PIPELINE = "pipeline"


@dataclass(frozen=True)
class System:
    """A system under test, small enough to be sent to a worker process.

    Attributes:
        tracker: model file.
        detector: model file, for the pipeline.
        roi_scale: side of the roi / circle diameter; None takes the tracker's own.
        refine: move landmarks to the heatmaps' peaks; None does so where the file has heatmaps.
        name: in tables; the tracker's file name (and the detector's) without it.
    """

    tracker: str
    detector: str | None = None
    roi_scale: float | None = None
    refine: bool | None = None
    name: str | None = None

    @property
    def label(self) -> str:
        if self.name:
            return self.name
        parts = [Path(self.tracker).stem]
        if self.detector:
            parts.insert(0, Path(self.detector).stem)
        if self.roi_scale:
            parts[-1] += f"@{self.roi_scale:g}"
        if self.refine is not None:
            parts[-1] += "+heatmap" if self.refine else "-heatmap"
        return " + ".join(parts)


def parse(
    models: Sequence[str],
    detectors: Sequence[str],
    *,
    names: Sequence[str] = (),
    roi_scale: float | None = None,
    refine: bool | None = None,
) -> list[System]:
    """Systems from what a user types.

    Args:
        models: FILE, FILE@ROI_SCALE, or the name of a shipped model.
        detectors: none, one for all models, or one for each.
        names: none, or one for each model.
        roi_scale: for models without one of their own.
        refine: for all.

    Raises:
        ValueError: counts that do not fit, or a roi scale that is no number.
    """
    for option, given, allowed in (("detectors", detectors, (0, 1, len(models))), ("names", names, (0, len(models)))):
        if models and len(given) not in allowed:
            raise ValueError(
                f"{len(models)} models need {' or '.join(map(str, allowed))} {option}. Received: {len(given)}"
            )
    systems = []
    for i, text in enumerate(models):
        path, at, scale = text.rpartition("@")
        try:
            scale = float(scale) if at else roi_scale
        except ValueError:
            raise ValueError(f"what follows @ must be a roi scale such as 1.5. Received: model={text!r}") from None
        detector = detectors[i if len(detectors) > 1 else 0] if detectors else None
        systems.append(
            System(
                os.fspath(model_file(path if at else text)),
                None if detector is None else os.fspath(model_file(detector)),
                scale,
                refine,
                name=names[i] if names else None,
            )
        )
    return systems


class Aligned:
    """The tracker alone, in the region of interest of the ground truth."""

    def __init__(self, system: System):
        self.tracker = open_tracker(system)

    def __call__(self, image: np.ndarray, person: Person, disturbance: Disturbance | None = None) -> Prediction:
        """Prediction for one person of a (H, W, 3) uint8 RGB picture."""
        alignment = person.alignment
        if disturbance is not None:
            alignment = disturbance.alignment(alignment, person.id)
            image = disturbance.picture(image, person.alignment, person.id)
        region = roi_lib.from_alignment(alignment, self.tracker.spec.roi_scale)
        started = time.perf_counter()
        crop, matrix = self.tracker.crop(image, region)
        before = time.perf_counter()
        outputs = self.tracker.infer(crop)
        spent = time.perf_counter() - before
        track = self.tracker.decode(outputs, matrix)
        milliseconds = (1e3 * (time.perf_counter() - started), 1e3 * spent)
        points, visibility = in_order(track.points, track.visibility, self.tracker.spec.keypoint_names, person.names)
        error = _error_in_order(track.error, self.tracker.spec.keypoint_names, person.names)
        return Prediction(
            person.image_id, person.id, points, visibility, track.pose_presence, track.alignment, milliseconds, error
        )


class Pipeline:
    """Detector, tracker, and the tracker once more in its own refined region: the runtime's pipeline on single images.

    The best detection is the person. The alignment of a prediction is that of the region that was read last.
    """

    def __init__(self, system: System):
        self.pipeline = open_pipeline(system)

    def __call__(self, image: np.ndarray, person: Person, disturbance: Disturbance | None = None) -> Prediction:
        """Prediction for the main person of a (H, W, 3) uint8 RGB picture."""
        if disturbance is not None:
            image = disturbance.picture(image, person.alignment, person.id)
        result = self.pipeline(image)
        spent = result.milliseconds
        milliseconds = (spent["total"], spent["detector"] + spent["tracker"])
        if not result.found:
            return Prediction(person.image_id, person.id, None, None, result.pose_presence, None, milliseconds)
        points, visibility = in_order(result.landmarks, result.visibility, result.names, person.names)
        alignment = roi_lib.to_alignment(result.roi, self.pipeline.tracker.spec.roi_scale)
        error = _error_in_order(result.error, result.names, person.names)
        return Prediction(
            person.image_id, person.id, points, visibility, result.pose_presence, alignment, milliseconds, error
        )


def open_tracker(system: System) -> Tracker:
    """The system's tracker, with its roi scale where it names one."""
    tracker = Tracker(load_model(system.tracker, role=specs.TRACKER), refine=system.refine)
    if system.roi_scale:
        tracker.spec = dataclasses.replace(tracker.spec, roi_scale=system.roi_scale)
    return tracker


def angle_factors(system: System) -> dict[str, float]:
    """What the tracker's file says about bars of angles (`Tracker.angle_factors`)."""
    return open_tracker(system).angle_factors


def open_pipeline(system: System, *, max_people: int = 1) -> PosePipeline:
    """The system as the runtime's pipeline, for so many people.

    Raises:
        ValueError: no detector.
    """
    if not system.detector:
        raise ValueError("protocols on whole pictures need a detector. Received: detector=None")
    detector = load_model(system.detector, role=specs.DETECTOR)
    return PosePipeline(Detector(detector), open_tracker(system), max_people=max_people)


def in_order(
    points: np.ndarray,
    visibility: np.ndarray,
    names: tuple[str, ...],
    wanted: tuple[str, ...] = topology.KEYPOINTS,
) -> tuple[np.ndarray, np.ndarray]:
    """(K, 2) points and (K,) visibility of the K keypoints wanted, by name; nan for what the set lacks."""
    if tuple(names) == tuple(wanted):
        return points, visibility
    values = np.concatenate([points, visibility[:, None], np.ones((len(names), 1))], axis=1)
    values = topology.remap(values, names, wanted)
    values[values[:, 3] == 0] = np.nan
    return values[:, :2], values[:, 2]


def _error_in_order(error: np.ndarray | None, names: tuple[str, ...], wanted: tuple[str, ...]) -> np.ndarray | None:
    """(K,) error bars of the keypoints wanted, nan for what the set lacks; None without any."""
    if error is None:
        return None
    places = {name: i for i, name in enumerate(names)}
    return np.array([error[places[name]] if name in places else np.nan for name in wanted], np.float32)


def build(system: System, protocol: str) -> Aligned | Pipeline:
    """Opens the models of a system.

    Raises:
        ValueError: an unknown protocol, or models that do not fit it.
    """
    if protocol == ALIGNED:
        return Aligned(system)
    if protocol == PIPELINE:
        return Pipeline(system)
    raise ValueError(f"protocol must be {ALIGNED!r} or {PIPELINE!r}. Received: protocol={protocol!r}")
