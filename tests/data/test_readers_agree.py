"""One COCO file, four readers, one answer: conversion, validation, training, evaluation (the table in docs/data.md)."""

from __future__ import annotations

import copy
import json
import re

import cv2
import numpy as np
import pytest

from blazepose_tf import converters, topology
from blazepose_tf.converters import conversion
from blazepose_tf.data import coco_reader, records, validation
from blazepose_tf.evaluation import annotations as evaluation

WIDTH, HEIGHT = 120, 160
TORSO = {"left_shoulder": (73, 50), "right_shoulder": (47, 50), "left_hip": (68, 90), "right_hip": (52, 90)}
BOX = [40, 20, 40, 100]


def numbers(shift=0.0, names=topology.COCO_17):
    """COCO's flat list of a standing torso."""
    return [v for n in names for v in ((TORSO[n][0] + shift, TORSO[n][1], 2) if n in TORSO else (0, 0, 0))]


@pytest.fixture
def document(tmp_path):
    """Two pictures with a person each, and the path that a changed document is written to."""
    (tmp_path / "images" / "sub").mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 256, (2, HEIGHT, WIDTH, 3), np.uint8)
    for name, pixels in zip(("a.png", "sub/b.png"), noise, strict=True):
        cv2.imwrite(str(tmp_path / "images" / name), pixels)
    return {
        "images": [
            {"id": 1, "file_name": "a.png", "width": WIDTH, "height": HEIGHT},
            {"id": 2, "file_name": "sub/b.png", "width": WIDTH, "height": HEIGHT},
        ],
        "annotations": [
            {"id": 10 + i, "image_id": i, "category_id": 1, "iscrowd": 0, "keypoints": numbers(i), "bbox": BOX}
            for i in (1, 2)
        ],
        "categories": [{"id": 1, "name": "person", "keypoints": list(topology.COCO_17)}],
    }


def outcome(path):
    """What each reader makes of a file: {picture: [(x of the left hip, state) of people]}, regions, damaged entries."""
    hip = "left_hip"
    source = converters.open_source("coco", path)
    tally = conversion.Tally()
    names, pictures = conversion.convert(source, conversion.ConversionConfig(negatives=True), tally)
    pictures = list(pictures)
    k = names.index(hip)
    converted = (
        {p.file_name: [(q.keypoints[k, 0], q.keypoints[k, 2]) for q in p.people if not q.ignore] for p in pictures},
        sum(q.ignore and q.box is not None for p in pictures for q in p.people),
        len(tally.damaged),
    )
    data = validation.open_dataset(path)
    report = validation.validate(data)
    damaged = sum(f.kind in ("damaged entry", "damaged person") for f in report.findings)
    validated = (report.usable, report.ignored + sum(report.dropped.values()), damaged)
    written = coco_reader.write_records(path, path.parent / f"records_{path.stem}")
    opened = records.open_records(path.parent / f"records_{path.stem}")
    examples = [opened.example(i) for i in range(len(opened))]
    k = opened.names.index(hip)
    trained = (
        {e.image_id: [tuple(point[[0, 2]].tolist()) for point in e.keypoints[:, k]] for e in examples},
        sum(len(e.ignore_boxes) for e in examples),
        len(written.skipped),
    )
    loaded = evaluation.load(path)
    k = loaded.names.index(hip)
    evaluated = (
        {
            loaded.pictures[i]: [(q.points[k, 0], q.state[k]) for q in people if not q.ignore]
            for i, people in loaded.people_by_picture().items()
        },
        sum(q.ignore for q in loaded.people),
        loaded.left_out,
    )
    assert converted == trained == evaluated
    assert validated == (sum(map(len, converted[0].values())), converted[1], converted[2])
    return converted


# 68 + 1 and 68 + 2 in pixel indices are 69.5 and 70.5 in continuous pixels.
WHOLE = {"a.png": [(69.5, 2)], "sub/b.png": [(70.5, 2)]}


def without_size(d):
    for image, size in zip(d["images"], ({}, {"width": 0, "height": None}), strict=True):
        image.pop("width"), image.pop("height"), image.update(size)


def null_points(d):
    for a in d["annotations"]:
        a["keypoints"] = [
            None if i % 3 < 2 and not a["keypoints"][i - i % 3 + 2] else v for i, v in enumerate(a["keypoints"])
        ]


def null_flags(d):
    for a in d["annotations"]:
        points = np.reshape(a["keypoints"], (-1, 3)).tolist()
        a["keypoints"] = [v for p in points for v in (p if p[2] else (None, None, None))]


def title_names(d):
    d["categories"][0]["keypoints"] = [n.replace("_", " ").title() for n in topology.COCO_17]


def short_names(d):
    d["categories"][0]["keypoints"] = [
        re.sub(r"^(left|right)_(.)", lambda m: m[1][0].upper() + m[2].upper(), n) for n in topology.COCO_17
    ]


