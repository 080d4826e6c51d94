"""Dark crops: lifted to where the networks have learned, and nothing else is touched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from blazepose_tf.media.pictures import read_picture
from blazepose_tf.runtime import PosePipeline
from blazepose_tf.runtime.exposure import MOST, WANTED, lightened


def crop(bright):
    """A slope from black to `bright` in three unlike channels."""
    slope = np.linspace(0, bright, 64 * 64).reshape(64, 64)
    return np.dstack([slope, 0.5 * slope, 0.25 * slope]).astype(np.uint8)


@pytest.mark.parametrize("bright", [0, 180, 255])
def test_what_is_black_or_bright_enough_stays(bright):
    picture = crop(bright)
    assert lightened(picture) is picture


@pytest.mark.parametrize("bright", [40, 90, 140])
def test_a_dark_crop_is_multiplied_until_its_brightest_are_bright(bright):
    light = lightened(crop(bright))
    assert light.shape == (64, 64, 3) and light.dtype == np.uint8
    assert np.percentile(light.max(axis=2), 95) == pytest.approx(WANTED, abs=WANTED / bright + 1)
    inside = crop(bright)[8:, :, 0].astype(float) > 0.3 * bright
    ratio = light[8:, :, 2][inside] / light[8:, :, 0][inside]
    assert np.median(ratio) == pytest.approx(0.25, abs=0.03)  # colours stay


def test_almost_nothing_is_not_blown_up_without_end():
    assert lightened(np.full((64, 64, 3), 2, np.uint8)).max() == 2 * MOST


def test_a_lamp_does_not_keep_a_dark_room_dark():
    picture = crop(30)
    picture[:12, :12] = 255  # three and a half of a hundred pixels
    assert np.median(lightened(picture)) > 2.5 * np.median(picture)


def test_nobody_is_seen_in_a_dark_noise():
    rng, pipeline = np.random.default_rng(0), PosePipeline()
    for _ in range(3):
        assert not pipeline(np.clip(rng.normal(3, 2, (135, 240, 3)), 0, 255).astype(np.uint8)).found


def test_a_person_in_the_dark_is_read_as_in_the_light():
    picture = read_picture(sorted((Path(__file__).parents[2] / "testdata" / "people" / "images").glob("*.jpg"))[0])
    pipeline = PosePipeline()
    light, dark = pipeline(picture), pipeline(picture // 12)
    assert light.found and dark.found
    far = np.linalg.norm(light.landmarks - dark.landmarks, axis=1)
    assert np.median(far) < 0.03 * light.people[0].body_size
