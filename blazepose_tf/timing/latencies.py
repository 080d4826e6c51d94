"""Summaries of latencies: medians and percentiles of runs, ratios of rounds.

A measurement is a list of rounds, a round a list of runs. Rounds of different models are interleaved, so that what
disturbs the machine for a while disturbs them alike; ratios are therefore taken round by round.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def summarize(rounds: Sequence[Sequence[float]]) -> dict:
    """Statistics of all runs, and the median of each round.

    Args:
        rounds: latencies in ms, one sequence per round.

    Returns:
        {"median", "p5", "p95", "min", "mean", "std", "count", "rounds"}; ms, except count. `rounds` holds the medians.

    Raises:
        ValueError: there is no run, or a latency is not a positive number.
    """
    parts = [np.asarray(r, dtype=np.float64).ravel() for r in rounds]
    runs: np.ndarray = np.concatenate(parts) if parts else np.zeros(0)
    if not runs.size:
        raise ValueError("latencies of at least one run are needed. Received: none")
    if not np.all(np.isfinite(runs)) or runs.min() <= 0:
        raise ValueError(f"latencies must be positive. Received: min={runs.min()!r}")
    p5, median, p95 = np.percentile(runs, (5, 50, 95))
    return {
        "median": float(median),
        "p5": float(p5),
        "p95": float(p95),
        "min": float(runs.min()),
        "mean": float(runs.mean()),
        "std": float(runs.std()),
        "count": int(runs.size),
        "rounds": [float(np.median(r)) for r in rounds],
    }


def ratio(rounds: Sequence[float], reference: Sequence[float]) -> dict:
    """Ratio of two rows that were measured in the same rounds.

    Args:
        rounds: median of each round in ms.
        reference: median of each round of the reference, in ms, same length.

    Returns:
        {"median", "p5", "p95"} of the rounds' ratios.
    """
    if len(rounds) != len(reference) or not len(rounds):
        raise ValueError(f"both rows need the same rounds. Received: {len(rounds)} and {len(reference)} rounds")
    p5, median, p95 = np.percentile(np.asarray(rounds) / np.asarray(reference), (5, 50, 95))
    return {"median": float(median), "p5": float(p5), "p95": float(p95)}
