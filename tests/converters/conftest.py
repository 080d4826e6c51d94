"""Small files as their programs write them, and what readers make of them."""

from __future__ import annotations

import json

import pytest


@pytest.fixture(scope="session")
def write_json():
    """Writes a document to a path, whose folders are made; returns the path."""

    def write(path, content):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
        return path

    return write


@pytest.fixture(scope="session")
def coco_file(write_json):
    """Writes a COCO keypoint file: one picture of 64x48 unless others are given."""

    def write(path, annotations, keypoints=None, info=None, images=None):
        category = {"id": 1, "name": "person"} | ({"keypoints": list(keypoints)} if keypoints else {})
        content = {
            "images": images or [{"id": 7, "file_name": "a.png", "width": 64, "height": 48}],
            "annotations": [{"id": 100 + i, "image_id": 7, "category_id": 1, **a} for i, a in enumerate(annotations)],
            "categories": [category],
        }
        return write_json(path, content | ({"info": info} if info else {}))

    return write


@pytest.fixture(scope="session")
def by_name():
    """Keypoints of a person by name."""
    return lambda source, person: dict(zip(source.names, person.keypoints.tolist(), strict=True))


@pytest.fixture(scope="session")
def only():
    """The picture of a source that has one."""

    def picture(source):
        (found,) = source.pictures
        return found

    return picture
