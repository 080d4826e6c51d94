"""One person's recorded points as the formats want them: a space with a unit, a clock, nan for what is unknown."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from blazepose_tf.runtime.recording import Recording

PIXELS, METRES = "pixels", "metres"
AUTO = "auto"


@dataclass(frozen=True, eq=False)
class Motion:
    """Points of one person over time.

    Attributes:
        names: K keypoint names.
        times: (T,) seconds, rising.
        points: (T, K, 3); nan where the person was not seen or the model lacks the point. In pixels: x right, y down,
            z away from the camera (0 where the model has no depth). In metres: x right, y up, z towards the camera.
        visibility: (T, K) in [0, 1]; nan where nobody was seen.
        unit: PIXELS or METRES.
        rate: frames per second.
    """

    names: tuple[str, ...]
    times: np.ndarray
    points: np.ndarray
    visibility: np.ndarray
    unit: str
    rate: float

    def steady(self) -> Motion:
        """The same on a clock of `rate`: formats that store no times. Between two frames points are interpolated
        linearly; where one of them is unknown, the result is, too."""
        wanted = (
            self.times[0]
            + np.arange(int(np.floor((self.times[-1] - self.times[0]) * self.rate + 1e-6)) + 1) / self.rate
        )
        if len(wanted) == len(self.times) and np.abs(wanted - self.times).max() < 0.02 / self.rate:
            return self
        after = np.clip(np.searchsorted(self.times, wanted), 1, len(self.times) - 1)
        share = (wanted - self.times[after - 1]) / (self.times[after] - self.times[after - 1])
        share = np.clip(share, 0.0, 1.0)

        def between(values: np.ndarray) -> np.ndarray:
            w = share.reshape(-1, *[1] * (values.ndim - 1))
            # 0 x nan would spread a gap to the frames beside it that are known.
            low, high = np.where(w < 1, values[after - 1] * (1 - w), 0.0), np.where(w > 0, values[after] * w, 0.0)
            return low + high

        return replace(self, times=wanted, points=between(self.points), visibility=between(self.visibility))


def motion(
    recording: Recording, *, person: int | None = None, space: str = AUTO, metres_per_pixel: float | None = None
) -> Motion:
    """The motion of one person.

    Args:
        recording: of a film.
        person: id; the first in each frame without it.
        space: PIXELS, METRES, or AUTO: metres where the model gives them or a scale is known, else pixels.
        metres_per_pixel: makes metres from pixels, measured from the lower left corner of the picture.

    Raises:
        ValueError: a picture, nobody, a space that the recording does not have, or times that do not rise.
    """
    if space not in (PIXELS, METRES, AUTO):
        raise ValueError(f"space must be one of {(PIXELS, METRES, AUTO)}. Received: space={space!r}")
    if metres_per_pixel is not None and not 0 < metres_per_pixel < 1:
        raise ValueError(f"metres_per_pixel must lie in (0, 1). Received: {metres_per_pixel}")
    if not recording.found(person).any():
        raise ValueError(
            "nobody is seen in the recording" if person is None else f"no person {person} in the recording"
        )
    times = recording.times_ms / 1000.0
    if len(times) < 2 or not np.isfinite(times).all():
        raise ValueError("expected the recording of a film: at least two frames with times")
    if not (np.diff(times) > 0).all():
        raise ValueError(
            f"times must rise. Received: frame {int(np.argmin(np.diff(times) > 0)) + 1} not after its former"
        )
    world = recording.world(person).astype(np.float64)
    has_world = bool(np.isfinite(world).any())
    if space == METRES and not has_world and metres_per_pixel is None:
        raise ValueError("the recording has no metres: its model gives pixels; state metres_per_pixel")
    if metres_per_pixel is None and has_world and space != PIXELS:
        points, unit = world * (1.0, -1.0, -1.0), METRES
    else:
        z = recording.z(person)[..., None].astype(np.float64)
        flat = recording.landmarks(person).astype(np.float64)
        z = np.where(np.isnan(z) & np.isfinite(flat[..., :1]), 0.0, z)
        points, unit = np.concatenate([flat, z], axis=-1), PIXELS
        if metres_per_pixel is not None and space != PIXELS:
            points = (points * (1, -1, -1) + (0, recording.image_size[1], 0)) * metres_per_pixel
            unit = METRES
    rate = 1.0 / float(np.median(np.diff(times)))
    # Recorded times are rounded to microseconds: 29.9997 frames/s are 30.
    rate = round(rate) if abs(rate - round(rate)) < 2e-3 else rate
    return Motion(recording.names, times, points, recording.visibility(person).astype(np.float64), unit, float(rate))
