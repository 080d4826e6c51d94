"""Temporal smoothing of landmarks: the One-Euro filter, a low-pass for visibility, and a clock for untidy timestamps.

Most constants of `Filters` are MediaPipe's (pose_landmark_filtering graph): coordinates in image pixels, their speed
measured in body sizes per second, so that the same settings fit a near and a far person.

Reference: Casiez et al. 2012, One-Euro filter; MediaPipe LandmarksSmoothingCalculator, VisibilitySmoothingCalculator.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

VISIBILITY_ALPHA = 0.1
# Body circles' diameters per second: some 15 torsos, faster than limbs move and slower than points change sides.
FASTEST = 4.0
NOMINAL_SECONDS = 1.0 / 30.0
# A gap of this length, forward or backward, is a cut or a seek and not a late frame: what was known no longer holds.
GAP_SECONDS = 1.0


@dataclass(frozen=True)
class OneEuroSettings:
    """Attributes:
    min_cutoff: cutoff frequency in Hz at rest; lower is steadier.
    beta: how much the cutoff rises per unit of speed; higher lags less.
    derivate_cutoff: cutoff frequency in Hz of the speed estimate.
    """

    min_cutoff: float
    beta: float
    derivate_cutoff: float = 1.0


@dataclass(frozen=True)
class Filters:
    """What is filtered over time, and how; None turns a part off.

    Attributes:
        landmarks: of the points and their depth.
        world: of the world landmarks.
        visibility: weight of the new value in a low-pass, in (0, 1].
        fastest: body circles' diameters per second above which a landmark is held back for a frame (`JumpFilter`).
        alignment: of the alignment points, which steer the next frame's region.
        farthest: body circles' radii by which the filtered alignment points may stay behind; None is any.
    """

    landmarks: OneEuroSettings | None = OneEuroSettings(0.05, 80.0)
    world: OneEuroSettings | None = OneEuroSettings(0.1, 40.0)
    visibility: float | None = VISIBILITY_ALPHA
    fastest: float | None = FASTEST
    alignment: OneEuroSettings | None = OneEuroSettings(0.01, 10.0)
    farthest: float | None = 0.06


# Landmarks as the tracker reads them; the region of interest is still steadied.
RAW = Filters(landmarks=None, world=None, visibility=None, fastest=None)
# MediaPipe has no filter against jumps, and lets the region of interest lag behind a fast body.
MEDIAPIPE = Filters(fastest=None, farthest=None)


def chosen(smoothing: bool | Filters, *, mediapipe: bool) -> Filters:
    """The filters that a caller asks for: one's own, none, or what the kind of model wants."""
    if isinstance(smoothing, Filters):
        return smoothing
    kind = MEDIAPIPE if mediapipe else Filters()
    return kind if smoothing else replace(RAW, farthest=kind.farthest)


def _alpha(cutoff, seconds: float):
    """Weight of the new value in an exponential filter with this cutoff in Hz."""
    rate = 2.0 * math.pi * seconds * cutoff
    return rate / (rate + 1.0)


class OneEuroFilter:
    """Smooths an array of any fixed shape, each number on its own."""

    def __init__(self, settings: OneEuroSettings):
        self.settings = settings
        self.reset()

    def reset(self) -> None:
        """Forgets everything; the next value passes unchanged."""
        self._raw: np.ndarray | None = None
        self._value: np.ndarray | None = None
        self._speed: np.ndarray | None = None

    def __call__(self, value: np.ndarray, seconds: float, *, scale: float = 1.0) -> np.ndarray:
        """Filters one frame.

        Args:
            value: array of the same shape in every frame.
            seconds: time since the last frame, positive.
            scale: length by which speeds are divided (the body's size in the unit of `value`).

        Returns:
            The smoothed array.

        Raises:
            ValueError: seconds or scale not positive.
        """
        if not (seconds > 0 and scale > 0):
            raise ValueError(f"seconds and scale must be positive. Received: seconds={seconds}, scale={scale}")
        value = np.asarray(value, np.float64)
        if self._raw is None or self._value is None or self._speed is None:
            self._raw, self._value, self._speed = value, value, np.zeros_like(value)
            return value
        speed = (value - self._raw) / (scale * seconds)
        weight = _alpha(self.settings.derivate_cutoff, seconds)
        self._speed = self._speed + weight * (speed - self._speed)
        weight = _alpha(self.settings.min_cutoff + self.settings.beta * np.abs(self._speed), seconds)
        self._raw = value
        self._value = self._value + weight * (value - self._value)
        return self._value

    def rescale(self, factors) -> None:
        """What was at 1 along the last axis is at `factors` from now on, of which there may be more than needed."""
        if self._value is not None:
            factors = np.asarray(factors)[: self._value.shape[-1]]
            self._raw, self._value = self._raw * factors, self._value * factors


class JumpFilter:
    """Holds back a point that moves faster than a body can until a second frame has seen it move.

    A network that takes one leg for the other does so for a frame or two. What moves at a possible speed passes
    unchanged, and what really jumps comes one frame late.
    """

    def __init__(self, fastest: float = FASTEST) -> None:
        if not fastest > 0:
            raise ValueError(f"fastest must be positive. Received: fastest={fastest}")
        self.fastest = fastest
        self.reset()

    def reset(self) -> None:
        """Forgets everything; the next points pass unchanged."""
        self._points: np.ndarray | None = None
        self._jumped = np.zeros(0, bool)

    def __call__(self, points: np.ndarray, seconds: float, *, scale: float) -> np.ndarray:
        """Filters (K, D) points of one frame; `scale` is the body's size in their unit.

        Whether a point jumps is seen in the picture, by x and y; a depth after them, which is a guess, goes with them.
        """
        points = np.asarray(points, np.float64)
        if self._points is None:
            self._points, self._jumped = points, np.zeros(len(points), bool)
            return points
        moved = (points - self._points)[:, :2]
        jumped = (moved * moved).sum(axis=1) > (self.fastest * scale * seconds) ** 2
        held = jumped & ~self._jumped  # the first of some jumps only: a run is followed
        if held.any():
            points = np.where(held[:, None], self._points, points)
        self._points, self._jumped = points, jumped
        return points

    def rescale(self, factors) -> None:
        """As `OneEuroFilter.rescale`."""
        if self._points is not None:
            self._points = self._points * np.asarray(factors)[: self._points.shape[-1]]


