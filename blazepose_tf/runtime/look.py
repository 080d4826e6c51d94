"""One frame under the two networks: what the detector proposes and what the tracker confirms, with a stopwatch."""

from __future__ import annotations

import enum
import time
from typing import NamedTuple

import numpy as np

from blazepose_tf.geometry import alignment as alignment_lib
from blazepose_tf.geometry import roi as roi_lib
from blazepose_tf.runtime import likeness
from blazepose_tf.runtime.detector import CLOSER_DOUBT, CLOSER_SHARES, Detection, Detector, nats
from blazepose_tf.runtime.merging import merged
from blazepose_tf.runtime.poses import DETECTED, GIVEN
from blazepose_tf.runtime.tracker import Track, Tracker, raised
from blazepose_tf.runtime.warp import check_image

# A smaller region (in pixels) holds no body that the tracker could read; a larger one (in long sides) is a mistake.
MIN_REGION, MAX_REGION = 4.0, 8.0


class Looks(enum.Enum):
    """How often the tracker looks at whom it has not followed from the frame before.

    ONE: in the region that was proposed or given.
    TWO: again in the person's own region.
    MERGED: again there, at the mirror image, and the reading is that of both looks: for pictures, after which no frame
        comes that would say more.
    """

    ONE, TWO, MERGED = range(3)


# Detector and presence are two witnesses. Whom the detector proposes at its very threshold is asked for so many nats
# more of presence than a person in their own region has; on film, where another frame comes, for more of them. Each nat
# of the detection's score counts for so many. Chosen on pictures (docs/lab_notebook.md).
ASKED = {Looks.TWO: 2.0, Looks.MERGED: 1.0}
EXCHANGE = 2.0


class Sighting(NamedTuple):
    """A person whom the tracker confirmed in a frame.

    Attributes:
        track: what it read.
        region: (4,) roi where.
        source: where the region came from (`poses`).
        detection: the detector's finding that led there.
    """

    track: Track
    region: np.ndarray
    source: str
    detection: Detection | None = None


