"""Regions in which a detector imagines somebody: from a COCO file to the crops of a tracker's training."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from blazepose_tf import specs
from blazepose_tf.converters import coco
from blazepose_tf.converters.annotations import Damage
from blazepose_tf.data import coco_reader, pipeline, records
from blazepose_tf.data import config as config_lib
from blazepose_tf.data import example as example_lib
from blazepose_tf.geometry import affine, alignment

SPEC = specs.TrackerSpec(input_size=128)
CIRCLES = [[20.0, 30.0, 20.0, 14.0], [50.0, 20.0, 60.0, 20.0]]
NO_VIEW = config_lib.ViewConfig(rotation_std=0.0, scale_std=0.0, shift_std=0.0, mirror_probability=0.0)


@pytest.fixture
def nobody(tmp_path, encode, picture):
    """A picture without people in which a detector imagines two."""
    (tmp_path / "a.jpg").write_bytes(encode(picture(0, 80, 48)))
    entry = {"id": 1, "file_name": "a.jpg", "width": 80, "height": 48, "imagined": CIRCLES}
    content = {
        "images": [entry],
        "annotations": [],
        "categories": [{"id": 1, "name": "person", "keypoints": list(SPEC.keypoint_names)}],
        "info": {"coordinates": "continuous pixels"},
    }
    path = tmp_path / "nobody.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_regions_reach_the_record_and_the_graph(nobody, tmp_path):
    coco_reader.write_records(nobody, tmp_path / "out", name="d")
    example = records.open_records(tmp_path / "out").example(0)
    np.testing.assert_array_equal(example.imagined, np.reshape(CIRCLES, (2, 2, 2)))
    parsed = example_lib.parse(tf.constant(example_lib.encode(example)), num_keypoints=33)
    np.testing.assert_array_equal(parsed["imagined"].numpy(), example.imagined)


def test_other_regions_are_other_records(nobody, tmp_path):
    """A second conversion of edited regions does not take the shards of the first for finished."""
    coco_reader.write_records(nobody, tmp_path / "out", name="d")
    content = json.loads(nobody.read_text(encoding="utf-8"))
    content["images"][0]["imagined"] = CIRCLES[:1]
    nobody.write_text(json.dumps(content), encoding="utf-8")
    coco_reader.write_records(nobody, tmp_path / "out", name="d")
    assert len(records.open_records(tmp_path / "out").example(0).imagined) == 1


def test_crops_show_them_and_nobody_is_there(nobody, tmp_path):
    coco_reader.write_records(nobody, tmp_path / "out", name="d")
    opened = records.open_records(tmp_path / "out")
    config = config_lib.TrackerDataConfig(view=NO_VIEW, imagined_probability=1.0)
    seen = set()
    for epoch in range(12):
        (sample,) = pipeline.tracker_samples(opened, spec=SPEC, config=config, epoch=epoch).as_numpy_iterator()
        assert sample["presence"] == 0.0
        center = affine.apply(sample["crop_matrix"], np.array([64.0, 64.0], np.float32))
        (which,) = [i for i, circle in enumerate(CIRCLES) if np.allclose(center, circle[:2], atol=1e-3)]
        radius = float(alignment.radius(np.reshape(CIRCLES[which], (2, 2))))
        # The roi is 1.25 times the circle's diameter.
        assert float(affine.scale_of(sample["crop_matrix"])) * 128 == pytest.approx(2.5 * radius, rel=1e-4)
        seen.add(which)
    assert seen == {0, 1}
    anywhere = dataclasses.replace(config, imagined_probability=0.0)
    (sample,) = pipeline.tracker_samples(opened, spec=SPEC, config=anywhere).as_numpy_iterator()
    center = affine.apply(sample["crop_matrix"], np.array([64.0, 64.0], np.float32))
    assert not any(np.allclose(center, circle[:2], atol=0.1) for circle in CIRCLES)


@pytest.mark.parametrize("imagined", [[[1, 2, 3]], [[1, 2, 1, 2]], "many", [[1, 2, float("inf"), 4]], 7])
def test_damaged_regions_cost_their_picture_only(nobody, imagined):
    content = json.loads(nobody.read_text(encoding="utf-8"))
    content["images"][0]["imagined"] = imagined
    (found,) = coco.of_document(content, nobody).pictures
    assert isinstance(found, Damage) and "imagined" in found.where
