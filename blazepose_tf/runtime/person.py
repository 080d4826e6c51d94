"""One person followed through a film: where to look next, the filters of what was seen, and what tells them apart."""

from __future__ import annotations

import numpy as np

from blazepose_tf.geometry import alignment as alignment_lib
from blazepose_tf.runtime import appearance
from blazepose_tf.runtime.filters import Filters, PoseSmoother, body_size
from blazepose_tf.runtime.look import Look, Sighting
from blazepose_tf.runtime.poses import TRACKED, Pose
from blazepose_tf.specs import TrackerSpec

# Where somebody who was lost may turn up again and still be the same: radii of the body circle from where they would
# have walked to, and as many more per second.
REACH, REACH_PER_SECOND = 0.5, 1.5
# Difference of clothes (`appearance.difference`) that counts as much as coming from the end of that reach.
CLOTHES = 0.1
# Seconds over which the motion is averaged, and frames over which the clothes are.
MOTION_SECONDS, _CLOTHES_FRAMES = 0.25, 10.0


class Person:
    """State of one person.

    Attributes:
        id: number in the film.
        region: (4,) roi to read in the next frame; None while the person is lost.
        points: (K, 2) pixels, the unfiltered landmarks of the frame before; None while lost.
        alignment: (2, 2) alignment points where the person was seen last; None where the tracker gives none.
        absent: seconds since then.
        age: seconds for which the person was seen.
    """

    def __init__(self, number: int, filters: Filters, spec: TrackerSpec):
        self.id = number
        self.region: np.ndarray | None = None
        self.points: np.ndarray | None = None
        self.alignment: np.ndarray | None = None
        self.absent = self.age = 0.0
        self._velocity = np.zeros(2)  # pixels per second of the mid-hip
        self._clothes: np.ndarray | None = None
        self._spec = spec
        self._smoother = PoseSmoother(filters)

    @property
    def lost(self) -> bool:
        """Whether the last frame did not say where to look."""
        return self.points is None

    def see(self, sighting: Sighting, look: Look, seconds: float) -> Pose:
        """Takes in what the tracker read, `seconds` after the last frame."""
        track = sighting.track
        size = float(sighting.region[2]) / self._spec.roi_scale
        followed = not self.lost
        before, self.alignment = self.alignment, None
        self.region, self.points = None, track.points
        if track.alignment is not None:
            size = body_size(track.alignment)
            self.alignment = track.alignment
            if before is not None and followed:
                weight = seconds / (seconds + MOTION_SECONDS)
                self._velocity += weight * ((track.alignment[0] - before[0]) / seconds - self._velocity)
            if sighting.source != TRACKED:
                self._velocity = np.zeros(2)  # of before, and perhaps of another
            self.region = look.region(self._smoother.alignment(track.alignment, seconds))
        self.absent = 0.0
        self.age += seconds
        points, z = self._smoother.landmarks(track.points, track.z, seconds, body_size=size)
        return Pose(
            landmarks=points,
            visibility=self._smoother.visibility(track.visibility),
            presence=track.presence,
            pose_presence=track.pose_presence,
            z=z,
            world=None if track.world is None else self._smoother.world(track.world, seconds),
            roi=np.asarray(sighting.region, np.float32),
            source=sighting.source,
            detection=sighting.detection,
            id=self.id,
            names=self._spec.keypoint_names,
            error=track.error,
            mask=track.mask,
        )

    def dress(self, clothes: np.ndarray | None) -> None:
        """Takes in what the person wears, in a frame in which nobody is in the way."""
        if self._clothes is None or clothes is None:
            self._clothes = clothes if self._clothes is None else self._clothes
            return
        known = np.where(np.isfinite(self._clothes), self._clothes, clothes)
        new = np.where(np.isfinite(clothes), clothes, known)
        self._clothes = known + (new - known) / _CLOTHES_FRAMES

    def lose(self) -> None:
        """The tracker no longer sees the person: the filters start anew, place, motion and clothes are remembered."""
        self._smoother.reset()
        self.region = self.points = None

    def expected(self, seconds: float) -> np.ndarray | None:
        """(2, 2) alignment points where the person would be `seconds` after the last frame, going on as before."""
        if self.alignment is None:
            return None
        return self.alignment + np.float32(self._velocity * (self.absent + seconds))

    def strangeness(self, sighting: Sighting, clothes: np.ndarray | None, seconds: float) -> tuple[float, float]:
        """How little a sighting is like this person: by place and by clothes, each about 1 where doubt begins."""
        expected = self.expected(seconds)
        if expected is None or sighting.track.alignment is None:
            return np.inf, 0.0
        apart = float(alignment_lib.distance(expected, sighting.track.alignment))
        return apart / (REACH + REACH_PER_SECOND * self.absent), self.clothes_strangeness(clothes)

    def clothes_strangeness(self, clothes: np.ndarray | None) -> float:
        """The part of it that is by clothes."""
        return appearance.difference(self._clothes, clothes) / CLOTHES

    def become(self, other: Person) -> None:
        """Exchanges who two people are, while each stays where it is."""
        self.id, other.id = other.id, self.id
        self.age, other.age = other.age, self.age
        self._clothes, other._clothes = other._clothes, self._clothes
        self._velocity, other._velocity = other._velocity, self._velocity

    def stay(self, sighting: Sighting) -> None:
        """Places a lost person where a sighting is."""
        self.alignment, self._velocity = sighting.track.alignment, np.zeros(2)

    def rescale(self, x: float, y: float) -> None:
        """Frames have another size from now on: what was at (1, 1) is at (x, y)."""
        mean = (x * y) ** 0.5
        factors = np.array([x, y], np.float32)
        if self.region is not None:
            self.region = self.region * np.array([x, y, mean, 1.0], np.float32)
        if self.points is not None:
            self.points = self.points * factors
        if self.alignment is not None:
            self.alignment = self.alignment * factors
        self._velocity = self._velocity * factors
        self._smoother.rescale(x, y)