class Look:
    """The models at work on one frame.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        milliseconds: time per stage so far.
        detections: of `detect`, best first.
        detector_ran: whether it was called.
    """

    def __init__(self, image: np.ndarray, detector: Detector, tracker: Tracker, presence_threshold: float):
        check_image(image)
        self.image = image
        self.detections: list[Detection] = []
        self.detector_ran = False
        self._seen: list[tuple] = []  # what the detector has said of the frame, for `half_believed`
        self._detector, self._tracker = detector, tracker
        self._presence_threshold = presence_threshold
        self._confirmed = tracker.confirmed(presence_threshold)
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
        """The times, with their total."""
        self.milliseconds["total"] = 1e3 * (time.perf_counter() - self._start)
        return self.milliseconds

    def detect(self) -> list[Detection]:
        """Runs the detector on the whole image: people, best first."""
        self.detections, self.detector_ran = self._detect(None, 0.0), True
        return self.detections

    def detect_closer(self, regions: np.ndarray) -> list[Detection]:
        """Runs the detector on parts of the image: people whom it has not seen in this frame yet, best first.

        Args:
            regions: (N, 4) rois.
        """
        new = _new([d for region in regions for d in self._detect(region, CLOSER_DOUBT)], self.detections)
        self.detections = sorted([*self.detections, *new], key=lambda d: -d.score)
        return new

    def half_believed(self) -> list[Detection]:
        """Who may be there for all that the detector has said of this frame, below its threshold; best first."""
        return _new([d for seen in self._seen for d in self._detector.half_believed(*seen)], self.detections)

    def _detect(self, region: np.ndarray | None, doubt: float) -> list[Detection]:
        crop, matrix = self._detector.crop(self.image, region)
        self.lap("warp")
        outputs = self._detector.infer(crop)
        self.lap("detector", self._detector.model.invoke_ms)
        self._seen.append((outputs, matrix, doubt))
        found = self._detector.decode(outputs, matrix, doubt)
        self.lap("decode")
        return found

    def track(self, region: np.ndarray, previous: np.ndarray | None = None) -> Track | None:
        """Runs the tracker; None where it is not sure of a person.

        Args:
            region: (4,) roi.
            previous: (K, 2) where the points were in the frame before.
        """
        return self._track(region, self._presence_threshold, previous)

    def _track(
        self, region: np.ndarray, least: float, previous: np.ndarray | None = None, *, mirror: bool = False
    ) -> Track | None:
        crop, matrix = self._tracker.crop(self.image, region, mirror=mirror)
        self.lap("warp")
        track = self._tracker.read(crop, matrix, previous)
        self.lap("tracker", self._tracker.model.invoke_ms)
        return track if track.sensible and track.pose_presence >= least else None

    def region(self, alignment: np.ndarray | None) -> np.ndarray | None:
        """`region_of` alignment points in this frame; None without any."""
        return None if alignment is None else region_of(alignment, self._tracker, self.image)

    def again(self, sighting: Sighting, looks: Looks) -> Sighting | None:
        """The sighting read a second time, from the tracker's own, more exact alignment; None where nobody is there.

        In their own region people are told from what is none far better than in one that a detector has drawn: it is
        this look that decides.
        """
        if sighting.track.alignment is None:  # a file that does not say where the body is has one look
            sure = not self._half(sighting.detection) and sighting.track.pose_presence >= self._presence_threshold
            return sighting if sure else None
        region = self.region(sighting.track.alignment)
        mirror = looks is Looks.MERGED and self._tracker.symmetric
        least = self._asked(sighting.detection, looks)
        if region is None or (track := self._track(region, least, mirror=mirror)) is None:
            return None
        if looks is Looks.MERGED:
            track = merged(sighting.track, track)
        return sighting._replace(track=track, region=region)

    def _half(self, detection: Detection | None) -> bool:
        """Whether the detector only half believes in who was proposed; nobody doubts a region of the caller's."""
        return detection is not None and detection.score < self._detector.threshold

    def _asked(self, detection: Detection | None, looks: Looks) -> float:
        """The presence in their own region that makes a person of a proposal; never less than the caller asks for."""
        if detection is None:
            return self._confirmed
        below = nats(self._detector.threshold) - nats(detection.score)
        return max(self._presence_threshold, raised(self._confirmed, ASKED[looks] + EXCHANGE * below))

    def read(self, regions, limit: int, looks: Looks) -> list[Sighting]:
        """People in the caller's regions.

        Args:
            regions: (4,) or (N, 4) rois.
            limit: how many there may be.
            looks: at each one.

        Raises:
            ValueError: no rois, or too many.
        """
        regions = np.atleast_2d(np.asarray(regions, np.float32))
        if len(regions) > limit:
            raise ValueError(f"one roi for each person: max_people={limit}. Received: {len(regions)} of them")
        tracks = [(self.track(region), region) for region in regions]
        seen = [Sighting(track, region, GIVEN) for track, region in tracks if track is not None]
        # Where somebody is was said by the caller, not by a detector that may be wrong.
        return seen if looks is Looks.ONE else [self.again(sighting, looks) or sighting for sighting in seen]

    def closer(self) -> list[np.ndarray]:
        """Rois of a closer look and of still closer ones: (N, 4) overlapping squares each, the middle first."""
        height, width = self.image.shape[:2]
        return [roi_lib.parts(width, height, share) for share in CLOSER_SHARES]

    def find(
        self, found: list[Detection], places: int, tries: int, looks: Looks, *, known: list[Track]
    ) -> list[Sighting]:
        """People whom nobody follows yet.

        Args:
            found: what the detector proposes; the most prominent are looked at first.
            places: at most so many.
            tries: at most so many detections are looked at.
            looks: at each one; the second decides, the first may be in doubt where the detector is not.
            known: people in the frame who are followed.
        """
        seen: list[Sighting] = []
        tried = 0
        for detection in sorted(found, key=lambda d: -d.prominence):
            taken = [*known, *(s.track for s in seen)]
            if len(seen) == places or tried == tries:
                break
            if any(likeness.same_circle(detection.alignment, other.alignment) for other in taken):
                continue
            tried += 1
            region = self.region(detection.alignment)
            least = self._presence_threshold if looks is Looks.ONE or self._half(detection) else 0.0
            if region is None or (track := self._track(region, least)) is None:
                continue
            if self._among(track, taken):
                continue
            first = Sighting(track, region, DETECTED, detection)
            sighting = first if looks is Looks.ONE else self.again(first, looks)
            if sighting is first or (sighting and not self._among(sighting.track, taken)):
                seen.append(sighting)
        return seen

    def _among(self, track: Track, others: list[Track]) -> bool:
        """Whether it is the body of one of the others, read once more."""
        return any(likeness.same_body(track, other, self._tracker.spec) for other in others)


def _new(found: list[Detection], known: list[Detection]) -> list[Detection]:
    """Those of some detections who are nobody known, each once, best first."""
    if not found:
        return []
    everybody = [*known, *sorted(found, key=lambda d: -d.score)]
    same = alignment_lib.same_people(np.stack([detection.alignment for detection in everybody]))
    kept = list(range(len(known)))
    for row in range(len(known), len(everybody)):
        if not same[row, kept].any():
            kept.append(row)
    return [everybody[row] for row in kept[len(known) :]]


def region_of(alignment: np.ndarray, tracker: Tracker, image: np.ndarray) -> np.ndarray | None:
    """The (4,) roi of (2, 2) alignment points; None where they give no region that could be read."""
    region = roi_lib.from_alignment(np.asarray(alignment, np.float32), tracker.spec.roi_scale)
    return region if usable(region, image) else None


def usable(region: np.ndarray, image: np.ndarray) -> bool:
    """Whether a predicted region is finite, of sensible size, and centred in or near the image."""
    height, width = image.shape[:2]
    if not np.isfinite(region).all() or not MIN_REGION <= region[2] <= MAX_REGION * max(width, height):
        return False
    half = 0.5 * region[2]
    return bool(-half < region[0] < width + half and -half < region[1] < height + half)
