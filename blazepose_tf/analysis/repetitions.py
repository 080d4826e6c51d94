"""Repetitions of an exercise and their phases, from one joint angle.

Every movement that leaves its rest, passes 60 % of the range and comes back below 40 % of it is one repetition: two
thresholds apart, so that a hesitation or trembling at one of them is no second one. The angle and its range come from
the film itself (the angle that moves most and repeats itself best), or from an example that is shown once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from blazepose_tf.analysis import angles as angles_lib
from blazepose_tf.analysis import signals

__all__ = ["Exercise", "Repetition", "count"]

OUT, BACK = 0.6, 0.4  # share of the range, from rest
LEAST_RANGE = 20.0  # degrees: a person who stands still moves less
LEAST_SECONDS = 0.3  # faster repetitions are noise
PHASE = 0.1  # nearer than this share of a repetition's own range to its ends: resting, or holding


@dataclass(frozen=True)
class Repetition:
    """One repetition; times in seconds, angles in degrees.

    Attributes:
        start, end: when the angle leaves its rest and is back there.
        peak: when it is farthest from rest.
        out, hold, back: seconds of the way out, of the stay near the extreme, of the way back.
        rest, extreme: the angle at rest (mean of before and after) and at the peak.
    """

    start: float
    peak: float
    end: float
    out: float
    hold: float
    back: float
    rest: float
    extreme: float

    @property
    def range(self) -> float:
        """Degrees between rest and extreme."""
        return abs(self.extreme - self.rest)


@dataclass(frozen=True, eq=False)
class Exercise:
    """What was counted.

    Attributes:
        angle: name of the angle, or of a motion ("knee_flexion") for the mean of both sides; None when nothing moves.
        values: (T,) degrees, smoothed.
        low, high: degrees between which it moves.
        rests_high: whether its rest is at `high`.
        repetitions: complete ones, in order.
        cut_off: a repetition that the film's end cuts off was under way.
    """

    angle: str | None
    values: np.ndarray
    low: float
    high: float
    rests_high: bool
    repetitions: tuple[Repetition, ...]
    cut_off: bool


def candidates(found: Mapping[str, np.ndarray], times: np.ndarray) -> dict[str, np.ndarray]:
    """Smoothed angles by which repetitions can be counted: each, and the mean of both sides of each motion."""
    out = {
        name: signals.smooth(values, times)
        for name, values in found.items()
        if not name.endswith(angles_lib.ANKLE)  # feet are small: their angle trembles more than it moves
    }
    for motion in angles_lib.MOTIONS.values():
        left, right = (out.get(f"{side}_{motion}") for side in angles_lib.SIDES)
        if left is not None and right is not None:
            out[motion] = (left + right) / 2.0
    return out


# Where hips and knees bend they carry the exercise, and arms that swing along move through larger angles.
LEGS_LEAD = 2.0
_LEGS = ("knee_flexion", "hip_flexion")


def choose(smoothed: Mapping[str, np.ndarray], times: np.ndarray) -> str | None:
    """The angle that moves most and repeats itself best; None when none moves by LEAST_RANGE."""
    best, best_score = None, 0.0
    for name, values in smoothed.items():
        low, high = signals.spread(values)
        known = np.isfinite(values).mean()
        if not high - low >= LEAST_RANGE or known < 0.5:
            continue
        score = (high - low) * known * (0.2 + max(signals.periodicity(values, times), 0.0))
        score *= LEGS_LEAD if name.endswith(_LEGS) else 1.0
        if score > best_score:
            best, best_score = name, score
    return best


def count(
    found: Mapping[str, np.ndarray],
    times,
    *,
    angle: str | None = None,
    examples: Sequence[tuple[float, float]] = (),
) -> Exercise:
    """Counts repetitions.

    Args:
        found: name -> (T,) degrees (`angles.recording_angles`).
        times: (T,) seconds, rising.
        angle: by which to count; chosen without it.
        examples: (start, end) seconds of repetitions that are shown: the angle that moves most in them is counted, and
            only what moves as far as they do.

    Raises:
        ValueError: an angle that is not there, an example outside the film or without movement.
    """
    times = np.asarray(times, np.float64)
    smoothed = candidates(found, times)
    if angle is not None and angle not in smoothed:
        raise ValueError(f"angle must be one of {sorted(smoothed)}. Received: {angle!r}")
    shown = [_shown(times, example) for example in examples]
    if shown:
        moved = {name: float(np.mean([_range(values[m]) for m in shown])) for name, values in smoothed.items()}
        moved = {name: value for name, value in moved.items() if np.isfinite(value)}
        angle = angle or max(moved, key=lambda name: moved[name], default=None)
        if angle is None or moved.get(angle, 0.0) < LEAST_RANGE:
            raise ValueError(f"no joint moves by {LEAST_RANGE:g} degrees in the example. Received: {list(examples)}")
    else:
        angle = angle or choose(smoothed, times)
    if angle is None:
        return Exercise(None, np.full(len(times), np.nan), np.nan, np.nan, False, (), False)
    values = smoothed[angle]
    if shown:
        low = float(np.mean([np.nanmin(values[m]) for m in shown]))
        high = float(np.mean([np.nanmax(values[m]) for m in shown]))
        rests_high = float(np.mean([values[m][np.isfinite(values[m])][0] for m in shown])) > (low + high) / 2
        shortest = max(LEAST_SECONDS, 0.3 * float(np.mean([b - a for a, b in examples])))
    else:
        (low, high), shortest = signals.spread(values), LEAST_SECONDS
        rests_high = _rests_high(values, times, low, high)
    if not high - low >= LEAST_RANGE:
        return Exercise(angle, values, low, high, rests_high, (), False)
    repetitions, cut_off = _excursions(values, times, low, high, rests_high, shortest)
    return Exercise(angle, values, low, high, rests_high, tuple(repetitions), cut_off)


def _shown(times: np.ndarray, example: tuple[float, float]) -> np.ndarray:
    inside = (times >= example[0]) & (times <= example[1])
    if not example[0] < example[1] or inside.sum() < 3:
        raise ValueError(
            f"an example must lie within the film ({times[0]:.2f} to {times[-1]:.2f} s). Received: {example}"
        )
    return inside


def _range(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.max() - known.min()) if known.size > 2 else float("nan")


def _rests_high(values: np.ndarray, times: np.ndarray, low: float, high: float) -> bool:
    """Films begin at rest; one that begins in the middle rests where the angle stays longer."""
    known = np.flatnonzero(np.isfinite(values))
    begin = np.median(values[known[times[known] <= times[known[0]] + 0.2]])
    share = (begin - low) / (high - low)
    if share < BACK or share > OUT:
        return bool(share > 0.5)
    at = (values[known] - low) / (high - low)
    return bool((at > OUT).mean() > (at < BACK).mean())


def _excursions(values, times, low, high, rests_high, shortest) -> tuple[list[Repetition], bool]:
    """Complete repetitions, and whether another one was under way at the end."""
    away = (high - values) / (high - low) if rests_high else (values - low) / (high - low)
    out, last_rest, began = [], None, None
    for i in np.flatnonzero(np.isfinite(away)).tolist():
        if began is None:
            if away[i] <= BACK:
                last_rest = i
            elif away[i] >= OUT and last_rest is not None:
                began = last_rest
        elif away[i] <= BACK:
            repetition = _repetition(values, away, times, began, i)
            if repetition.end - repetition.start >= shortest:
                out.append(repetition)
            began, last_rest = None, i
    return out, began is not None


def _repetition(values, away, times, began: int, ended: int) -> Repetition:
    """Where an excursion between two passages of the lower threshold really starts, peaks and ends."""
    inside = np.arange(began, ended + 1)
    inside = inside[np.isfinite(away[inside])]
    peak = int(inside[np.argmax(away[inside])])
    start, end = _foot(away, peak, began, -1), _foot(away, peak, ended, 1)
    rest = 0.5 * (away[start] + away[end])
    share = (away - rest) / (away[peak] - rest)
    near = inside[share[inside] >= 1.0 - PHASE]
    # From start to end: the first and last frame near the extreme bound the stay there.
    first, last = times[near[0]], times[near[-1]]
    return Repetition(
        start=float(times[start]), peak=float(times[peak]), end=float(times[end]),
        out=float(first - times[start]), hold=float(last - first), back=float(times[end] - last),
        rest=float(0.5 * (values[start] + values[end])), extreme=float(values[peak]),
    )  # fmt: skip


def _foot(away: np.ndarray, peak: int, crossing: int, step: int) -> int:
    """From the threshold on outwards to where the angle has all but reached its rest."""
    best = i = crossing
    while 0 <= i < len(away) and np.isfinite(away[i]) and away[i] <= BACK:
        if away[i] < away[best]:
            best = i
        elif away[i] > away[best] + PHASE:
            break  # the next movement begins
        i += step
    limit = away[best] + PHASE * (away[peak] - away[best])
    i = crossing
    while i != best and away[i] > limit:
        i += step
    return i
