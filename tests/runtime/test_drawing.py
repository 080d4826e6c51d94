"""Drawings: the right colours at the right places, faded where uncertain, at any size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from blazepose_tf import topology
from blazepose_tf.runtime.drawing import LEFT, RIGHT, draw_pose, line_width, shades
from blazepose_tf.runtime.poses import Pose, PoseResult

INDEX = {name: i for i, name in enumerate(topology.KEYPOINTS)}


def _result(size, points, visibility=1.0, found=True):
    pose = Pose(
        landmarks=points,
        visibility=np.broadcast_to(np.float32(visibility), (33,)),
        presence=None,
        pose_presence=1.0,
        z=None,
        world=None,
        roi=np.array([size / 2, size / 2, size, 0.0], np.float32),
        source="detected",
        detection=None,
        id=1,
        names=topology.KEYPOINTS,
    )
    return PoseResult((pose,) if found else (), topology.KEYPOINTS, (size, size))


def _spread(size):
    """Left arm and leg on the picture's right half, right ones on its left, far from each other."""
    points = np.full((33, 2), size / 2, np.float32)
    for name, i in INDEX.items():
        side = 0.75 if name.startswith("left") or name.endswith("left") else 0.25
        points[i] = side * size, (0.1 + 0.025 * i) * size
    return points


@pytest.mark.parametrize("size", [100, 400, 2400])
def test_left_is_orange_and_right_is_cyan(size):
    points = _spread(size)
    drawn = draw_pose(np.zeros((size, size, 3), np.uint8), _result(size, points))
    for name, color in (("left_knee", LEFT), ("right_knee", RIGHT)):
        x, y = points[INDEX[name]].astype(int)
        assert np.abs(drawn[y, x].astype(int) - color).max() < 60, name


def test_each_of_several_people_has_shades_of_their_own():
    size, points = 400, _spread(400)
    (pose,) = _result(size, points).people
    second = replace(pose, id=2, landmarks=points + np.float32([30, 0]))
    result = replace(_result(size, points), people=(pose, second), max_people=2)
    drawn = draw_pose(np.zeros((size, size, 3), np.uint8), result)
    for person in result.people:
        for name, color in zip(("left_knee", "right_knee"), shades(person.id), strict=False):
            x, y = person.landmarks[INDEX[name]].astype(int)
            assert np.abs(drawn[y, x].astype(int) - color).max() < 60, (person.id, name)
    apart = [np.abs(np.subtract(shades(a)[0], shades(b)[0])).max() for a in range(1, 7) for b in range(1, a)]
    assert min(apart) > 60


def test_dots_are_centred_on_continuous_pixels():
    """A dot at (60, 60) continuous lies half a pixel before index 60: its weight must balance around 60."""
    points = np.full((33, 2), -1000, np.float32)
    points[INDEX["left_knee"]] = 60.0, 60.0
    visibility = np.zeros(33, np.float32)
    visibility[INDEX["left_knee"]] = 1.0
    size = 3000
    drawn = draw_pose(np.zeros((size, size, 3), np.uint8), _result(size, points, visibility))
    drawn = drawn[:120, :120, 0].astype(float)
    grid = np.arange(120) + 0.5
    center = [(drawn.sum(0) * grid).sum() / drawn.sum(), (drawn.sum(1) * grid).sum() / drawn.sum()]
    np.testing.assert_allclose(center, 60.0, atol=0.1)


def test_uncertain_points_fade_and_guesses_vanish():
    size, points = 300, _spread(300)
    image = np.zeros((size, size, 3), np.uint8)
    strength = [float(draw_pose(image, _result(size, points, v)).astype(float).sum()) for v in (0.9, 0.3, 0.05)]
    assert strength[0] > 2 * strength[1] > 0 and strength[2] == 0


def test_nobody_and_the_original_stay_untouched():
    image = np.random.default_rng(0).integers(0, 256, (90, 90, 3), np.uint8)
    before = image.copy()
    assert np.array_equal(draw_pose(image, _result(90, np.zeros((33, 2), np.float32), found=False)), image)
    draw_pose(image, _result(90, _spread(90)), show_roi=True)
    assert np.array_equal(image, before)


def test_wild_points_do_not_crash():
    points = np.full((33, 2), 1e9, np.float32)
    points[3] = np.nan
    points[4] = -1e30
    for visibility in (1.0, 0.3):
        image = np.zeros((50, 50, 3), np.uint8)
        assert draw_pose(image, _result(50, points, visibility)).shape == (50, 50, 3)
        assert draw_pose(image, _result(50, points + 1e6, visibility), in_place=True) is image


def test_lines_stay_thin():
    assert [line_width(s, b) for s, b in (((480, 270), 300), ((1920, 1080), 900), ((3840, 2160), 200))] == [1, 4, 1]
