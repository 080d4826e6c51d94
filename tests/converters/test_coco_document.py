"""`read_document`: what verbs that rewrite a file of this form may rely on, and how each breach of it is told."""

from __future__ import annotations

import json

import pytest

from blazepose_tf.converters.coco_document import coco_document, read_document

NAMES = ("nose", "left_hip")


def document(**changes) -> dict:
    """Two pictures and a person in the second; `changes` to the person."""
    images = [{"id": i, "file_name": f"{i}.jpg", "width": 20, "height": 10} for i in (1, 2)]
    person = {"id": 5, "image_id": 2, "keypoints": [1, 2, 2, 0, 0, 0], "bbox": [0, 0, 4, 5], "keypoint_source": "h-"}
    return coco_document(images, [person | changes], NAMES, description="made up")


def read(tmp_path, content: object, **needs) -> dict:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return read_document(path, **needs)


def test_what_is_right_comes_back_as_it_is(tmp_path):
    content = document(further={"a": [1]})
    assert read(tmp_path, content, needs=("bbox",), names=NAMES) == content


def test_ids_of_other_tools_are_one_id(tmp_path):
    """1.0, "1" and 1 are one id everywhere in the package."""
    content = document(id=5.0, image_id="2")
    content["images"][1]["id"] = 2.0
    found = read(tmp_path, content)
    assert [image["id"] for image in found["images"]] == [1, 2]
    assert (found["annotations"][0]["id"], found["annotations"][0]["image_id"]) == (5, 2)


def test_null_is_a_field_that_is_not_there(tmp_path):
    assert "bbox" not in read(tmp_path, document(bbox=None))["annotations"][0]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"id": None}, r"annotations\[0\]: id: expected a whole number or text"),
        ({"image_id": 3}, r"annotations\[0\]: refers to image 3"),
        ({"keypoints": [1, 2, 2]}, r"annotations\[0\]: keypoints: expected 6 numbers"),
        ({"keypoints": {"a": 1}}, r"annotations\[0\]: keypoints: expected a list"),
        ({"keypoints": [1, 2, "x", 0, 0, 0]}, r"keypoints\[2\]: expected a finite number. Received: 'x'"),
        ({"keypoints": [1, 2, 7, 0, 0, 0]}, "states must be 0, 1 or 2"),
        ({"keypoints": [1e300, 2, 2, 0, 0, 0]}, r"keypoints lies beyond 1e\+06 pixels"),
        ({"bbox": [0, 0, 1]}, "bbox: expected a list of 4"),
        ({"center": [0, None]}, r"center\[1\]: expected a finite number"),
        ({"keypoint_source": "hhh"}, "keypoint_source must be 2 letters"),
        ({"keypoint_source": 7}, "keypoint_source: expected text"),
        ({"dataset": ["a"]}, "dataset: expected text"),
        ({"weight": True}, "weight: expected a finite number"),
    ],
)
def test_each_breach_is_told_with_its_place(tmp_path, changes, told):
    with pytest.raises(ValueError, match=told):
        read(tmp_path, document(**changes), needs=("keypoints",), names=NAMES)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda d: [d], "expected an object"),
        (lambda d: d | {"images": None}, "images: expected a list"),
        (lambda d: d | {"images": [d["images"][0], 3]}, r"images\[1\]: expected an object"),
        (lambda d: d | {"images": [*d["images"], d["images"][0]]}, r"images\[2\]: the id 1 is there twice"),
        (lambda d: d | {"annotations": d["annotations"] * 2}, r"annotations\[1\]: the id 5 is there twice"),
        (lambda d: d | {"info": 3}, "info: expected an object"),
    ],
)
def test_a_wrong_outline_is_told(tmp_path, damage, told):
    with pytest.raises(ValueError, match=told):
        read(tmp_path, damage(document()))


def test_a_needed_field_is_asked_for(tmp_path):
    with pytest.raises(ValueError, match=r"annotations\[0\]: missing fields \['center'\]"):
        read(tmp_path, document(), needs=("center",))
