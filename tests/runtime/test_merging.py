"""One reading of two looks, on numbers worked out by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from blazepose_tf.runtime.merging import merged
from blazepose_tf.runtime.tracker import Track


def track(x: float, spread: float | None, **parts) -> Track:
    """Three points in a row, 50 pixels apart, in a body circle of 100 pixels."""
    points = np.float32([[x, 10.0], [x + 50.0, 10.0], [x + 100.0, 10.0]])
    values = {
        "points": points, "z": None, "visibility": np.full(3, 0.5, np.float32), "presence": None, "pose_presence": 0.9,
        "alignment": np.float32([[100.0, 200.0], [100.0, 100.0]]), "world": None,
        "spread": None if spread is None else np.full(3, spread, np.float32),
    }  # fmt: skip
    return Track(**(values | parts))


def test_a_point_lies_where_it_is_sharper():
    # The first look's region is off: its spread counts half as much again.
    first, second = track(0.0, 2.0, visibility=np.full(3, 1.0)), track(5.0, 1.5, visibility=np.full(3, 0.5))
    found = merged(first, second)
    np.testing.assert_allclose(found.points[:, 0], [4.0, 54.0, 104.0], atol=1e-5)  # a fifth of the way back
    np.testing.assert_allclose(found.points[:, 1], 10.0)
    np.testing.assert_allclose(found.visibility, 0.6)
    np.testing.assert_allclose(found.spread, 1.6)
    assert found.pose_presence == second.pose_presence and found.z is None
    np.testing.assert_array_equal(found.alignment, second.alignment)


@pytest.mark.parametrize(("spread", "other", "x"), [(1.0, 2.0, 0.0), (2.0, 1.0, 11.0), (1.0, 1.4, 11.0)])
def test_of_two_places_one_is_chosen(spread, other, x):
    """11 pixels apart in a circle of 100: what lies between them is neither."""
    np.testing.assert_allclose(merged(track(0.0, spread), track(11.0, other)).points[:, 0], [x, x + 50, x + 100])


def test_what_one_look_cannot_tell_the_other_does():
    unsupported = np.float32([np.nan, 1.5, 1.5])
    first = track(0.0, 1.0, error=np.float32([3.0, 3.0, np.nan]))
    second = dataclasses.replace(track(4.0, 1.0), spread=unsupported, error=np.float32([np.nan, 5.0, 5.0]))
    found = merged(first, second)
    np.testing.assert_allclose(found.points[:, 0], [4.0 * 9.0 / 73.0, 52.0, 102.0], rtol=1e-5)
    np.testing.assert_allclose(found.error, [3.0, 4.0, 5.0])
    np.testing.assert_allclose(found.spread, [1.0, 1.25, 1.25])


def test_without_heatmaps_and_with_metres():
    world = np.arange(9, dtype=np.float32).reshape(3, 3)
    found = merged(track(0.0, None, world=world, z=np.zeros(3)), track(4.0, None, world=world + 1.0, z=np.ones(3)))
    share = 1.0 / (1.0 + 1.5**2)
    np.testing.assert_allclose(found.points[:, 0], np.array([4.0, 54.0, 104.0]) - 4.0 * share, rtol=1e-6)
    np.testing.assert_allclose(found.world, world + 1.0 - share, rtol=1e-6)
    np.testing.assert_allclose(found.z, 1.0 - share, rtol=1e-6)
    assert found.spread is None and found.error is None