def float_ids(d):
    for image, a in zip(d["images"], d["annotations"], strict=True):
        image["id"], a["image_id"], a["id"], a["category_id"] = float(image["id"]), float(a["image_id"]), 11.0, 1.0
        a["id"] += a["image_id"]


def text_ids(d):
    for i, a in enumerate(d["annotations"]):
        a["image_id"] = str(a["image_id"])
        a["id"] = f"person {i}"
    d["images"][1]["id"] = "2"
    d["categories"][0]["id"] = "1"


def name_ids(d):
    for image, a in zip(d["images"], d["annotations"], strict=True):
        image["id"] = a["image_id"] = image["file_name"]


def backslashes(d):
    d["images"][1]["file_name"] = "sub\\b.png"


def barbell(d):
    """A bar with two points of its own, more often than people."""
    d["categories"].append({"id": 7, "name": "barbell", "keypoints": ["left_end", "right_end"]})
    bar = {"category_id": 7, "keypoints": [1, 2, 2, 90, 2, 2], "bbox": [0, 0, 99, 9]}
    d["annotations"] += [{**bar, "id": 50 + i, "image_id": 1 + i % 2} for i in range(5)]


def dog(d):
    d["categories"].insert(0, {"id": 0, "name": "dog"})
    d["annotations"].insert(0, {"id": 5, "image_id": 1, "category_id": 0, "bbox": [1, 1, 60, 80], "iscrowd": 0})


def face_skeleton(d):
    """A second skeleton that shares a point with the first is of people, too."""
    d["categories"].append({"id": 2, "name": "face", "keypoints": ["nose", "chin"]})


def rectangles_around(d):
    """Boxes called person beside a skeleton with another name: they are around the people that are labelled."""
    d["categories"][0]["name"] = "default"
    d["categories"].append({"id": 3, "name": "Person"})
    d["annotations"] += [{"id": 60 + i, "image_id": i, "category_id": 3, "bbox": BOX} for i in (1, 2)]


def declared(d):
    d["info"] = {"coordinates": "continuous pixels"}
    for a in d["annotations"]:
        a["keypoints"] = [v + 0.5 if i % 3 < 2 and v else v for i, v in enumerate(a["keypoints"])]


def more_fields(d):
    d["annotations"][0] |= {"num_keypoints": 0, "area": None, "weight": None, "face_box": None, "score": float("inf")}
    d["licenses"] = None


@pytest.mark.parametrize(
    "change",
    [
        without_size, null_points, null_flags, title_names, short_names, float_ids, text_ids, name_ids, backslashes,
        barbell, dog, face_skeleton, rectangles_around, declared, more_fields,
    ],
)  # fmt: skip
def test_the_same_people_whatever_the_file_looks_like(document, tmp_path, change):
    change(document)
    path = tmp_path / "d.json"
    path.write_text(json.dumps(document))
    assert outcome(path) == (WHOLE, 0, 0)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_encodings(document, tmp_path, encoding):
    path = tmp_path / "d.json"
    path.write_bytes(json.dumps(document).encode(encoding))
    assert outcome(path) == (WHOLE, 0, 0)


SECOND = {"sub/b.png": [(70.5, 2)]}
NOBODY = {"a.png": [], **SECOND}


@pytest.mark.parametrize(
    ("change", "people", "regions", "damage"),
    [
        # No keypoints, or none labelled: a person whom nobody labelled is a region to ignore, where there is a box.
        ({"keypoints": None}, NOBODY, 1, 0),
        ({"keypoints": []}, NOBODY, 1, 0),
        ({"keypoints": [0] * 51}, NOBODY, 1, 0),
        ({"iscrowd": 1}, NOBODY, 1, 0),
        ({"ignore": True}, NOBODY, 1, 0),
        # Damaged people: their box is a region to ignore; and they are counted.
        ({"keypoints": numbers()[:-3]}, NOBODY, 1, 1),
        ({"keypoints": [-1 if i % 3 == 2 else v for i, v in enumerate(numbers())]}, NOBODY, 1, 1),
        ({"keypoints": [3 if i % 3 == 2 else v for i, v in enumerate(numbers())]}, NOBODY, 1, 1),
        ({"keypoints": [None, None, 2] * 17}, NOBODY, 1, 1),
        ({"keypoints": [float("inf"), 1, 2] * 17}, NOBODY, 1, 1),
        ({"keypoints": [1e9, 1, 2] * 17}, NOBODY, 1, 1),
        ({"keypoints": "nothing"}, NOBODY, 1, 1),
        ({"keypoints": {"left_hip": [1, 2]}}, NOBODY, 1, 1),
        ({"area": float("nan")}, NOBODY, 1, 1),
        ({"weight": "heavy"}, NOBODY, 1, 1),
        ({"center": [1, 2, 3], "scale_point": [1, 2, 3]}, NOBODY, 1, 1),
        ({"keypoints": 51, "bbox": [5, 5, float("inf"), 9]}, NOBODY, 0, 1),
        ({"keypoints": [None, 1, 2] * 17, "bbox": "here"}, NOBODY, 0, 1),
        ({"image_id": 9}, NOBODY, 0, 1),
        ({"image_id": [1]}, NOBODY, 0, 1),
        ({"image_id": None}, NOBODY, 0, 1),
    ],
)
def test_people_without_labels_and_damaged_people(document, tmp_path, change, people, regions, damage):
    document["annotations"][0] |= change
    path = tmp_path / "d.json"
    path.write_text(json.dumps(document))
    assert outcome(path) == (people, regions, damage)


