"""Disturbances: the right size, and the same for every model."""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf.evaluation.disturb import KINDS, Disturbance

REGION = np.array([100.0, 90.0, 80.0, 0.3])
ALIGNMENT = np.array([[60.0, 60.0], [60.0, 20.0]])


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (120, 110, 3), np.uint8)


def test_rois_move_by_the_stated_amount():
    roll = Disturbance("roll", 15).region(REGION, 1)
    assert np.rad2deg(abs(roll[3] - REGION[3])) == pytest.approx(15)
    np.testing.assert_allclose(roll[:3], REGION[:3])
    shift = Disturbance("shift", 0.1).region(REGION, 1)
    assert np.linalg.norm(shift[:2] - REGION[:2]) == pytest.approx(8)
    sizes = {float(Disturbance("scale", 0.25).region(REGION, i)[2]) for i in range(20)}
    assert sorted(sizes) == pytest.approx([64.0, 100.0])


def test_the_same_person_is_disturbed_the_same_way(image):
    for kind, (_, levels) in KINDS.items():
        d = Disturbance(kind, levels[-1])
        np.testing.assert_array_equal(d.region(REGION, 5), d.region(REGION, 5))
        before = image.copy()
        np.testing.assert_array_equal(d.picture(image, ALIGNMENT, 5), d.picture(image, ALIGNMENT, 5))
        np.testing.assert_array_equal(image, before)
        changed = not np.array_equal(d.picture(image, ALIGNMENT, 5), image)
        assert changed is not d.on_roi


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
