"""Metrics of keypoints over time: jitter, lag, losses of the track (numpy)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


def jitter(points, size, *, found=None) -> float:
    """Acceleration of a still person: root mean square of p[t-1] - 2 p[t] + p[t+1].

    A person at rest has none, steady motion has none either; what remains is the noise of the estimate (white noise of
    standard deviation s per axis gives sqrt(12) s).

    Args:
        points: (T, K, 2) pixels, one row per frame.
        size: (T,) or number, body size (torso) in pixels.
        found: (T,) or (T, K) bool; only three frames in a row count, for all points or each point on its own.

    Returns:
        Root mean square over frames and keypoints in torsos per frame squared; nan with fewer than three frames.
    """
    points = np.asarray(points, np.float64)
    if len(points) < 3:
        return float("nan")
    found = np.ones(points.shape[:2], bool) if found is None else np.asarray(found, bool)
    found = np.broadcast_to(found if found.ndim == 2 else found[:, None], points.shape[:2])
    size = np.broadcast_to(np.asarray(size, np.float64), len(points))[1:-1, None]
    acceleration = points[:-2] - 2.0 * points[1:-1] + points[2:]
    usable = found[:-2] & found[1:-1] & found[2:] & (size > 0)
    if not usable.any():
        return float("nan")
    squared = (acceleration**2).sum(axis=-1) / np.where(size > 0, size, 1.0) ** 2
    return float(np.sqrt(squared[usable].mean()))


def resting(points, size, *, speed: float = 0.02) -> np.ndarray:
    """(T, K) bool: keypoints that rest, judged by the speed of their centred 5-frame mean.

    Args:
        points: (T, K, 2) pixels.
        size: (T,) or number, torso in pixels.
        speed: largest speed in torsos per frame.
    """
    points = np.asarray(points, np.float64)
    size = np.broadcast_to(np.asarray(size, np.float64), len(points))
    if len(points) < 2:
        return np.ones(points.shape[:2], bool)
    padded = np.concatenate([points[:1]] * 2 + [points] + [points[-1:]] * 2)
    smooth = sum(padded[i : i + len(points)] for i in range(5)) / 5.0
    velocity = np.linalg.norm(np.gradient(smooth, axis=0), axis=-1)
    return velocity / size[:, None] <= speed


def lag(points, reference, velocity) -> float:
    """Delay of an estimate behind its reference under steady motion.

    Args:
        points: (T, K, 2) pixels, the smoothed or tracked estimate.
        reference: (T, K, 2) pixels, where the points are (or an estimate without memory).
        velocity: (2,) pixels per frame of the steady motion.

    Returns:
        Frames; positive when the estimate comes late.
    """
    velocity = np.asarray(velocity, np.float64)
    behind = np.asarray(reference, np.float64) - np.asarray(points, np.float64)
    return float(np.median(behind @ velocity) / (velocity @ velocity))


class Track(NamedTuple):
    """frames, frames with a pose, losses (pose in the frame before, none or a new detection now), detector runs."""

    frames: int
    found: int
    losses: int
    detector_runs: int

    def __add__(self, other: Track) -> Track:  # type: ignore[override]
        return Track(*(a + b for a, b in zip(self, other, strict=True)))


def track(found, detected) -> Track:
    """Counts of one clip.

    Args:
        found: (T,) bool, a pose was returned.
        detected: (T,) bool, the detector ran in that frame.
    """
    found, detected = np.asarray(found, bool), np.asarray(detected, bool)
    if found.shape != detected.shape:
        raise ValueError(f"found and detected must have one shape. Received: {found.shape}, {detected.shape}")
    lost = found[:-1] & (~found[1:] | detected[1:])
    return Track(len(found), int(found.sum()), int(lost.sum()), int(detected.sum()))
