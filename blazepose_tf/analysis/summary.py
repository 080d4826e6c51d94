"""Range of motion, symmetry and the repetitions of a recording as plain tables (JSON-ready)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from blazepose_tf.analysis import angles as angles_lib
from blazepose_tf.analysis import signals
from blazepose_tf.analysis.repetitions import Exercise

REPETITION_COLUMNS = (
    "repetition", "start_s", "peak_s", "end_s", "out_s", "hold_s", "back_s", "rest_deg", "extreme_deg", "range_deg",
)  # fmt: skip


def range_of_motion(
    found: Mapping[str, np.ndarray], times: np.ndarray, errors: Mapping[str, np.ndarray]
) -> dict[str, dict]:
    """Per angle: smallest and largest value (1st and 99th percentile of the smoothed angle), their distance, the
    median error bar of a frame, and the share of frames in which it is known. Degrees; None where it never is."""
    out = {}
    for name, values in found.items():
        known = signals.smooth(values, times)
        known = known[np.isfinite(known)]
        ends = [float(v) for v in np.percentile(known, (1, 99))] if known.size else None
        out[name] = {
            "min": ends and ends[0],
            "max": ends and ends[1],
            "range": ends and ends[1] - ends[0],
            "error": float(np.nanmedian(errors[name])) if np.isfinite(errors.get(name, np.nan)).any() else None,
            "known": float(np.isfinite(values).mean()),
        }
    return out


def symmetry(found: Mapping[str, np.ndarray], times: np.ndarray) -> dict[str, dict]:
    """Per motion, left against right.

    Returns:
        motion -> "left_range", "right_range" in degrees (`range_of_motion`); "index", their difference (right less
        left) over their mean in percent, 0 = symmetric (Robinson et al. 1987); "difference", mean of right less left in
        degrees, and "correlation" over the frames in which both are known (1 together, -1 in turn).
    """
    ranges = range_of_motion(found, times, {})
    out = {}
    for motion in (*angles_lib.MOTIONS.values(), angles_lib.ANKLE):
        names = [f"{side}_{motion}" for side in angles_lib.SIDES]
        if not all(name in found and ranges[name]["range"] is not None for name in names):
            continue
        left, right = (signals.smooth(found[name], times) for name in names)
        both = np.isfinite(left) & np.isfinite(right)
        a, b = (ranges[name]["range"] for name in names)
        moves = both.sum() > 2 and left[both].std() > 0 and right[both].std() > 0
        out[motion] = {
            "left_range": a,
            "right_range": b,
            "index": 200.0 * (b - a) / (a + b) if a + b > 0 else 0.0,
            "difference": float((right - left)[both].mean()) if both.any() else None,
            "correlation": float(np.corrcoef(left[both], right[both])[0, 1]) if moves else None,
        }
    return out


def repetition_rows(exercise: Exercise) -> list[list]:
    """Rows of REPETITION_COLUMNS, rounded."""
    return [
        [number, *(round(v, 3) for v in (r.start, r.peak, r.end, r.out, r.hold, r.back)),
         *(round(v, 1) for v in (r.rest, r.extreme, r.range))]
        for number, r in enumerate(exercise.repetitions, 1)
    ]  # fmt: skip


def document(
    found: Mapping[str, np.ndarray], times: np.ndarray, exercise: Exercise, errors: Mapping[str, np.ndarray]
) -> dict:
    """Everything but the angles themselves; `errors` are those of `angles.recording_errors`."""
    lengths = np.array([r.end - r.start for r in exercise.repetitions])
    starts = np.array([r.start for r in exercise.repetitions])
    return {
        "seconds": float(times[-1] - times[0]),
        "counted_by": exercise.angle,
        "repetitions": len(exercise.repetitions),
        "cut_off": exercise.cut_off,
        "moves_between_deg": None if exercise.angle is None else [exercise.low, exercise.high],
        "seconds_each": None if not lengths.size else float(lengths.mean()),
        "per_minute": None if starts.size < 2 else float(60.0 / np.diff(starts).mean()),
        "table": [dict(zip(REPETITION_COLUMNS, row, strict=True)) for row in repetition_rows(exercise)],
        "range_of_motion_deg": range_of_motion(found, times, errors),
        "symmetry": symmetry(found, times),
    }
