"""Who can be trained on: the paper's rule, and the alignment of those who pass.

Reference: BlazePose paper, section 2.4: only people whose hips and shoulders are confidently annotated.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from blazepose_tf import topology
from blazepose_tf.converters import names as names_lib
from blazepose_tf.geometry import alignment as alignment_lib

NO_POINTS = "no keypoint labelled"
NO_TORSO = "hips and shoulders not labelled"
NO_HIPS = "hips not labelled"
NO_SHOULDERS = "shoulders not labelled"
CENTER_OUTSIDE = "mid-hip outside the picture"
NO_SIZE = "body without extent"
TOO_SMALL = "body too small"


def drop_reason(keypoints: np.ndarray, names: Sequence[str]) -> str | None:
    """Why a person fails the paper's rule; None for one who passes.

    Args:
        keypoints: (K, 3) x, y, state.
        names: the K names. A set without hips and shoulders only has to have a labelled point.
    """
    if not (keypoints[:, 2] > 0).any():
        return NO_POINTS
    if not names_lib.has_torso(names):
        return None
    hips, shoulders = (
        (keypoints[topology.indices([f"left_{part}", f"right_{part}"], names), 2] > 0).all()
        for part in ("hip", "shoulder")
    )
    if hips and shoulders:
        return None
    return NO_TORSO if not (hips or shoulders) else NO_SHOULDERS if hips else NO_HIPS


def align(keypoints: np.ndarray, names: Sequence[str], box: Sequence[float] | None) -> np.ndarray:
    """Alignment of a person who passes `drop_reason`.

    Args:
        keypoints: (K, 3) x, y, state in pixels. Points beyond the 33, such as the head's top, count for the circle.
        names: the K names.
        box: x0, y0, x1, y1 of the person; for sets without hips and shoulders, whose circle is upright and holds the
            box, or else all labelled points with a margin.

    Returns:
        (2, 2) centre and scale point in pixels.
    """
    labelled = keypoints[:, 2] > 0
    indices = topology.alignment_indices(names)
    if indices is not None:
        return alignment_lib.from_keypoints(keypoints[:, :2], labelled.astype(np.float64), **indices)
    if box is not None:
        low, high, factor = np.array(box[:2]), np.array(box[2:]), 1.0
    else:
        points = keypoints[labelled, :2]
        low, high, factor = points.min(axis=0), points.max(axis=0), alignment_lib.RADIUS_FACTOR
    radius = factor * 0.5 * np.hypot(*(high - low))
    return alignment_lib.from_parts(0.5 * (low + high), np.asarray(radius), np.asarray(0.0))
