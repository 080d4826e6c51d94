"""The depth buffer against hand-computed solids and against a second implementation."""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf.synthetic.solids import Camera, Solid, draw_box, draw_solids, new_buffers, surface_at

CAMERA = Camera(np.diag((1.0, -1.0, -1.0)), np.array((0.0, 0.0, 10.0)), 500.0, (100.0, 80.0))
TELE_CAMERA = Camera(np.diag((1.0, -1.0, -1.0)), np.array((0.0, 0.0, 100.0)), 5000.0, (100.0, 80.0))


def draw(*solids: Solid, camera: Camera = CAMERA):
    buffers = new_buffers(160, 200)
    draw_solids(buffers, solids, camera)
    return buffers


def ball(center, radius, material=0, **kwargs):
    center = np.array(center, float)
    return Solid(center, center, radius, radius, material, np.eye(3), **kwargs)


def test_projection_by_hand():
    """The camera looks along -z from z = 10 with 500 px: 1 m to the right at distance 10 is 50 px, 1 m up is -50 px."""
    np.testing.assert_allclose(CAMERA.project(np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 5)])),
                               [(100, 80), (150, 80), (100, 30), (200, -20)])  # fmt: skip
    np.testing.assert_allclose(CAMERA.scaled(2).project(np.array((1.0, 0, 0))), (300, 160))


def test_ball_has_its_radius_depth_and_normal():
    buffers = draw(ball((0, 0, 0), 1.0))
    rows, columns = np.nonzero(buffers.part >= 0)
    # 50 px radius: pixel centres within 50 px of (100, 80).
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (30, 129, 50, 149)
    assert len(rows) == pytest.approx(np.pi * 50**2, rel=0.01)
    assert buffers.depth[79, 99] == pytest.approx(9.0, abs=1e-3)  # the front of the ball
    surface = surface_at(buffers, CAMERA, rows=np.array([79]), columns=np.array([99]))
    normal = surface.normal[:, 0] / np.linalg.norm(surface.normal[:, 0])
    np.testing.assert_allclose(normal, (0, 0, -1), atol=0.02)  # towards the camera


def test_nearer_solid_wins_in_any_order():
    far, near = ball((0, 0, 0), 1.0, material=1), ball((0, 0, 3), 0.3, material=2)
    for solids in ((far, near), (near, far)):
        buffers = draw(*solids)
        assert buffers.parts[buffers.part[80, 100]].material == 2
        assert buffers.parts[buffers.part[80, 140]].material == 1


def test_ellipsoid_has_its_half_axes():
    part = draw(ball((0, 0, 0), 1.0, stretch=(0.5, 1.0, 0.2))).part
    rows, columns = np.nonzero(part >= 0)
    assert (columns.max() - columns.min() + 1, rows.max() - rows.min() + 1) == (50, 100)


@pytest.mark.parametrize(
    ("start", "end", "radii", "stretch"),
    [
        ((-0.6, -0.4, 0.0), (0.7, 0.5, 0.0), (0.3, 0.15), None),
        ((-0.2, 0.1, -1.0), (0.3, -0.1, 1.2), (0.4, 0.2), None),
        ((0.1, 0.0, 1.0), (0.1, 0.05, -1.0), (0.2, 0.5), None),  # seen along its axis
        ((-0.5, 0.0, 0.3), (0.5, 0.2, -0.4), (0.3, 0.4), (1.0, 1.0, 0.5)),
    ],
)
def test_round_cone_is_the_hull_of_its_balls(start, end, radii, stretch):
    """Against 400 (ellip)soids along the axis: same silhouette but for edge pixels, same depth within 1 cm.

    Seen from afar, because within one solid the perspective is that of its middle and these are up to 2 m long.
    """
    start, end = np.array(start), np.array(end)
    whole = draw(Solid(start, end, *radii, 0, np.eye(3), stretch), camera=TELE_CAMERA)
    beads = [
        ball(start + (end - start) * s, radii[0] + (radii[1] - radii[0]) * s, stretch=stretch)
        for s in np.linspace(0, 1, 400)
    ]
    reference = draw(*beads, camera=TELE_CAMERA)
    covered, expected = whole.part >= 0, reference.part >= 0
    assert np.count_nonzero(covered ^ expected) <= 0.05 * np.count_nonzero(expected)
    both = covered & expected
    error = np.abs(whole.depth[both] - reference.depth[both])
    assert np.median(error) < 0.01
    assert np.percentile(error, 95) < 0.04


def test_box_by_hand():
    """A cube of 1 m at the origin: its front is at distance 9.5, so 500 / 9.5 = 52.6 px wide."""
    buffers = new_buffers(160, 200)
    draw_box(buffers, CAMERA, center=np.zeros(3), frame=np.eye(3), half=np.full(3, 0.5), material=4)
    rows, columns = np.nonzero(buffers.part >= 0)
    assert (columns.min(), columns.max(), rows.min(), rows.max()) == (74, 125, 54, 105)
    np.testing.assert_allclose(buffers.depth[rows, columns], 9.5, atol=1e-4)


def test_solids_behind_the_camera_are_not_drawn():
    assert (draw(ball((0, 0, 11), 0.5)).part < 0).all()
    assert (draw(ball((0, 0, 10), 0.5)).part < 0).all()
