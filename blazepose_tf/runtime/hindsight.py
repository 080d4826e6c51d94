"""Smoothing of recorded film: a pass forward in time and one backward, so that nothing comes late (numpy).

The Kalman smoother of points whose velocity wanders. With even steps its response is 1 / (1 + (f / cutoff)^4), that of
the Butterworth filter run both ways which movement laboratories use (about 6 Hz for walking); unlike that one it takes
the frames' own times, and needs no run-up at the ends. As in the One-Euro filter, which live film has, the cutoff rises
with the speed.

Reference: Rauch, Tung, Striebel 1965, Maximum likelihood estimates of linear dynamic systems; Craven, Wahba 1979
(its equal, the smoothing spline); Casiez et al. 2012 for the cutoff that follows the speed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from blazepose_tf.runtime.filters import FASTEST

# Variance of the first velocity, in measurements' variances per square second: nothing is known.
_UNKNOWN = 1e9
# A limb taken for the other one is so for a frame or two.
_LONGEST_SPIKE = 2


@dataclass(frozen=True)
class Hindsight:
    """How a recording is smoothed.

    Attributes:
        min_cutoff: cutoff in Hz at rest; lower is steadier.
        beta: by how much it rises per body circle's diameter (world landmarks: metre) per second of speed.
        speed_cutoff: cutoff in Hz of the smoothing that the speed is taken from.
        visibility_cutoff: of visibilities, which have no speed.
        fastest: body circles' diameters per second; a point that leaves and comes back faster, within two frames,
            is replaced by what its neighbours in time say.
    """

    min_cutoff: float = 1.0
    beta: float = 6.0
    speed_cutoff: float = 2.0
    visibility_cutoff: float = 0.5
    fastest: float = FASTEST

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not (value > 0 or (name == "beta" and value == 0)) or not math.isfinite(value):
                raise ValueError(f"{name} must be positive and finite. Received: {name}={value}")


DEFAULT = Hindsight()


def smooth(values, seconds, cutoff, known=None) -> tuple[np.ndarray, np.ndarray]:
    """Smooths a run of frames without delay; what moves steadily stays as it is.

    Args:
        values: (T, K, D) numbers.
        seconds: (T,) positive time since the frame before; the first is not used.
        cutoff: Hz, broadcastable to (T, K).
        known: (T, K) bool; the others are filled in. None: all.

    Returns:
        (T, K, D) smoothed values, and their change per second.
    """
    values = np.asarray(values, np.float64)
    count, points = values.shape[:2]
    seconds = np.asarray(seconds, np.float64)
    known = np.ones((count, points), bool) if known is None else np.asarray(known, bool)
    # Spectral density of the velocity's wandering in measurements' variances: where both are equal is the cutoff.
    wander = (2.0 * math.pi * np.broadcast_to(np.asarray(cutoff, np.float64), (count, points))) ** 4
    # Per frame: place, velocity, and their covariance (three numbers a point), as predicted and as measured.
    place, speed = np.zeros((2, 2, *values.shape))
    spread = np.zeros((2, count, points, 3))
    x, v = values[0], np.zeros_like(values[0])
    p = np.stack([np.where(known[0], 1.0, _UNKNOWN), np.zeros(points), np.full(points, _UNKNOWN)], axis=-1)
    for t in range(count):
        if t:
            dt, q = seconds[t], wander[t] * seconds[t]
            x = x + dt * v
            a = p[:, 0] + 2.0 * dt * p[:, 1] + dt * dt * p[:, 2] + q * dt**3 / 3.0
            b = p[:, 1] + dt * p[:, 2] + q * dt * dt / 2.0
            p = np.stack([a, b, p[:, 2] + q * dt], axis=-1)
        place[0, t], speed[0, t], spread[0, t] = x, v, p
        if t:
            gain = np.where(known[t], 1.0 / (p[:, 0] + 1.0), 0.0)
            error = values[t] - x
            x, v = x + (gain * p[:, 0])[:, None] * error, v + (gain * p[:, 1])[:, None] * error
            a, b = p[:, 0] * (1.0 - gain * p[:, 0]), p[:, 1] * (1.0 - gain * p[:, 0])
            p = np.stack([a, b, p[:, 2] - gain * p[:, 1] ** 2], axis=-1)
        place[1, t], speed[1, t], spread[1, t] = x, v, p
    for t in range(count - 2, -1, -1):
        dt, now, then = seconds[t + 1], spread[1, t], spread[0, t + 1]
        determinant = then[:, 0] * then[:, 2] - then[:, 1] ** 2
        # What the next frame's place and velocity say about this one's: now F' then^-1.
        ahead = now[:, 0] + dt * now[:, 1], now[:, 1]
        aside = now[:, 1] + dt * now[:, 2], now[:, 2]
        error = place[1, t + 1] - place[0, t + 1], speed[1, t + 1] - speed[0, t + 1]
        for target, (c, d) in ((place, ahead), (speed, aside)):
            first = (c * then[:, 2] - d * then[:, 1]) / determinant
            second = (d * then[:, 0] - c * then[:, 1]) / determinant
            target[1, t] += first[:, None] * error[0] + second[:, None] * error[1]
    return place[1], speed[1]


def spikes(points, seconds, size, fastest: float) -> np.ndarray:
    """(T, K) bool: points that leave and come back within two frames, faster than a body can.

    Args:
        points: (T, K, 2) pixels.
        seconds: (T,) time since the frame before.
        size: (T,) body circle's diameter in pixels.
        fastest: diameters per second.
    """
    points = np.asarray(points, np.float64)
    reach = fastest * np.asarray(size, np.float64)
    times = np.cumsum(seconds)
    found = np.zeros(points.shape[:2], bool)

    def possible(first: int, last: int) -> np.ndarray:
        limit = reach[first] * (times[last] - times[first])
        return np.linalg.norm(points[last] - points[first], axis=-1) <= limit

    for t in range(1, len(points) - 1):
        for last in range(t, min(t + _LONGEST_SPIKE, len(points) - 1)):
            away = ~possible(t - 1, t) & ~possible(last, last + 1) & ~found[t - 1]
            found[t : last + 1] |= away & possible(t - 1, last + 1)
    return found


def smooth_run(points, z, world, visibility, seconds, size, settings: Hindsight):
    """Smooths one person's run of frames.

    Args:
        points: (T, K, 2) pixels.
        z: (T, K) pixels or None.
        world: (T, K, 3) metres or None.
        visibility: (T, K) in [0, 1].
        seconds: (T,) time since the frame before.
        size: (T,) body circle's diameter in pixels.
        settings: how.

    Returns:
        points, z, world, visibility.
    """
    known = ~spikes(points, seconds, size, settings.fastest)
    scale = float(np.median(size))

    def part(values, unit: float):
        speed = np.linalg.norm(smooth(values, seconds, settings.speed_cutoff, known)[1], axis=-1) / unit
        return smooth(values, seconds, settings.min_cutoff + settings.beta * speed, known)[0].astype(np.float32)

    placed = part(points if z is None else np.concatenate([points, z[..., None]], axis=-1), scale)
    seen = smooth(visibility[..., None], seconds, settings.visibility_cutoff)[0][..., 0]
    return (
        placed[..., :2],
        None if z is None else placed[..., 2],
        None if world is None else part(world, 1.0),
        np.clip(seen, 0.0, 1.0).astype(np.float32),
    )
