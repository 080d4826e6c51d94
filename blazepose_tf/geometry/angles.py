"""Angles of a body: between two limbs, and of a limb against the vertical (numpy, degrees).

In the picture's plane a limb that points at the camera has no angle; where that matters, callers ask how long it is.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def between(first, vertex, second) -> np.ndarray:
    """Angle at `vertex` between the directions to `first` and to `second`.

    Args:
        first, vertex, second: (..., D) points of two or three dimensions, y down or up.

    Returns:
        (...) degrees in [0, 180], 180 when the three lie on a line; nan where two points coincide or one is not finite.
    """
    first, vertex, second = (np.asarray(p, np.float64) for p in (first, vertex, second))
    one, two = first - vertex, second - vertex
    lengths = np.linalg.norm(one, axis=-1), np.linalg.norm(two, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        # Twice the arctangent of the half angle is exact at 0 and 180 degrees, where the arccosine is not.
        one, two = one / lengths[0][..., None], two / lengths[1][..., None]
        angle = 2.0 * np.arctan2(np.linalg.norm(one - two, axis=-1), np.linalg.norm(one + two, axis=-1))
    return np.where(np.isfinite(angle) & (lengths[0] > 0) & (lengths[1] > 0), np.rad2deg(angle), np.nan)


OTHERS = "others"


def factor(factors: Mapping[str, float], joint: str) -> float:
    """Factor on the bars of a joint's angles: its own, else that of all (`OTHERS`), else none."""
    return factors.get(joint, factors.get(OTHERS, 1.0))


# Half of the interval that holds 90 % of a normal variable, by the radius that holds 90 % of two.
_ALONG = 1.645 / 2.146


def between_error(first, vertex, second, errors) -> np.ndarray:
    """How far `between` may be off: to first order, for errors that are independent and have no direction.

    Args:
        first, vertex, second: (..., D) points.
        errors: (..., 3) radii around the three that hold 90 % of where they may be, in the points' unit.

    Returns:
        (...) degrees that hold about 90 % of the angle's errors, 180 at most; nan as in `between` or where a radius is.
    """
    first, vertex, second = (np.asarray(p, np.float64) for p in (first, vertex, second))
    one, two, across = (np.linalg.norm(p - q, axis=-1) for p, q in ((first, vertex), (second, vertex), (first, second)))
    errors = np.asarray(errors, np.float64)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        # An end of a limb turns it by its way over the limb's length; the vertex does so to both at once.
        shares = errors[..., 0] / one, errors[..., 1] * across / (one * two), errors[..., 2] / two
        degrees = np.rad2deg(_ALONG * np.sqrt(sum(share**2 for share in shares)))
    return np.where(np.isfinite(degrees), np.minimum(degrees, 180.0), np.nan)


def lean_error(lower, upper, errors) -> np.ndarray:
    """As `between_error` for `lean`; `errors` (..., 2) are the radii around `lower` and `upper`."""
    length = np.linalg.norm(np.asarray(upper, np.float64) - np.asarray(lower, np.float64), axis=-1)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        degrees = np.rad2deg(_ALONG * np.linalg.norm(np.asarray(errors, np.float64), axis=-1) / length)
    return np.where(np.isfinite(degrees), np.minimum(degrees, 180.0), np.nan)


def middle_errors(errors, *pairs) -> np.ndarray:
    """(..., P) radii around the middles of P pairs of points, of (..., K) radii: the middle is off by half of both."""
    return np.stack([0.5 * np.linalg.norm(np.asarray(errors)[..., list(pair)], axis=-1) for pair in pairs], axis=-1)


def lean(lower, upper) -> np.ndarray:
    """Inclination of the direction from `lower` to `upper` against the picture's vertical.

    Args:
        lower, upper: (..., 2) pixels, y down.

    Returns:
        (...) degrees in (-180, 180], 0 = upright, positive to the right; nan as in `between`.
    """
    way = np.asarray(upper, np.float64) - np.asarray(lower, np.float64)
    angle = np.rad2deg(np.arctan2(way[..., 0], -way[..., 1]))
    return np.where(np.isfinite(way).all(axis=-1) & (np.abs(way).max(axis=-1) > 0), angle, np.nan)


def wrapped(degrees) -> np.ndarray:
    """Differences of leans in [-180, 180)."""
    return np.mod(np.asarray(degrees, np.float64) + 180.0, 360.0) - 180.0
