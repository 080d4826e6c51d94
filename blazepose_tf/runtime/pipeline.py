"""Detect once, then follow: the loop that turns frames into poses.

A frame's region of interest comes from the alignment points of the frame before; the detector runs only when there is
none. When the tracker no longer sees a person in its region (presence below the threshold), the filters are reset and
the detector looks again in the same frame.

Reference: BlazePose paper, sections 2.1, 2.2 and 2.6; MediaPipe's pose_landmark graphs.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field

import numpy as np

from blazepose_tf.geometry import roi as roi_lib
from blazepose_tf.runtime.detector import Detection, Detector
from blazepose_tf.runtime.filters import FrameClock, PoseSmoother, body_size
from blazepose_tf.runtime.tracker import Track, Tracker
from blazepose_tf.runtime.warp import check_image
from blazepose_tf.runtime.weights import DETECTORS, TRACKERS, default_file, model_file

PRESENCE_THRESHOLD = 0.5
CANDIDATES = 3
VIDEO = "video"
IMAGE = "image"
DETECTED, TRACKED, GIVEN, NONE = "detected", "tracked", "given", "none"
# A smaller region holds no body that the tracker could read.
_MIN_REGION = 4.0


@dataclass(frozen=True, eq=False)
class PoseResult:
    """What was found in one frame. Without a person the arrays are empty and the optional parts None.

    Attributes:
        landmarks: (K, 2) x, y in image pixels.
        visibility: (K,) in [0, 1].
        presence: (K,) in [0, 1], inside the crop; None where the model lacks it.
        pose_presence: in [0, 1]: the tracker's confidence that there is a person.
        z: (K,) depth in image pixels, hips at 0, smaller is nearer; None where the model lacks it.
        world: (K, 3) metres, hip-centred; None where the model lacks it.
        roi: (4,) region that was read: center x, center y, size, rotation; None without a person.
        source: where the region came from: "detected", "tracked", "given" (the caller's), "none".
        detection: the detector's finding when it ran and found someone.
        detector_ran: whether the detector looked at this frame.
        image_size: width, height of the frame.
        names: the K keypoint names.
        milliseconds: time per stage: "warp", "detector", "tracker", "decode", "filter", "total". The detector's and
            the tracker's are the networks alone; converting pixels and copying tensors counts as "decode".
    """

    landmarks: np.ndarray
    visibility: np.ndarray
    presence: np.ndarray | None
    pose_presence: float
    z: np.ndarray | None
    world: np.ndarray | None
    roi: np.ndarray | None
    source: str
    detection: Detection | None
    detector_ran: bool
    image_size: tuple[int, int]
    names: tuple[str, ...]
    milliseconds: dict[str, float] = field(default_factory=dict)

    @property
    def found(self) -> bool:
        """Whether there is a person."""
        return self.source != NONE

    @property
    def normalized(self) -> np.ndarray:
        """(K, 2) landmarks as fractions of the image's width and height."""
        return self.landmarks / np.asarray(self.image_size, np.float32)


class _Stopwatch:
    def __init__(self) -> None:
        self.milliseconds = dict.fromkeys(("warp", "detector", "tracker", "decode", "filter", "total"), 0.0)
        self._start = self._last = time.perf_counter()

    def lap(self, stage: str, network_ms: float = 0.0) -> None:
        """Books the time since the last lap; of a network's run, what is not the network itself counts as decoding."""
        now = time.perf_counter()
        self.milliseconds[stage] += network_ms or 1e3 * (now - self._last)
        if network_ms:
            self.milliseconds["decode"] += 1e3 * (now - self._last) - network_ms
        self._last = now

    def stop(self) -> dict[str, float]:
        self.milliseconds["total"] = 1e3 * (time.perf_counter() - self._start)
        return self.milliseconds


class PosePipeline:
    """Person detector, pose tracker and filters for one person.

    In video mode calls are consecutive frames of one stream; in image mode each call stands alone.
    """

    def __init__(
        self,
        detector: str | os.PathLike | bytes | Detector | None = None,
        tracker: str | os.PathLike | bytes | Tracker | None = None,
        *,
        mode: str = VIDEO,
        smoothing: bool = True,
        refine_roi: bool | None = None,
        num_threads: int = 1,
        detection_threshold: float | None = None,
        presence_threshold: float = PRESENCE_THRESHOLD,
        candidates: int = CANDIDATES,
        half_pixel: bool = True,
    ):
        """Opens both models.

        Args:
            detector: model file, its content, a name of a shipped one, or a Detector; None is the shipped default.
            tracker: model file, its content, a name of a shipped one ("lite", "full"), or a Tracker; None is the
                shipped default.
            mode: "video" or "image".
            smoothing: filter landmarks over time (video mode). The region of interest is filtered always.
            refine_roi: read each detected person a second time from the tracker's own, more exact alignment. None does
                so in image mode, where no next frame would.
            num_threads: threads per inference.
            detection_threshold: scores below it are nobody; None is the detector's own (`Detector.threshold`).
            presence_threshold: below it the tracker has lost the person.
            candidates: how many detections, best first, the tracker looks at until it sees a person in one.
            half_pixel: False crops as MediaPipe does, for parity with it (see `warp`).

        Raises:
            OSError, ValueError: a model file is missing, damaged or of the wrong kind.
        """
        if mode not in (VIDEO, IMAGE):
            raise ValueError(f"mode must be {VIDEO!r} or {IMAGE!r}. Received: mode={mode!r}")
        if not 0.0 < presence_threshold < 1.0:
            raise ValueError(f"presence_threshold must lie in (0, 1). Received: {presence_threshold}")
        if candidates < 1:
            raise ValueError(f"candidates must be at least 1. Received: candidates={candidates}")
        options = {"num_threads": num_threads, "half_pixel": half_pixel}
        if not isinstance(detector, Detector):
            detector = Detector(_source(detector, DETECTORS), threshold=detection_threshold, **options)
        if not isinstance(tracker, Tracker):
            tracker = Tracker(_source(tracker, TRACKERS), **options)
        self.detector, self.tracker = detector, tracker
        self.mode = mode
        self.smoothing = smoothing and mode == VIDEO
        self.refine_roi = (mode == IMAGE) if refine_roi is None else refine_roi
        self.presence_threshold = presence_threshold
        self.candidates = candidates
        self._clock = FrameClock()
        # MediaPipe's files get MediaPipe's filters.
        self._smoother = PoseSmoother(hold_jumps=not tracker.spec.mediapipe_head)
        self._region: np.ndarray | None = None
        self._points: np.ndarray | None = None

    def reset(self) -> None:
        """Forgets the person and the time, as before the first frame."""
        self._clock.reset()
        self._lose()

    def _lose(self) -> None:
        self._smoother.reset()
        self._region = self._points = None

    def __call__(
        self, image: np.ndarray, timestamp_ms: float | None = None, roi: np.ndarray | None = None
    ) -> PoseResult:
        """Reads the pose of one person.

        Args:
            image: (H, W, 3) uint8 RGB.
            timestamp_ms: time of the frame (video mode); None is 1/30 s after the last. Late and repeated timestamps
                are tolerated; a gap of more than a second starts anew.
            roi: (4,) region to read instead of the detector's or the last frame's.

        Raises:
            TypeError, ValueError: a wrong image, timestamp or roi.
        """
        check_image(image)
        watch = _Stopwatch()
        seconds, gap = self._clock.step(timestamp_ms)
        if gap or self.mode == IMAGE:
            self._lose()
        region, source = (self._region, TRACKED) if roi is None else (np.asarray(roi, np.float32), GIVEN)
        detection, detector_ran, track = None, False, None
        if region is not None:
            # A region of the caller's may show somebody else.
            track = self._track(image, region, watch, self._points if source == TRACKED else None)
        if track is None and roi is None:
            self._lose()
            found, detector_ran, source = self._detect(image, watch), True, DETECTED
            detection = found[0] if found else None
            for candidate in found[: self.candidates]:
                region = roi_lib.from_alignment(candidate.alignment, self.tracker.spec.roi_scale)
                track = self._track(image, region, watch) if _usable(region, image) else None
                if track is not None:
                    detection = candidate
                    break
        if track is not None and self.refine_roi and source != TRACKED and track.alignment is not None:
            finer = roi_lib.from_alignment(track.alignment, self.tracker.spec.roi_scale)
            again = self._track(image, finer, watch) if _usable(finer, image) else None
            if again is not None:
                region, track = finer, again
        if track is None:
            self._lose()
            return self._nobody(image, detection, detector_ran, watch)
        return self._result(image, track, region, source, detection, detector_ran, seconds, watch)

    def _detect(self, image: np.ndarray, watch: _Stopwatch) -> list[Detection]:
        crop, matrix = self.detector.crop(image)
        watch.lap("warp")
        outputs = self.detector.infer(crop)
        watch.lap("detector", self.detector.model.invoke_ms)
        found = self.detector.decode(outputs, matrix)
        watch.lap("decode")
        return found

    def _track(self, image: np.ndarray, region: np.ndarray, watch: _Stopwatch, previous=None) -> Track | None:
        crop, matrix = self.tracker.crop(image, region)
        watch.lap("warp")
        outputs = self.tracker.infer(crop)
        watch.lap("tracker", self.tracker.model.invoke_ms)
        track = self.tracker.decode(outputs, matrix, previous)
        watch.lap("decode")
        certain = track.pose_presence >= self.presence_threshold and np.isfinite(track.points).all()
        return track if certain else None

    def _result(self, image, track, region, source, detection, detector_ran, seconds, watch) -> PoseResult:
        points, z, visibility, world = track.points, track.z, track.visibility, track.world
        if self.mode == VIDEO:
            size = float(region[2]) / self.tracker.spec.roi_scale
            self._region, self._points = None, track.points
            if track.alignment is not None and np.isfinite(track.alignment).all():
                size = body_size(track.alignment)
                steady = self._smoother.alignment(track.alignment, seconds)
                following = roi_lib.from_alignment(steady, self.tracker.spec.roi_scale)
                self._region = following if _usable(following, image) else None
            if self.smoothing:
                points, z = self._smoother.landmarks(points, z, seconds, body_size=size)
                visibility = self._smoother.visibility(visibility)
                world = None if world is None else self._smoother.world(world, seconds)
        watch.lap("filter")
        return PoseResult(
            landmarks=points,
            visibility=visibility,
            presence=track.presence,
            pose_presence=track.pose_presence,
            z=z,
            world=world,
            roi=np.asarray(region, np.float32),
            source=source,
            detection=detection,
            detector_ran=detector_ran,
            image_size=(image.shape[1], image.shape[0]),
            names=self.tracker.spec.keypoint_names,
            milliseconds=watch.stop(),
        )

    def _nobody(self, image, detection, detector_ran, watch) -> PoseResult:
        return PoseResult(
            landmarks=np.zeros((0, 2), np.float32),
            visibility=np.zeros((0,), np.float32),
            presence=None,
            pose_presence=0.0,
            z=None,
            world=None,
            roi=None,
            source=NONE,
            detection=detection,
            detector_ran=detector_ran,
            image_size=(image.shape[1], image.shape[0]),
            names=self.tracker.spec.keypoint_names,
            milliseconds=watch.stop(),
        )


def _source(model, defaults: tuple[str, ...]):
    """What `load_model` opens: content as it is, names of shipped models as their files."""
    if isinstance(model, (bytes, bytearray, memoryview)):
        return bytes(model)
    return default_file(defaults) if model is None else model_file(model)


def _usable(region: np.ndarray, image: np.ndarray) -> bool:
    """Whether a predicted region is finite, of sensible size, and centred in or near the image."""
    height, width = image.shape[:2]
    if not np.isfinite(region).all() or not _MIN_REGION <= region[2] <= 8.0 * max(width, height):
        return False
    half = 0.5 * region[2]
    return bool(-half < region[0] < width + half and -half < region[1] < height + half)