@pytest.mark.parametrize(
    "change",
    [
        {"file_name": None}, {"file_name": 5}, {"width": "wide"}, {"width": 1e400}, {"height": -3}, {"height": 0.5},
        {"id": 2},
    ],
)  # fmt: skip
def test_damaged_pictures_are_left_out(document, tmp_path, change):
    document["images"].insert(1, {**document["images"][0], "id": 3, **change})
    document["images"][1].setdefault("file_name", "a.png")
    people = WHOLE
    if change == {"id": 2}:  # the first that has an id keeps it
        document["images"][1]["file_name"] = "sub/b.png"
    path = tmp_path / "d.json"
    path.write_text(json.dumps(document))
    assert outcome(path) == (people, 0, 1)


def test_what_was_left_out_for_its_category_is_told(document, tmp_path, caplog):
    barbell(document)
    dog(document)
    path = tmp_path / "d.json"
    path.write_text(json.dumps(document))
    source = converters.open_source("coco", path)
    told = [f"{path}: 1 annotations of 'dog' left out", f"{path}: 5 annotations of 'barbell' left out"]
    assert [remark.split(":")[:2] == text.split(":")[:2] for remark, text in zip(source.remarks, told, strict=True)]
    assert all(remark.startswith(text) for remark, text in zip(source.remarks, told, strict=True))
    assert [f.text for f in validation.open_dataset(path).remarks] == [
        r.removeprefix(f"{path}: ") for r in source.remarks
    ]
    evaluation.load(path)
    assert all(text in caplog.text for text in told)


def test_own_skeletons_without_a_body_are_joined_as_they_are(document, tmp_path):
    own = copy.deepcopy(document)
    own["categories"] = [
        {"id": 1, "name": "cat", "keypoints": ["tail"]},
        {"id": 2, "name": "cup", "keypoints": ["rim"]},
    ]
    for i, a in enumerate(own["annotations"], 1):
        a["keypoints"], a["category_id"] = [3, 4, 2], i
    path = tmp_path / "d.json"
    path.write_text(json.dumps(own))
    source = converters.open_source("coco", path)
    assert source.names == ("tail", "rim") and not source.remarks
    assert [p.people[0].keypoints.tolist() for p in source.pictures] == [
        [[3.5, 4.5, 2], [0, 0, 0]],
        [[0, 0, 0], [3.5, 4.5, 2]],
    ]


def test_label_studios_coco_export_is_told_apart(document, tmp_path):
    """As label-studio-sdk 2.1.2 writes it: one merged category `default`, further categories of rectangles."""
    document["info"] = {"year": 2026, "version": "1.0", "contributor": "Label Studio"}
    rectangles_around(document)
    path = tmp_path / "d.json"
    path.write_text(json.dumps(document))
    (remark,) = converters.open_source("label-studio", path).remarks
    assert "--keypoints=a,b,c" in remark and "model_index" in remark
    order = list(reversed(topology.COCO_17))
    named = converters.open_source("label-studio", path, keypoints=order)
    assert named.names == tuple(order) and not named.remarks
    first, _ = named.pictures
    assert len(first.people) == 1 and first.people[0].keypoints[0, 2] == 0  # the numbers in the order that was given
    assert first.people[0].keypoints[topology.COCO_17.index("left_hip")].tolist() == [69, 90, 2]  # continuous already


@pytest.mark.parametrize(("area", "read"), [(1800, 1800), (4000, 2120), (3990.1, 2120), (0, 2120), (None, 2120)])
def test_an_area_that_is_the_boxs_is_none_of_the_body(document, tmp_path, area, read):
    document["annotations"][0]["area"] = area  # of a box of 40 x 100
    path = tmp_path / "areas.json"
    path.write_text(json.dumps(document))
    assert evaluation.load(path).people[0].area == pytest.approx(read)
    source = converters.open_source("coco", path)
    _, pictures = conversion.convert(source, conversion.ConversionConfig(), conversion.Tally())
    assert next(iter(pictures)).people[0].area == pytest.approx(read)
