"""COCO keypoint json to examples and shards."""

from __future__ import annotations

import json

import numpy as np
import pytest

from blazepose_tf.data import coco_reader, records

NAMES = ["left_hip", "right_hip", "nose"]


@pytest.fixture
def dataset(tmp_path, encode, picture):
    """Two pictures: one with two people, a crowd and a weightless person, one with nobody; a third is missing."""
    (tmp_path / "images").mkdir()
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / "images" / name).write_bytes(encode(picture(0, 64, 48)))
    person = {"image_id": 1, "keypoints": [10, 20, 2, 5, 6, 0, 30, 8, 1], "bbox": [1, 2, 30, 40]}
    content = {
        "images": [{"id": i + 1, "file_name": f"{n}.jpg", "width": 64, "height": 48} for i, n in enumerate("abc")],
        "categories": [{"id": 1, "name": "person", "keypoints": NAMES}],
        "info": {"coordinates": "continuous pixels"},
        "annotations": [
            {**person, "id": 1, "center": [9, 8], "scale_point": [9, 2], "face_box": [4, 5, 6, 6], "dataset": "mine"},
            {**person, "id": 2, "weight": 0.5, "bbox": [2, 2, 2, 2]},
            {**person, "id": 3, "iscrowd": 1, "bbox": [20, 10, 5, 6]},
            {**person, "id": 4, "weight": 0, "bbox": [0, 0, 3, 3]},
        ],
    }
    path = tmp_path / "train.json"
    path.write_text(json.dumps(content))
    return path


def test_people_and_ignored_regions_are_told_apart(dataset, tmp_path):
    report = coco_reader.write_records(dataset, tmp_path / "out", name="d")
    assert report.written == 2
    ((where, problem),) = report.skipped.items()
    assert where.endswith("images[2]") and problem.startswith("no picture") and problem.endswith("c.jpg")
    example = records.open_records(tmp_path / "out").example(0)
    assert example.names == tuple(NAMES)
    # The unlabelled point loses its coordinates.
    np.testing.assert_array_equal(example.keypoints[0], [[10, 20, 2], [0, 0, 0], [30, 8, 1]])
    # The second has no alignment: a set without shoulders is aligned by the box, whose half diagonal is sqrt(2).
    np.testing.assert_allclose(example.alignment, [[[9, 8], [9, 2]], [[3, 3], [3, 3 - 2**0.5]]], rtol=1e-6)
    np.testing.assert_array_equal(example.boxes, [[1, 2, 31, 42], [2, 2, 4, 4]])
    np.testing.assert_array_equal(example.face_box, [[4, 5, 10, 11], [0, 0, 0, 0]])
    np.testing.assert_array_equal(example.ignore_boxes, [[20, 10, 25, 16], [0, 0, 3, 3]])
    np.testing.assert_array_equal(example.person_weight, [1.0, 0.5])
    assert (example.dataset, example.split, example.image_id) == ("mine", "train", "a.jpg")
    assert records.open_records(tmp_path / "out").example(1).num_persons == 0


def test_every_person_gets_a_record_with_himself_first(dataset, tmp_path):
    report = coco_reader.write_records(dataset, tmp_path / "out", name="d", every_person=True, offset=0.5)
    assert report.written == 2
    second = records.open_records(tmp_path / "out").example(1)
    np.testing.assert_array_equal(second.person_weight, [0.5, 1.0])
    np.testing.assert_array_equal(second.keypoints[0, 0], [10.5, 20.5, 2])
    np.testing.assert_array_equal(second.keypoints[0, 1], 0)


def test_second_call_reuses_and_edited_labels_do_not(dataset, tmp_path):
    first = coco_reader.write_records(dataset, tmp_path / "out")
    again = coco_reader.write_records(dataset, tmp_path / "out")
    dataset.write_text(dataset.read_text().replace("[10, 20, 2", "[11, 20, 2"))
    edited = coco_reader.write_records(dataset, tmp_path / "out")
    assert (first.reused_shards, again.reused_shards, edited.reused_shards) == (0, 1, 0)
    assert again.skipped == first.skipped  # the missing picture is looked for again
    content = json.loads(dataset.read_text())
    content["images"].pop()
    dataset.write_text(json.dumps(content))
    whole = [coco_reader.write_records(dataset, tmp_path / "out") for _ in range(2)]
    assert [report.skipped for report in whole] == [{}, {}]
    assert whole[1].written == whole[0].written and whole[1].reused_shards == 1
    assert records.open_records(tmp_path / "out").example(0).keypoints[0, 0, 0] == 11


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", "not a COCO file"),
        ('{"images": [], "annotations": [], "categories": []}', "no annotation has keypoints"),
    ],
)
def test_other_files_are_refused(tmp_path, text, message):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        coco_reader.write_records(tmp_path / "x.json", tmp_path / "out")


def test_wrong_number_of_values_is_left_out_with_its_reason(dataset, tmp_path):
    content = json.loads(dataset.read_text())
    content["annotations"][0]["keypoints"] = [1, 2, 2]
    dataset.write_text(json.dumps(content))
    report = coco_reader.write_records(dataset, tmp_path / "out")
    assert "keypoints holds 3 numbers, expected 9 (x, y, v of 3 keypoints)" in report.skipped.values()
    # Nobody knows where that person's points are, but where the person is: neither positive nor negative.
    assert [1, 2, 31, 42] in records.open_records(tmp_path / "out").example(0).ignore_boxes.tolist()
