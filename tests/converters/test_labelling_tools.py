"""Readers of labelling tools and tables: small files as the tools write them, with results worked out by hand."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from blazepose_tf import converters, topology
from blazepose_tf.converters import grouping, names


def write_image(path, width=64, height=48):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((height, width, 3), 90, np.uint8))
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv(tmp_path, delimiter):
    rows = [
        ["image", "ball_x", "ball_y", "paw_x", "paw_y", "paw_v", "box_x0", "box_y0", "box_x1", "box_y1", "weight"],
        ["a.png", "1.5", "2", "3", "4", "1", "0", "0", "9", "9", "0.5"],
        ["a.png", "", "", "7", "8", "", "", "", "", "", ""],
        ["b.png", "", "", "", "", "", "", "", "", "", ""],
        ["c.png", "1", "", "3", "4", "2", "", "", "", "", ""],
        ["d.png", "one", "2", "3", "4", "2", "", "", "", "", ""],
    ]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(delimiter.join(row) for row in rows) + "\n")
    source = converters.open_source("csv", path)
    a, b, c, d = source.pictures
    assert source.names == ("ball", "paw")
    assert a.people[0].keypoints.tolist() == [[1.5, 2, 2], [3, 4, 1]]
    assert a.people[0].box == (0, 0, 9, 9) and a.people[0].weight == 0.5
    assert a.people[1].keypoints.tolist() == [[0, 0, 0], [7, 8, 2]]
    assert b.people == () and b.problems == ()
    assert "t.csv:5: ball has one coordinate only" in str(c.problems[0]) and "t.csv:6" in str(d.problems[0])


def table(path, rows, delimiter=",", encoding="utf-8"):
    path.write_bytes("\r\n".join(delimiter.join(row) for row in rows).encode(encoding))
    return path


@pytest.mark.parametrize("delimiter", [";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_csv_with_decimal_commas_and_encodings(tmp_path, delimiter, encoding, only):
    rows = [
        ["image", "ball_x", "ball_y", "ball_v", "width", "height", "weight"],
        ["Übung.png", "12,5", "1.5", "2,0", "64,0", "48", "0,5"],
        ["Übung.png", "NA", "nan", "", "64", "48", ""],
        ["Übung.png", "1e1", "-,5", "1", "64", "48", ""],
        ["Übung.png", "1.234,5", "2", "2", "64", "48", ""],
        ["Übung.png", "inf", "2", "2", "64", "48", ""],
        ["Übung.png", "1_0", "2", "2", "64", "48", ""],
        ["", "", "", "", "", "", ""],
    ]
    path = table(tmp_path / "t.csv", rows, delimiter, encoding)
    picture = only(converters.open_source("csv", path))
    assert (picture.file_name, picture.width, picture.height) == ("Übung.png", 64, 48)
    assert [p.keypoints.tolist() for p in picture.people] == [[[12.5, 1.5, 2]], [[10, -0.5, 1]]]
    assert picture.people[0].weight == 0.5
    assert [d.problem for d in picture.problems] == [
        f"expected a number. Received: {text!r}" for text in ("1.234,5", "inf", "1_0")
    ]


def test_csv_quotes_thousands_and_rows_of_another_length(tmp_path):
    lines = [
        "image,ball_x,ball_y",
        '"a,1.png","12,5","7,25"',
        '"b.png","1,234",2',
        "c.png,12,5,7,25",
        '"d\nd.png",1,2',
        "e.png,1",
    ]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    stray, a, b, d, e = converters.open_source("csv", tmp_path / "t.csv").pictures
    assert a.file_name == "a,1.png" and a.people[0].keypoints.tolist() == [[12.5, 7.25, 2]]
    assert b.problems[0].problem == "thousands or decimals? Received: '1,234'"
    assert (
        stray.where.endswith("t.csv:4") and "has 5 fields, the first line 3 (a comma as decimal sign" in stray.problem
    )
    assert d.file_name == "d\nd.png" and "one coordinate only" in e.problems[0].problem


def test_csv_of_another_encoding_is_refused_by_its_name(tmp_path):
    path = table(tmp_path / "t.csv", [["image", "ball_x", "ball_y"], ["Übung.png", "1", "2"]], encoding="latin-1")
    with pytest.raises(ValueError, match=r"t\.csv:2: not UTF-8 text; in Latin-1 .* reads '.*Übung"):
        converters.open_source("csv", path)
    (tmp_path / "u.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="damaged UTF-16"):
        converters.open_source("csv", tmp_path / "u.csv")
    with pytest.raises(ValueError, match="are there twice"):
        converters.open_source("csv", table(tmp_path / "v.csv", [["image", "a_x", "a_y", "a_x"]]))


def test_csv_without_its_columns(tmp_path):
    (tmp_path / "t.csv").write_text("image,ball_x\na.png,1\n")
    with pytest.raises(ValueError, match="missing: \\['ball_y'\\]"):
        converters.open_source("csv", tmp_path / "t.csv")


def shape(kind, label, points, **more):
    return {"shape_type": kind, "label": label, "points": points, "group_id": None, "flags": {}, **more}


def test_labelme_groups_boxes_and_occlusion(tmp_path, write_json):
    shapes = [
        shape("rectangle", "person", [[20, 30], [0, 0]]),
        shape("rectangle", "person", [[30, 0], [60, 40]]),
        shape("point", "nose", [[5.25, 6]]),
        shape("point", "nose", [[40, 7]], flags={"occluded": True}),
        shape("point", "LShoulder", [[41, 8]], description="hidden behind a door"),
        shape("polygon", "dog", [[1, 1], [2, 2], [3, 1]]),
    ]
    content = {"shapes": shapes, "imagePath": "..\\pics\\a.jpg", "imageWidth": 64, "imageHeight": 48}
    write_json(tmp_path / "labels" / "a.json", content)
    write_json(tmp_path / "labels" / "broken.json", {"version": 1})
    source = converters.open_source("labelme", tmp_path / "labels")
    picture, damage = source.pictures
    assert source.names == ("nose", "LShoulder") and names.canonical("LShoulder") == "left_shoulder"
    assert picture.file_name == "../pics/a.jpg" and (picture.width, picture.height) == (64, 48)
    first, second = picture.people
    assert first.box == (0, 0, 20, 30) and first.keypoints.tolist() == [[5.25, 6, 2], [0, 0, 0]]
    assert second.keypoints.tolist() == [[40, 7, 1], [41, 8, 1]]
    assert "broken.json" in str(damage) and "shapes" in str(damage)


def test_loose_points_without_group_or_box():
    point = grouping.LoosePoint
    both = [point("nose", 1, 2, 2), point("tail", 3, 4, 1)]
    (person,) = grouping.people(both, [], ("nose", "tail"))
    assert person.keypoints.tolist() == [[1, 2, 2], [3, 4, 1]]
    with pytest.raises(ValueError, match="'nose' is there twice"):
        grouping.people([*both, point("nose", 5, 6, 2)], [], ("nose", "tail"))
    with pytest.raises(ValueError, match="lies in no box"):
        grouping.people(both, [((10, 10, 20, 20), None)], ("nose", "tail"))
    grouped = [point("nose", 1, 2, 2, "p"), point("nose", 5, 6, 2, "q")]
    assert len(grouping.people(grouped, [((0, 0, 3, 3), "p")], ("nose",))) == 2


def region(kind, identity, value, **more):
    base = {"id": identity, "type": kind, "original_width": 200, "original_height": 100, "image_rotation": 0}
    return {**base, "value": value, **more}


def test_label_studio_percent_parents_and_choices(tmp_path, write_json, by_name):
    write_image(tmp_path / "images" / "photo.jpg", 200, 100)
    result = [
        region("rectanglelabels", "r1", {"x": 0, "y": 0, "width": 50, "height": 100, "rectanglelabels": ["person"]}),
        region("keypointlabels", "k1", {"x": 10, "y": 20, "width": 1, "keypointlabels": ["nose"]}, parentID="r1"),
        region("keypointlabels", "k2", {"x": 12.5, "y": 40, "width": 1, "keypointlabels": ["tail"]}, parentID="r1"),
        region("choices", "k2", {"choices": ["Occluded"]}),
    ]
    task = {"id": 3, "data": {"img": "/data/upload/1/0a1b2c3d-photo.jpg"}}
    tasks = [
        {**task, "annotations": [{"was_cancelled": True, "result": []}, {"result": result}]},
        {**task, "annotations": [{"result": [{**result[1], "image_rotation": 90}]}]},
    ]
    source = converters.open_source("label-studio", write_json(tmp_path / "e.json", tasks))
    picture, damage = source.pictures
    assert picture.file_name == "photo.jpg" and (picture.width, picture.height) == (200, 100)
    (person,) = picture.people
    assert person.box == (0, 0, 100, 100)
    assert by_name(source, person) == {"nose": [20, 20, 2], "tail": [25, 40, 1]}
    assert "[1] (task 3)" in str(damage) and "90 degrees" in str(damage)


def test_label_studio_min_and_coco_exports(tmp_path, write_json, coco_file, only):
    flat = {"x": 10, "y": 20, "width": 1, "original_width": 200, "original_height": 100, "keypointlabels": ["nose"]}
    task = {"id": 1, "img": "/data/local-files/?d=set%2Fa.jpg", "kp-1": [flat], "annotator": 1}
    write_image(tmp_path / "images" / "set" / "a.jpg", 200, 100)
    picture = only(converters.open_source("label-studio", write_json(tmp_path / "min.json", [task])))
    assert picture.file_name == "set/a.jpg" and picture.people[0].keypoints.tolist() == [[20, 20, 2]]
    path = coco_file(tmp_path / "coco.json", [{"keypoints": [10.5, 20, 2]}], ["nose"])
    assert only(converters.open_source("label-studio", path)).people[0].keypoints.tolist() == [[10.5, 20, 2]]


def paths(node, path=()):
    """Paths to all nodes of a json document below its root."""
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield (*path, key)
        yield from paths(child, (*path, key))


STRANGE = [None, -1, "x", [], {}, float("nan"), float("inf"), True, [1, 2], "", [None], [[1]], {"a": 1}]


@pytest.mark.parametrize("kind", ["coco", "label-studio", "labelme", "mpii"])
def test_any_malformed_part_is_damage_or_a_clear_error_but_never_a_crash(tmp_path, kind, write_json):
    names = list(topology.COCO_17[:3])
    point = {"original_width": 64, "original_height": 48, "image_rotation": 0, "type": "keypointlabels"}
    documents = {
        "coco": {
            "images": [{"id": 1, "file_name": "a.png", "width": 64, "height": 48}],
            "annotations": [
                {"id": i, "image_id": 1, "category_id": 1, "keypoints": [9, 9, 2] * 3, "bbox": [1, 2, 3, 4], "area": 3,
                 "center": [9, 9], "scale_point": [9, 2], "weight": 1.0} for i in (1, 2)
            ],
            "categories": [{"id": 1, "keypoints": names}],
        },
        "label-studio": [
            {"id": 1, "data": {"img": "/a.png"}, "annotations": [{"result": [
                {**point, "id": n, "parentID": "r", "value": {"x": 1, "y": 2, "keypointlabels": [n]}} for n in names
            ]}]}
        ],
        "labelme": {
            "shapes": [shape("point", n, [[1, 2]]) for n in names] + [shape("rectangle", "p", [[0, 0], [9, 9]])],
            "imagePath": "a.png", "imageWidth": 64, "imageHeight": 48,
        },
        "mpii": [{"image": "a.png", "joints": [[9, 9]] * 16, "joints_vis": [1] * 16}],
    }  # fmt: skip
    text = json.dumps(documents[kind])
    read = 0
    for path in list(paths(documents[kind]))[::2]:
        for strange in STRANGE[len(path) % 3 :: 3]:
            node = document = json.loads(text)
            for key in path[:-1]:
                node = node[key]
            node[path[-1]] = strange
            file = write_json(tmp_path / "f.json", document)
            try:
                read += sum(1 for _ in converters.open_source(kind, file).pictures)
            except ValueError as error:
                assert str(file) in str(error)
    assert read > 0
