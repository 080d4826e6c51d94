"""Confidence intervals by resampling people (not points: the points of one person are not independent)."""

from __future__ import annotations

import numpy as np


def ratio_interval(
    numerators, denominators, *, samples: int = 1000, confidence: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Percentile interval of sum(numerators) / sum(denominators) under resampling of people with replacement.

    Args:
        numerators: (N,) per person, for instance correct points.
        denominators: (N,) per person, for instance labelled points.
        samples: resamples.
        confidence: share of resamples inside.
        seed: of the resampling; the same input gives the same interval.

    Returns:
        (low, high); nan for nobody.
    """
    top, bottom = np.asarray(numerators, np.float64), np.asarray(denominators, np.float64)
    if top.shape != bottom.shape or top.ndim != 1:
        raise ValueError(f"numerators and denominators must both be (N,). Received: {top.shape}, {bottom.shape}")
    if not top.size or not bottom.sum():
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    values = np.empty(samples)
    for i in range(samples):
        chosen = rng.integers(0, top.size, top.size)
        total = float(bottom[chosen].sum())
        values[i] = float(top[chosen].sum()) / total if total else np.nan
    tail = 50.0 * (1.0 - confidence)
    low, high = np.nanpercentile(values, [tail, 100.0 - tail])
    return float(low), float(high)


def difference_interval(
    first, second, denominators, *, samples: int = 1000, confidence: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Interval of the difference of two systems on the same people (paired: both are resampled together).

    Args:
        first: (N,) per person, for instance correct points of the first system.
        second: (N,) the same of the second system.
        denominators: (N,) labelled points.
    """
    delta = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    return ratio_interval(delta, denominators, samples=samples, confidence=confidence, seed=seed)
