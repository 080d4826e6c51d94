"""One person followed through a film: where to look next, and the filters of what was seen."""

from __future__ import annotations

import numpy as np

from blazepose_tf.geometry import alignment as alignment_lib
from blazepose_tf.runtime import likeness
from blazepose_tf.runtime.filters import Filters, PoseSmoother, body_size
from blazepose_tf.runtime.look import Look, Sighting
from blazepose_tf.runtime.poses import Pose
from blazepose_tf.specs import TrackerSpec

# Where somebody who was lost may turn up again and still be the same: radii of the body circle from where they were
# seen last (or would have walked to), and as many more per second.
REACH, REACH_PER_SECOND = 0.5, 1.5


class Person:
    """State of one person.

    Attributes:
        id: number in the film.
        region: (4,) roi to read in the next frame; None while the person is lost.
        points: (K, 2) pixels, the unfiltered landmarks of the frame before; None while lost.
        alignment: (2, 2) alignment points where the person was seen last; None where the tracker gives none.
        absent: seconds since then.
    """

    def __init__(self, number: int, filters: Filters, spec: TrackerSpec):
        self.id = number
        self.region: np.ndarray | None = None
        self.points: np.ndarray | None = None
        self.alignment: np.ndarray | None = None
        self.absent = 0.0
        self._spec = spec
        self._smoother = PoseSmoother(filters)

    def see(self, sighting: Sighting, look: Look, seconds: float) -> Pose:
        """Takes in what the tracker read, `seconds` after the last frame."""
        track = sighting.track
        size = float(sighting.region[2]) / self._spec.roi_scale
        self.region, self.points, self.alignment, self.absent = None, track.points, None, 0.0
        if track.alignment is not None:
            size = body_size(track.alignment)
            self.alignment = track.alignment
            self.region = look.region(self._smoother.alignment(track.alignment, seconds))
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
        )

    def lose(self) -> None:
        """The tracker no longer sees the person: the filters start anew, the place is remembered."""
        self._smoother.reset()
        self.region = self.points = None

    def familiarity(self, sighting: Sighting) -> float:
        """In [0, 1]: how much a pose is like that of the frame before."""
        radius = 0.5 * float(sighting.region[2]) / self._spec.roi_scale
        return likeness.similarity(sighting.track.points, self.points, radius, self._spec.keypoint_names)

    def distance(self, sighting: Sighting) -> float:
        """How far a sighting is from this lost person, as a share of how far they may have come; above 1: another."""
        if self.alignment is None or sighting.track.alignment is None:
            return np.inf
        apart = float(alignment_lib.distance(self.alignment, sighting.track.alignment))
        return apart / (REACH + REACH_PER_SECOND * self.absent)

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
        self._smoother.rescale(x, y)
