"""Angles over time made fit for counting: gaps bridged, spikes removed, smoothed without delay (numpy)."""

from __future__ import annotations

import numpy as np

SMOOTHING = 0.08  # seconds, deviation of the Gaussian: a landmark trembles faster, a limb does not
LONGEST_BRIDGE = 0.5  # seconds without the person that are interpolated


def smooth(values, times, *, deviation: float = SMOOTHING) -> np.ndarray:
    """A running median of five, then a Gaussian over the frames' own times: no delay, for recorded film only.

    Args:
        values: (T,) numbers, nan where unknown.
        times: (T,) seconds, rising.
        deviation: of the Gaussian in seconds.

    Returns:
        (T,) numbers; nan stays where more than LONGEST_BRIDGE seconds are unknown, and before and after what is known.
    """
    values, times = np.asarray(values, np.float64), np.asarray(times, np.float64)
    known = np.flatnonzero(np.isfinite(values))
    if not known.size:
        return np.full(len(values), np.nan)
    filled = np.interp(times, times[known], values[known])
    before = np.clip(np.searchsorted(known, np.arange(len(values)), "right") - 1, 0, known.size - 1)
    after = np.clip(np.searchsorted(known, np.arange(len(values)), "left"), 0, known.size - 1)
    gap = times[known[after]] - times[known[before]]
    outside = (np.arange(len(values)) < known[0]) | (np.arange(len(values)) > known[-1])
    unknown = ~np.isfinite(values) & ((gap > LONGEST_BRIDGE) | outside)
    steps = np.diff(times)
    # At five frames per second five frames are a whole movement: the median may span 0.2 seconds.
    reach = min(2, int(0.1 / max(float(np.median(steps)), 1e-6))) if len(steps) else 0
    padded = np.pad(filled, reach, mode="edge")
    filled = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1), axis=-1)
    out = np.empty(len(filled))
    low = np.searchsorted(times, times - 3 * deviation)
    high = np.searchsorted(times, times + 3 * deviation, "right")
    for i, (a, b) in enumerate(zip(low, high, strict=True)):
        weight = np.exp(-0.5 * ((times[a:b] - times[i]) / deviation) ** 2)
        out[i] = weight @ filled[a:b] / weight.sum()
    return np.where(unknown, np.nan, out)


def periodicity(values, times, *, shortest: float = 0.4) -> float:
    """How much a signal repeats itself: its largest autocorrelation beyond the first fall below zero.

    Args:
        values: (T,) numbers, nan where unknown.
        times: (T,) seconds.
        shortest: seconds of the shortest period that counts.

    Returns:
        In [-1, 1]: near 1 for a clean repetition, 0 for noise or a single movement.
    """
    values, times = np.asarray(values, np.float64), np.asarray(times, np.float64)
    known = np.isfinite(values)
    if known.sum() < 8:
        return 0.0
    step = float(np.median(np.diff(times)))
    even = np.arange(times[0], times[-1], step)
    signal = np.interp(even, times[known], values[known])
    signal = signal - signal.mean()
    count = len(signal)
    if not signal.any():
        return 0.0
    best, fallen = 0.0, False
    for lag in range(1, 2 * count // 3):
        first, second = signal[:-lag], signal[lag:]
        norm = np.sqrt((first @ first) * (second @ second))
        correlation = float(first @ second / norm) if norm > 0 else 0.0
        fallen = fallen or correlation < 0
        if fallen and lag * step >= shortest:
            best = max(best, correlation)
    return best


def spread(values) -> tuple[float, float]:
    """5th and 95th percentile of what is known; nan without anything."""
    known = np.asarray(values)[np.isfinite(values)]
    return (float(np.percentile(known, 5)), float(np.percentile(known, 95))) if known.size else (np.nan, np.nan)
