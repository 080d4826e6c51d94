"""Crops that calibrate and prove exports."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from blazepose_tf.export import crops
from blazepose_tf.specs import DetectorSpec, TrackerSpec


def test_the_scale_point_lands_above_the_centre():
    """A body lying to the right is turned upright; its circle fills 1 / 1.25 of the crop."""
    image = np.zeros((200, 300, 3), np.uint8)
    image[98:103, 98:103] = 255  # centre
    image[98:103, 138:143] = (255, 0, 0)  # scale point, 40 px to the right: the body's up
    crop = crops.crop(image, np.array([[100.5, 100.5], [140.5, 100.5]]), TrackerSpec())
    assert crop.shape == (256, 256, 3)
    np.testing.assert_array_equal(crop[128, 128], [255, 255, 255])
    # 40 px of 2 x 1.25 x 40 px = 256 crop px: 102.4 px above the centre.
    np.testing.assert_array_equal(crop[128 - 102, 128], [255, 0, 0])


def test_detectors_see_the_whole_picture_with_black_bars():
    image = np.full((100, 200, 3), 200, np.uint8)
    crop = crops.crop(image, None, DetectorSpec(192, (8,), (1,)))
    assert crop[96, 96, 0] == 200
    assert crop[10, 96, 0] == 0


def test_dark_pictures_are_lightened_as_the_runtime_does():
    image = np.full((100, 100, 3), 20, np.uint8)
    for spec, alignment in ((DetectorSpec(192, (8,), (1,)), None), (TrackerSpec(), np.float32([[50, 50], [50, 20]]))):
        crop = crops.crop(image, alignment, spec)
        np.testing.assert_array_equal(crop[64:128, 64:128], 160)


def test_values_cover_the_range_of_the_model():
    picture = np.stack([np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 255, np.uint8)]).reshape(4, 2, 3)
    values = crops.to_inputs(picture, DetectorSpec(192, (8,), (1,), value_range=(-1.0, 1.0)))
    assert values.dtype == np.float32
    assert (values.min(), values.max()) == (-1.0, 1.0)


def test_rendered_crops_repeat_and_offsets_differ():
    first, again = (list(crops.crops(TrackerSpec(), count=2)) for _ in range(2))
    other = list(crops.crops(TrackerSpec(), count=1, offset=2))
    np.testing.assert_array_equal(first, again)
    assert all((f != other[0]).any() for f in first)


def test_annotated_crops_spread_over_the_data(tmp_path):
    people = []
    for i in range(6):
        cv2.imwrite(str(tmp_path / f"{i}.png"), np.full((64, 64, 3), 250 - 15 * i, np.uint8))
        points = [[32.0, 32.0, 2]] * 33
        people.append(
            {"id": i, "image_id": i, "keypoints": np.ravel(points).tolist(), "center": [32, 32], "scale_point": [32, 9]}
        )
    document = {
        "images": [{"id": i, "file_name": f"{i}.png"} for i in range(6)],
        "annotations": people,
        "categories": [],
    }
    (tmp_path / "x.json").write_text(json.dumps(document))
    found = [int(c.mean()) for c in crops.crops(TrackerSpec(), count=3, data=tmp_path / "x.json")]
    assert found == [250, 220, 190]
    found = [int(c.mean()) for c in crops.crops(TrackerSpec(), count=3, data=tmp_path / "x.json", offset=1)]
    assert found == [235, 205, 175]


def test_data_without_people_is_refused(tmp_path):
    (tmp_path / "x.json").write_text(json.dumps({"images": [], "annotations": [], "categories": []}))
    with pytest.raises(ValueError, match="no annotation has keypoints"):
        list(crops.crops(TrackerSpec(), count=1, data=tmp_path / "x.json"))
