"""Reading annotated people."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from blazepose_tf import topology
from blazepose_tf.evaluation import annotations


def test_people_with_everything_derived(three_people):
    data = annotations.load(three_people)
    assert [p.id for p in data.people] == [1, 2, 3]
    first = data.people[0]
    assert first.torso == pytest.approx(40.0)
    np.testing.assert_allclose(first.alignment[0], [90, 110])  # mid-hip
    assert first.alignment[1, 0] == pytest.approx(90)  # the scale point stands above it
    assert first.alignment[1, 1] < 50
    assert first.fields["dataset"] == "a" and not first.ignore
    assert data.picture(1).shape == (200, 180, 3)


def test_human_points_count_where_there_are_any(write_dataset, annotation, standing):
    mixed = annotation(1, standing(90, 110), keypoint_source="h" * 11 + "t" * 22)
    teacher = annotation(2, standing(90, 110), keypoint_source="t" * 33)
    people = annotations.load(write_dataset([mixed, teacher])).people
    assert people[0].scored("h").sum() == 11 and people[0].scored("ht").sum() == 33
    assert people[1].scored("h").sum() == 33  # nothing human: the teacher's points count
    assert np.isfinite(people[0].torso)  # hips and shoulders of any source give the normaliser


def test_seventeen_points_are_remapped_by_name(write_dataset, annotation, standing):
    points = standing(90, 110)
    flat = np.concatenate([points, np.full((33, 1), 2)], axis=1)[topology.indices(topology.COCO_17)]
    entry = annotation(1, points) | {"keypoints": flat.ravel().tolist()}
    person = annotations.load(write_dataset([entry], names=topology.COCO_17)).people[0]
    assert (person.state > 0).sum() == 17
    np.testing.assert_allclose(person.points[topology.KEYPOINTS.index("left_ankle")], points[27])


def test_without_a_box_that_of_the_labelled_points_stands_in(write_dataset, annotation, standing):
    entry = annotation(1, standing(90, 110))
    del entry["bbox"], entry["area"]
    unlabelled = annotation(2, standing(90, 110)) | {"keypoints": [0] * 99}
    first, second = annotations.load(write_dataset([entry, unlabelled])).people
    np.testing.assert_allclose(first.box, [68, 52, 112, 176])
    assert first.area == pytest.approx(0.53 * 44 * 124)
    assert second.ignore  # nothing about this person can be scored


def test_ignored_people_and_pictures_without_people(write_dataset, annotation, standing):
    ignored = {"id": 5, "image_id": 1, "iscrowd": 1, "ignore": 1, "bbox": [0, 0, 9, 9], "category_id": 1}
    data = annotations.load(write_dataset([annotation(1, standing(90, 110)), ignored], pictures=2))
    assert [p.ignore for p in data.people] == [False, True]
    np.testing.assert_allclose(data.people[0].box, [68, 52, 112, 176])  # given: x and y of the outermost points
    assert data.people_by_picture()[2] == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keypoints": [1, 2, 3]}, "keypoints holds 3 numbers, expected 99"),
        ({"image_id": 77}, "refers to image 77, which is not in the file"),
        ({"keypoints": [float("nan"), 1, 2] * 33}, "not finite"),
        ({"keypoints": [1, 1, 3] * 33}, r"label states must be 0, 1 or 2. Received: \[3.0\]"),
        ({"keypoint_source": "hh"}, "keypoint_source must be 33 letters"),
    ],
)
def test_damaged_people_are_left_out_and_told(write_dataset, annotation, standing, change, message, caplog):
    good, bad = annotation(1, standing(90, 110)), annotation(2, standing(90, 110)) | {"bbox": [5, 6, 7, 8]} | change
    data = annotations.load(write_dataset([bad, good], pictures=2))
    assert [p.id for p in data.people if not p.ignore] == [1]
    assert data.left_out == 1 and re.search(message, caplog.text) and "people.json: annotations[0]" in caplog.text
    if "image_id" not in change:  # nobody knows the points, but where the person is
        assert [p.box.tolist() for p in data.people if p.ignore] == [[5, 6, 12, 14]]


def test_people_need_ids_of_their_own(write_dataset, annotation, standing):
    twice = [annotation(1, standing(90, 110)), annotation(1, standing(90, 110))]
    with pytest.raises(ValueError, match=r"annotation ids must be unique\. Received: 1 twice"):
        annotations.load(write_dataset(twice))
    with pytest.raises(ValueError, match="a person without an id"):
        annotations.load(write_dataset([annotation(1, standing(90, 110)) | {"id": None}]))
    with pytest.raises(ValueError, match="nobody can be read"):
        annotations.load(write_dataset([annotation(1, standing(90, 110)) | {"keypoints": [None, 1, 2] * 33}]))


def test_bad_files(tmp_path, three_people):
    (tmp_path / "x.json").write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match="not valid JSON"):
        annotations.load(tmp_path / "x.json")
    (tmp_path / "x.json").write_text(json.dumps({"a": 1}), encoding="utf-8")
    with pytest.raises(ValueError, match="COCO"):
        annotations.load(tmp_path / "x.json")
    data = annotations.load(three_people)
    (three_people.parent / "images" / "1.png").unlink()
    with pytest.raises(OSError, match="no such file"):
        data.picture(1)
