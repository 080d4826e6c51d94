"""Errors of predicted alignments: centre, radius, incline (numpy), and the card of what counts as found.

A detection is good enough for the tracker when its crop is one the tracker was trained for, with some reserve: centre
within half a torso, radius within 30 %, incline within 15 degrees.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from blazepose_tf.geometry import alignment as alignment_lib

MAX_CENTER = 0.5  # torsos
MAX_RADIUS = 0.3  # share of the true radius
MAX_INCLINE = np.deg2rad(15.0)

# Median circle radius / torso over people whose whole body was labelled; stands in where hips or shoulders are not.
RADIUS_IN_TORSOS = 1.85


class AlignmentErrors(NamedTuple):
    """center (...) in torsos, radius (...) as |r / true r - 1|, incline (...) in radians in [0, pi]."""

    center: np.ndarray
    radius: np.ndarray
    incline: np.ndarray


def errors(predicted, truth, torso) -> AlignmentErrors:
    """Errors of alignments.

    Args:
        predicted: (..., 2, 2) alignment points in pixels; broadcast against `truth`.
        truth: (..., 2, 2) alignment points in pixels.
        torso: (...) torso size in pixels; where it is nan, the true radius / RADIUS_IN_TORSOS is taken.
    """
    predicted, truth = np.asarray(predicted, np.float64), np.asarray(truth, np.float64)
    radius = alignment_lib.radius(truth)
    torso = np.asarray(torso, np.float64)
    torso = np.where(np.isfinite(torso) & (torso > 0), torso, radius / RADIUS_IN_TORSOS)
    center = np.linalg.norm(predicted[..., 0, :] - truth[..., 0, :], axis=-1) / torso
    size = np.abs(alignment_lib.radius(predicted) / radius - 1.0)
    turn = alignment_lib.incline(predicted) - alignment_lib.incline(truth)
    turn = np.abs(np.arctan2(np.sin(turn), np.cos(turn)))
    return AlignmentErrors(center, size, turn)


def within(error: AlignmentErrors) -> np.ndarray:
    """(...) bool: centre, radius and incline are all within the limits of the module; nan is not."""
    with np.errstate(invalid="ignore"):
        return (error.center <= MAX_CENTER) & (error.radius <= MAX_RADIUS) & (error.incline <= MAX_INCLINE)
