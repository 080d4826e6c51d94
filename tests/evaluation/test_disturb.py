"""Disturbances: the right size, and the same for every model."""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf.evaluation.disturb import KINDS, Disturbance
from blazepose_tf.geometry import alignment as geometry

ALIGNMENT = np.array([[60.0, 60.0], [60.0, 20.0]])


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (120, 110, 3), np.uint8)


def test_alignments_move_by_the_stated_amount():
    """The circle has radius 40, the standard roi 2.5 x 40 = 100 pixels."""

    def moved(kind, level, person=1):
        return Disturbance(kind, level).alignment(ALIGNMENT, person)

    roll = geometry.incline(moved("roll", 15)) - geometry.incline(ALIGNMENT)
    assert np.rad2deg(abs(roll)) == pytest.approx(15)
    np.testing.assert_allclose(moved("roll", 15)[0], ALIGNMENT[0])
    np.testing.assert_allclose(np.linalg.norm(moved("shift", 0.1) - ALIGNMENT, axis=1), 10)
    sizes = {round(float(geometry.radius(moved("scale", 0.25, i))), 6) for i in range(20)}
    assert sorted(sizes) == pytest.approx([32.0, 50.0])


def test_the_same_person_is_disturbed_the_same_way(image):
    for kind, (_, levels) in KINDS.items():
        d = Disturbance(kind, levels[-1])
        np.testing.assert_array_equal(d.alignment(ALIGNMENT, 5), d.alignment(ALIGNMENT, 5))
        before = image.copy()
        np.testing.assert_array_equal(d.picture(image, ALIGNMENT, 5), d.picture(image, ALIGNMENT, 5))
        np.testing.assert_array_equal(image, before)
        assert np.array_equal(d.picture(image, ALIGNMENT, 5), image) is d.on_roi
        assert np.allclose(d.alignment(ALIGNMENT, 5), ALIGNMENT) is not d.on_roi


def test_pictures_change_by_the_stated_amount(image):
    dark = Disturbance("brightness", -1).picture(image, ALIGNMENT, 1)
    assert np.abs(dark.astype(int) - image // 2).max() <= 1
    covered = Disturbance("occlusion", 0.1).picture(image, ALIGNMENT, 1)
    area = (covered != image).any(axis=-1).sum()
    assert area == pytest.approx(0.1 * 80 * 80, rel=0.1)  # of the square around the circle of radius 40
    far = Disturbance("distance", 16).picture(image, ALIGNMENT, 1)
    assert far.std() < 0.4 * image.std()  # noise averages out
    assert far.shape == image.shape


def test_unknown_kinds_are_refused():
    with pytest.raises(ValueError, match="roll"):
        Disturbance("rain", 1)
