"""Detector and tracker as one thing: pictures stand alone, frames of a film are followed (`stream.PoseStream`).

Reference: BlazePose paper, sections 2.1, 2.2 and 2.6; MediaPipe's pose_landmark graphs.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from blazepose_tf.runtime import filters as filters_lib
from blazepose_tf.runtime.detector import Detector
from blazepose_tf.runtime.look import Look, Looks
from blazepose_tf.runtime.person import Person
from blazepose_tf.runtime.poses import Pose, PoseResult
from blazepose_tf.runtime.stream import DETECT_EVERY, PoseStream
from blazepose_tf.runtime.tracker import Tracker
from blazepose_tf.runtime.weights import DETECTORS, TRACKERS, default_file, model_file

PRESENCE_THRESHOLD = 0.5
CANDIDATES = 3


class PosePipeline:
    """Person detector and pose tracker.

    A call with a picture alone stands alone. A call with a timestamp is the next frame of the pipeline's film; for
    several films at once, or frames without timestamps, there is `stream`.

    Threads may share a pipeline for pictures and for a stream each: the networks run one call at a time. A pickled
    pipeline carries the paths of its model files, not their content.
    """

    def __init__(
        self,
        detector: str | os.PathLike | bytes | Detector | None = None,
        tracker: str | os.PathLike | bytes | Tracker | None = None,
        *,
        max_people: int = 1,
        smoothing: bool | filters_lib.Filters = True,
        refine_roi: bool = True,
        num_threads: int = 1,
        detection_threshold: float | None = None,
        presence_threshold: float = PRESENCE_THRESHOLD,
        candidates: int = CANDIDATES,
        detect_every: int = DETECT_EVERY,
        closer: bool = True,
        half_pixel: bool = True,
    ):
        """Opens both models.

        Args:
            detector: model file, its content, a name of a shipped one, or a Detector; None is the shipped default.
            tracker: model file, its content, a name of a shipped one ("lite", "full"), or a Tracker; None is the
                shipped default.
            max_people: how many people are looked for.
            smoothing: filter landmarks over time (film only): True as the model's kind wants it, False not at all, or
                `Filters` of your own.
            refine_roi: read each detected person a second time from the tracker's own, more exact alignment, and let
                this look decide whether somebody is there. In a picture it is the mirror image that is read then, and
                the landmarks are those of both looks.
            num_threads: threads per inference.
            detection_threshold: scores below it are nobody; None is the detector's own (`Detector.threshold`).
            presence_threshold: below it the tracker has lost the person; in a person's own region it is higher by what
                the model file says (`Tracker.confirmed`).
            candidates: how many detections, best first, the tracker looks at until it sees a person in one; for several
                people, how many more than those wanted, less one.
            detect_every: on film, while fewer than `max_people` are followed, the detector looks at every so many
                frames; when nobody is, at each.
            closer: where places stay free, let the detector look closer, at overlapping squares of the image: small
                people and those who lie are found that the whole does not show. In a picture at three to five of
                them, and at as many smaller ones where somebody is missing still; on film at one per frame in turn.
            half_pixel: False crops as MediaPipe does, for parity with it (see `warp`).

        Raises:
            OSError, ValueError: a model file is missing, damaged or of the wrong kind.
        """
        if not 0.0 < presence_threshold < 1.0:
            raise ValueError(f"presence_threshold must lie in (0, 1). Received: {presence_threshold}")
        if candidates < 1:
            raise ValueError(f"candidates must be at least 1. Received: candidates={candidates}")
        if not isinstance(detector, Detector):
            detector = Detector(
                _source(detector, DETECTORS),
                threshold=detection_threshold,
                num_threads=num_threads,
                half_pixel=half_pixel,
            )
        if not isinstance(tracker, Tracker):
            tracker = Tracker(_source(tracker, TRACKERS), num_threads=num_threads, half_pixel=half_pixel)
        self.detector, self.tracker = detector, tracker
        self.max_people, self.closer = max_people, closer
        self.presence_threshold, self.candidates = presence_threshold, candidates
        self._refine_roi, self._smoothing, self._detect_every = refine_roi, smoothing, detect_every
        self._film = self.stream()

    def __call__(
        self, image: np.ndarray, timestamp_ms: float | None = None, roi: np.ndarray | None = None
    ) -> PoseResult:
        """Reads the poses in a picture, or in the next frame of the pipeline's film.

        Args:
            image: (H, W, 3) uint8 RGB.
            timestamp_ms: time of the frame (`PoseStream`); None for a picture.
            roi: (4,) or (N, 4) regions to read instead of the detector's.

        Raises:
            TypeError, ValueError: a wrong image, timestamp or roi.
            RuntimeError: another thread is in the middle of a frame of the pipeline's film.
        """
        if timestamp_ms is not None:
            return self._film(image, timestamp_ms, roi)
        look = self.look(image)
        looks = Looks.MERGED if self._refine_roi else Looks.ONE
        if roi is None:
            seen = look.find(look.detect(), self.max_people, self.tries(self.max_people), looks, known=[])
            for regions in look.closer() if self.closer else ():
                if places := self.max_people - len(seen):
                    found = look.detect_closer(regions)
                    seen += look.find(found, places, self.tries(places), looks, known=[s.track for s in seen])
            if looks is not Looks.ONE and (places := self.max_people - len(seen)):
                known = [s.track for s in seen]
                seen += look.find(look.half_believed(), places, self.tries(places), looks, known=known)
        else:
            seen = look.read(roi, self.max_people, looks)
        spec = self.tracker.spec
        poses = [Person(number, filters_lib.RAW, spec).see(s, look, 1.0) for number, s in enumerate(seen, 1)]
        look.lap("filter")
        return self.result(look, poses, None, self.max_people)

    def stream(
        self,
        *,
        max_people: int | None = None,
        smoothing: bool | filters_lib.Filters | None = None,
        detect_every: int | None = None,
    ) -> PoseStream:
        """A film or camera of its own on this pipeline's models.

        Args:
            max_people, smoothing, detect_every: as of the pipeline, whose own None takes.
        """
        smoothing = self._smoothing if smoothing is None else smoothing
        return PoseStream(
            self,
            max_people=self.max_people if max_people is None else max_people,
            filters=filters_lib.chosen(smoothing, mediapipe=self.tracker.spec.mediapipe_head),
            refine_roi=self._refine_roi,
            detect_every=self._detect_every if detect_every is None else detect_every,
        )

    def reset(self) -> None:
        """Forgets the people and the time of the pipeline's film."""
        self._film.reset()

    def tries(self, places: int) -> int:
        """How many detections the tracker looks at for so many free places."""
        return places + self.candidates - 1

    def look(self, image: np.ndarray) -> Look:
        """The models on one frame."""
        return Look(image, self.detector, self.tracker, self.presence_threshold)

    def result(self, look: Look, poses: list[Pose], timestamp_ms: float | None, max_people: int) -> PoseResult:
        """What was found in a frame, once all is done."""
        return PoseResult(
            people=tuple(sorted(poses, key=lambda pose: pose.id)),
            names=self.tracker.spec.keypoint_names,
            image_size=(look.image.shape[1], look.image.shape[0]),
            detections=tuple(look.detections),
            detector_ran=look.detector_ran,
            timestamp_ms=None if timestamp_ms is None else float(timestamp_ms),
            max_people=max_people,
            milliseconds=look.stop(),
        )

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if key != "_film"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._film = self.stream()


def _source(model, defaults: tuple[str, ...]):
    """What `load_model` opens: content as it is, names of shipped models as their files."""
    if isinstance(model, (bytes, bytearray, memoryview)):
        return bytes(model)
    return default_file(defaults) if model is None else model_file(model)
