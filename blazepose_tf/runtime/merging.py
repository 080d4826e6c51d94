"""Two looks at one person as one reading: of what the one is unsure, the other may be sure (numpy)."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from blazepose_tf.geometry import alignment as alignment_lib
from blazepose_tf.runtime.tracker import PER_POINT, Track

# Body circle's radii (a fifth of a torso) between two readings of a point that still mean one place. Beyond, one of
# the two is wrong, and whatever lies between them is, too.
ONE_PLACE = 0.1
# What a spread in the first look counts: a region that a detector has drawn is off.
FIRST = 1.5
# Cells, for points without a peak in their heatmap (`codecs.refinement.Refined`): wider than most that have one.
UNSUPPORTED = 4.0


def merged(first: Track, second: Track) -> Track:
    """One reading of two looks.

    A point and all that is said of it lie between both looks, by the inverse squares of its spreads (`FIRST`); where
    the looks mean two places, it is the one of the look with less spread. Alignment, mask and whether somebody is there
    are the second look's.

    Args:
        first: a look, in pixels of the picture.
        second: a look in the person's own region, with alignment points; of a mirrored crop it knows most that is new.
    """
    spread, other = FIRST * _spread(first), _spread(second)
    apart = np.linalg.norm(first.points - second.points, axis=1)
    one_place = apart <= ONE_PLACE * float(alignment_lib.radius(second.alignment))
    share = np.where(one_place, other**2 / (spread**2 + other**2), spread < other).astype(np.float32)

    def between(a: np.ndarray | None, b: np.ndarray | None) -> np.ndarray | None:
        if a is None or b is None:
            return b
        part = share.reshape(-1, *[1] * (a.ndim - 1))
        # What the one look cannot tell (nan), the other does.
        return np.where(np.isnan(a), b, np.where(np.isnan(b), a, b + part * (a - b))).astype(np.float32)

    parts: dict[str, Any] = {n: between(getattr(first, n), getattr(second, n)) for n in PER_POINT}
    return dataclasses.replace(second, **parts)


def _spread(track: Track) -> np.ndarray:
    """(K,) cells without gaps; all alike where nothing was refined."""
    if track.spread is None:
        return np.ones(len(track.points), np.float32)
    return np.where(np.isfinite(track.spread), track.spread, np.float32(UNSUPPORTED))
