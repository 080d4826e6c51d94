"""Whether two findings are the same person: by body circle and incline, and by object keypoint similarity (numpy).

Faces have no say in it: a body that is seen from behind has none. By the same measure, how similar a pose probably is
to the person that it is of.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from blazepose_tf import topology
from blazepose_tf.codecs.error_bars import COVERED
from blazepose_tf.geometry import alignment as alignment_lib
from blazepose_tf.metrics import oks
from blazepose_tf.runtime.tracker import Track
from blazepose_tf.specs import TrackerSpec

# Object keypoint similarity above which two poses are one body read twice; of two people a third of a radius apart it
# is below 0.1.
SAME_BODY = 0.3
# The radius that an error bar is, in standard deviations along each axis.
_BAR = math.sqrt(-2.0 * math.log(1.0 - COVERED))
# Area of a person in squares of the body circle's radius (a standing adult: 0.46 m2 in a circle of 1 m).
_AREA = 0.45


def same_circle(a: np.ndarray | None, b: np.ndarray | None) -> bool:
    """Whether two (2, 2) alignments are one person's; not known (False) without one of them."""
    return a is not None and b is not None and alignment_lib.distance(a, b) < alignment_lib.SAME_PERSON


@functools.lru_cache(maxsize=8)
def _falloff(names: tuple[str, ...]) -> np.ndarray:
    """(K,) sigmas of the keypoints; points of the user's own are taken to be as exact as an elbow."""
    known = set(topology.KEYPOINTS) | set(topology.COCO_17)
    return np.array([oks.sigmas([name if name in known else "left_elbow"])[0] for name in names])


def similarity(a: np.ndarray, b: np.ndarray, radius: float, names: tuple[str, ...]) -> float:
    """Object keypoint similarity of two poses.

    Args:
        a: (K, 2) pixels.
        b: (K, 2) pixels.
        radius: of the body circle in pixels.
        names: the K keypoint names.

    Returns:
        In [0, 1].
    """
    squared = ((np.asarray(a, np.float64) - b) ** 2).sum(axis=-1)
    return float(np.exp(-squared / (2.0 * _variances(tuple(names), radius))).mean())


def _variances(names: tuple[str, ...], radius: float) -> np.ndarray:
    """(K,) squared pixels along each axis: how fast the similarity of a point falls with its distance."""
    return (2.0 * _falloff(names)) ** 2 * (_AREA * radius * radius)


def expected_similarity(error: np.ndarray, radius: float, names: tuple[str, ...]) -> float:
    """Object keypoint similarity to the person that error bars lead one to expect, of COCO's 17 points.

    Were the errors of a point normally distributed, the mean of its similarity would be
    1 / (1 + its variance / that of the similarity).

    Args:
        error: (K,) pixels within which 90 % of a point's labelled places lie; one that is not finite counts 0.
        radius: of the body circle in pixels.
        names: the K keypoint names.

    Returns:
        In [0, 1].
    """
    names = tuple(names)
    variance = (np.asarray(error, np.float64) / _BAR) ** 2
    expected = np.nan_to_num(1.0 / (1.0 + variance / _variances(names, radius)))
    return float(expected[_measured(names)].mean())


@functools.lru_cache(maxsize=8)
def _measured(names: tuple[str, ...]) -> np.ndarray:
    """Indices of the points that the measure is made for, COCO's; of all points where there are none of them."""
    found = [i for i, name in enumerate(names) if name in topology.COCO_17]
    return np.array(found or range(len(names)))


def same_body(a: Track, b: Track, spec: TrackerSpec) -> bool:
    """Whether two tracks of one frame are of one body."""
    return similarity(a.points, b.points, _radius(a, b), spec.keypoint_names) > SAME_BODY


def _radius(*tracks: Track) -> float:
    """The larger body circle's radius; from the points' spread where a model gives no alignment."""
    sizes = []
    for track in tracks:
        if track.alignment is not None:
            sizes.append(float(alignment_lib.radius(track.alignment)))
        else:
            sizes.append(0.5 * math.hypot(*np.ptp(track.points, axis=0)))
    return max(*sizes, 1e-6)
