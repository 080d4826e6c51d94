"""Film: people are followed from frame to frame, each in the region that their last frame predicts.

The detector runs when nobody is followed, and now and then while places are free. When the tracker no longer sees a
person in their region, the filters are reset, and in the same frame the tracker looks where the person's motion leads,
then the detector at the whole; for a second from then on both do so in each frame.

Reference: BlazePose paper, sections 2.1, 2.2 and 2.6; MediaPipe's pose_landmark graphs.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

from blazepose_tf.runtime.filters import Filters, FrameClock
from blazepose_tf.runtime.look import Look, Looks, Sighting
from blazepose_tf.runtime.poses import TRACKED, PoseResult
from blazepose_tf.runtime.roster import Pair, Roster
from blazepose_tf.runtime.tracker import Track

if TYPE_CHECKING:
    from blazepose_tf.runtime.pipeline import PosePipeline

# While places are free the detector looks at every so many frames.
DETECT_EVERY = 5
# Sides of a frame that changes size may be rounded; another shape is another view.
_SAME_SHAPE = 0.02


class PoseStream:
    """One film or camera: calls are its frames in order.

    Streams of one pipeline share its models and nothing else; a stream reads one frame at a time.
    """

    def __init__(
        self, pipeline: PosePipeline, *, max_people: int, filters: Filters, refine_roi: bool, detect_every: int
    ):
        """`PosePipeline.stream` makes streams."""
        if max_people < 1:
            raise ValueError(f"max_people must be at least 1. Received: max_people={max_people}")
        if detect_every < 1:
            raise ValueError(f"detect_every must be at least 1. Received: detect_every={detect_every}")
        self.pipeline = pipeline
        self.max_people = max_people
        self._filters, self._refine_roi, self._detect_every = filters, refine_roi, detect_every
        self._turn = threading.Lock()
        self._clock = FrameClock()
        self._roster = self._nobody()
        self._size: tuple[int, int] | None = None
        self._since_detection = 0
        self._part = -1  # of the closer look

    def reset(self) -> None:
        """Forgets everybody and the time, as before the first frame; ids begin at 1 again."""
        self._clock.reset()
        self._roster, self._size = self._nobody(), None
        self._part = -1

    def _nobody(self) -> Roster:
        return Roster(self._filters, self.pipeline.tracker.spec, several=self.max_people > 1)

    def __call__(
        self, image: np.ndarray, timestamp_ms: float | None = None, roi: np.ndarray | None = None
    ) -> PoseResult:
        """Reads the poses in the next frame.

        Args:
            image: (H, W, 3) uint8 RGB. When its size changes, what is known is scaled with it; when its shape does,
                people are looked for anew.
            timestamp_ms: time of the frame; None is 1/30 s after the last. Late and repeated timestamps are
                tolerated; a gap of more than a second starts anew.
            roi: (4,) or (N, 4) regions to read instead of the detector's and the last frame's.

        Raises:
            TypeError, ValueError: a wrong image, timestamp or roi.
            RuntimeError: another thread is in the middle of a frame of this stream.
        """
        if not self._turn.acquire(blocking=False):
            raise RuntimeError("this stream is reading a frame in another thread: give each film its own stream()")
        try:
            return self._frame(image, timestamp_ms, roi)
        finally:
            self._turn.release()

    def _frame(self, image, timestamp_ms, roi) -> PoseResult:
        look = self.pipeline.look(image)
        seconds, gap = self._clock.step(timestamp_ms)
        if gap:
            self._roster.clear()
        self._fit(image)
        if roi is not None:
            for person in self._roster.people:
                person.lose()
            pairs, new = [], look.read(roi, self.max_people, Looks.ONE)
        else:
            pairs, new = self._roster.distinct(self._follow(look, seconds), look, seconds), []
            places = self.max_people - len(pairs)
            if places and self._due(bool(pairs)):
                new = self._find(look, [sighting.track for _, sighting in pairs], places)
        pairs = self._roster.identify(pairs, new, look, seconds)
        poses = [person.see(sighting, look, seconds) for person, sighting in pairs]
        self._roster.update(pairs, look, seconds)
        look.lap("filter")
        return self.pipeline.result(look, poses, timestamp_ms, self.max_people)

    def _find(self, look: Look, known: list[Track], places: int) -> list[Sighting]:
        """Those who are new in the whole frame; if nobody is, in one of its parts, another one each time.

        What the detector only half believes in is looked at where nobody at all is seen.
        """
        tries = self.pipeline.tries(places)
        looks = Looks.TWO if self._refine_roi else Looks.ONE
        new = look.find(look.detect(), places, tries, looks, known=known)
        if not new and self.pipeline.closer:
            regions = look.closer()[0]
            self._part = (self._part + 1) % len(regions)
            found = look.detect_closer(regions[self._part : self._part + 1])
            new = look.find(found, places, tries, looks, known=known)
        if not (new or known) and looks is not Looks.ONE:
            new = look.find(look.half_believed(), places, tries, looks, known=known)
        return new

    def _fit(self, image: np.ndarray) -> None:
        """Carries the state over to frames of another size; of another shape it says nothing."""
        size = (image.shape[1], image.shape[0])
        if self._size not in (None, size):
            x, y = size[0] / self._size[0], size[1] / self._size[1]
            if abs(x / y - 1.0) > _SAME_SHAPE:
                self._roster.clear()
            for person in self._roster.people:
                person.rescale(x, y)
        self._size = size

    def _follow(self, look: Look, seconds: float) -> list[Pair]:
        """Those who are seen again in the region that their last frame predicts, or where their motion leads."""
        pairs, missing = [], []
        for person in self._roster.people:
            region = person.region
            if region is None or (track := look.track(region, person.points)) is None:
                person.lose()
                missing.append(person)
            else:
                pairs.append((person, Sighting(track, region, TRACKED)))
        missing.sort(key=lambda person: person.absent)
        for person in missing[: self.max_people - len(pairs)]:
            region = look.region(person.expected(seconds))
            if region is not None and (track := look.track(region)) is not None:
                pairs.append((person, Sighting(track, region, TRACKED)))
        return pairs

    def _due(self, somebody: bool) -> bool:
        """Whether the detector shall look."""
        self._since_detection += 1
        if somebody and self._since_detection < self._detect_every:
            return False
        self._since_detection = 0
        return True