class LowPassFilter:
    """Exponential smoothing with a fixed weight of the new value per frame."""

    def __init__(self, alpha: float = VISIBILITY_ALPHA):
        if not 0.0 < alpha <= 1.0:
            raise ValueError(f"alpha must lie in (0, 1]. Received: alpha={alpha}")
        self.alpha = alpha
        self.reset()

    def reset(self) -> None:
        """Forgets everything; the next value passes unchanged."""
        self._value: np.ndarray | None = None

    def __call__(self, value: np.ndarray) -> np.ndarray:
        value = np.asarray(value, np.float64)
        smoothed = value if self._value is None else self._value + self.alpha * (value - self._value)
        self._value = smoothed
        return smoothed


class FrameClock:
    """Turns timestamps as cameras and files deliver them into positive time steps.

    A frame without a timestamp comes one nominal step after the last. Repeated or slightly reversed timestamps count
    as one usual step: dividing by a step near zero would make standing still look like speed. A gap of more than
    GAP_SECONDS in either direction is reported.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forgets the last frame."""
        self._last: float | None = None
        self._usual = NOMINAL_SECONDS

    def step(self, timestamp_ms: float | None) -> tuple[float, bool]:
        """Seconds since the last frame (positive), and whether there was a gap.

        Raises:
            ValueError: the timestamp is not finite.
        """
        if timestamp_ms is None:
            now = NOMINAL_SECONDS if self._last is None else self._last + NOMINAL_SECONDS
        else:
            now = float(timestamp_ms) / 1000.0
            if not math.isfinite(now):
                raise ValueError(f"timestamp_ms must be finite. Received: timestamp_ms={timestamp_ms}")
        if self._last is None:
            self._last = now
            return self._usual, False
        seconds = now - self._last
        if abs(seconds) > GAP_SECONDS:
            self.reset()
            self._last = now
            return self._usual, True
        if seconds <= 1e-3:
            # The clock stays at the latest time seen, so that the next good frame gets its true step.
            return self._usual, False
        self._last = now
        self._usual = 0.5 * (self._usual + seconds)
        return seconds, False


class PoseSmoother:
    """The filters of one person: landmarks with depth, visibility, alignment points, world landmarks."""

    def __init__(self, filters: Filters = Filters()) -> None:
        self._jumps = None if filters.fastest is None else JumpFilter(filters.fastest)
        self._landmarks, self._alignment, self._world = (
            None if settings is None else OneEuroFilter(settings)
            for settings in (filters.landmarks, filters.alignment, filters.world)
        )
        self._farthest = filters.farthest
        self._visibility = None if filters.visibility is None else LowPassFilter(filters.visibility)

    def reset(self) -> None:
        """Forgets the person."""
        for part in (self._jumps, self._landmarks, self._alignment, self._world, self._visibility):
            if part is not None:
                part.reset()

    def alignment(self, points: np.ndarray, seconds: float) -> np.ndarray:
        """Smoothed (2, 2) alignment points in pixels."""
        if self._alignment is None:
            return points
        size = body_size(points)
        steady = self._alignment(points, seconds, scale=size)
        if self._farthest is not None:
            # As `geometry.alignment.distance`; both in radii of the body circle.
            behind = steady - points
            apart = sum(math.hypot(x, y) for x, y in behind.tolist()) / size
            if apart > self._farthest:
                steady = points + behind * (self._farthest / apart)
        return steady.astype(np.float32)

    def landmarks(self, points: np.ndarray, z: np.ndarray | None, seconds: float, *, body_size: float):
        """Smoothed (K, 2) points and (K,) z (or None), all in pixels; `body_size` is the body circle's diameter."""
        if self._jumps is None and self._landmarks is None:
            return points, z
        scale = max(body_size, 1e-6)
        values = points if z is None else np.concatenate([points, z[:, None]], axis=1)
        if self._jumps is not None:
            values = self._jumps(values, seconds, scale=scale)
        if self._landmarks is not None:
            values = self._landmarks(values, seconds, scale=scale)
        values = values.astype(np.float32)
        return (values, None) if z is None else (values[:, :2], values[:, 2])

    def world(self, points: np.ndarray, seconds: float) -> np.ndarray:
        """Smoothed (K, 3) world landmarks in metres."""
        return points if self._world is None else self._world(points, seconds).astype(np.float32)

    def visibility(self, values: np.ndarray) -> np.ndarray:
        """Smoothed (K,) visibilities."""
        return values if self._visibility is None else self._visibility(values).astype(np.float32)

    def rescale(self, x: float, y: float) -> None:
        """Frames have another size from now on: what was at (1, 1) is at (x, y)."""
        along = np.array([x, y, (x * y) ** 0.5])  # depth has no direction in the picture
        for part in (self._alignment, self._jumps, self._landmarks):
            if part is not None:
                part.rescale(along)


def body_size(alignment: np.ndarray) -> float:
    """Diameter of the body circle, at least 1e-6: the side of the roi before its margin."""
    delta = np.asarray(alignment[1], np.float64) - alignment[0]
    return max(2.0 * math.hypot(delta[0], delta[1]), 1e-6)
