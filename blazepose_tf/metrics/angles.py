"""Errors of joint angles in the picture's plane, as a comparison of two methods of measurement (numpy).

Reference: Bland and Altman, "Statistical methods for assessing agreement between two methods of clinical measurement",
The Lancet 1986: bias, and the limits within which 95 % of the differences lie.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from blazepose_tf import topology
from blazepose_tf.geometry import angles

TRUNK = "trunk"
# A labelled limb shorter than this (torsos) points at the camera: its angle in the picture is the label's noise.
SHORTEST_LIMB = 0.2
LIMITS = 1.96  # standard deviations around the bias that hold 95 % of normal differences


class Agreement(NamedTuple):
    """Of predicted minus labelled angles in degrees: median of the absolute differences, bias (mean difference), lower
    and upper limit of agreement (95 %), and how many angles; nan where there are too few."""

    median: float
    bias: float
    low: float
    high: float
    count: int  # type: ignore[assignment]  # tuples have a method of this name


def angle_errors(predicted, truth, labelled, torso, names: Sequence[str] = topology.KEYPOINTS) -> dict[str, np.ndarray]:
    """Predicted minus labelled angles: elbow, knee, hip, shoulder of both sides, and the trunk's lean.

    Args:
        predicted: (N, K, 2) pixels; angles with a point that is not finite are left out.
        truth: (N, K, 2) pixels.
        labelled: (N, K) non-zero where labelled.
        torso: (N,) pixels; people with nan are left out.
        names: names of the K keypoints; joints that the set lacks are left out.

    Returns:
        name of the joint -> (n,) degrees, of the angles that are known in both.
    """
    predicted, truth = np.asarray(predicted, np.float64), np.asarray(truth, np.float64)
    labelled = np.asarray(labelled) > 0
    shortest = SHORTEST_LIMB * np.asarray(torso, np.float64)
    out: dict[str, list[np.ndarray]] = {}
    for name, (a, b, c) in topology.angle_indices(names).items():
        known = labelled[:, [a, b, c]].all(axis=1)
        for end in (a, c):
            with np.errstate(invalid="ignore"):
                known &= np.linalg.norm(truth[:, end] - truth[:, b], axis=-1) >= shortest
        joint = name.removeprefix("left_").removeprefix("right_")
        found = angles.between(predicted[:, a], predicted[:, b], predicted[:, c])
        out.setdefault(joint, []).append((found - angles.between(truth[:, a], truth[:, b], truth[:, c]))[known])
    places = topology.alignment_indices(names)
    if places is not None:
        hips, shoulders = list(places["hips"]), list(places["shoulders"])
        known = labelled[:, hips + shoulders].all(axis=1) & np.isfinite(shortest)
        leans = [angles.lean(p[:, hips].mean(axis=1), p[:, shoulders].mean(axis=1)) for p in (predicted, truth)]
        out[TRUNK] = [angles.wrapped(leans[0] - leans[1])[known]]
    errors = {joint: np.concatenate(parts) for joint, parts in out.items()}
    return {joint: values[np.isfinite(values)] for joint, values in errors.items()}


def agreement(errors) -> Agreement:
    """Summary of (n,) signed differences in degrees."""
    errors = np.asarray(errors, np.float64)
    if not errors.size:
        return Agreement(float("nan"), float("nan"), float("nan"), float("nan"), 0)
    bias = float(errors.mean())
    spread = LIMITS * float(errors.std(ddof=1)) if errors.size > 1 else float("nan")
    return Agreement(float(np.median(np.abs(errors))), bias, bias - spread, bias + spread, int(errors.size))
