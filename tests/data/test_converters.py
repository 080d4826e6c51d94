"""Readers: small files in the published layouts, with results worked out by hand."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from blazepose_tf import topology
from blazepose_tf.data import converters
from blazepose_tf.data.converters import grouping, names
from blazepose_tf.data.converters.annotations import Damage

LSP = topology.KEYPOINT_SETS["lsp_14"]
MPII = topology.KEYPOINT_SETS["mpii_16"]


def write_image(path, width=64, height=48):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((height, width, 3), 90, np.uint8))
    return path


def write_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def coco_file(path, annotations, keypoints=None, info=None, images=None):
    category = {"id": 1, "name": "person"} | ({"keypoints": list(keypoints)} if keypoints else {})
    content = {
        "images": images or [{"id": 7, "file_name": "a.png", "width": 64, "height": 48}],
        "annotations": [{"id": 100 + i, "image_id": 7, "category_id": 1, **a} for i, a in enumerate(annotations)],
        "categories": [category],
    }
    return write_json(path, content | ({"info": info} if info else {}))


def by_name(source, person):
    return dict(zip(source.names, person.keypoints.tolist(), strict=True))


def only(source):
    (picture,) = source.pictures
    return picture


def test_coco_17_adds_half_a_pixel_and_keeps_three_states(tmp_path):
    flat = [10, 20, 2, 11, 19, 1, 99, 99, 0] + [0] * 42
    path = coco_file(tmp_path / "c.json", [{"keypoints": flat, "bbox": [5, 6, 20, 30]}], topology.COCO_17)
    source = converters.open_source("coco", path)
    person = only(source).people[0]
    points = by_name(source, person)
    assert points["nose"] == [10.5, 20.5, 2] and points["left_eye"] == [11.5, 19.5, 1]
    assert points["right_eye"] == [0, 0, 0]  # unlabelled, whatever its coordinates
    assert person.box == (5, 6, 25, 36)


@pytest.mark.parametrize(
    "count, expected", [(17, "coco_17"), (26, "halpe_26"), (133, "coco_wholebody_133"), (136, "halpe_136")]
)
def test_sets_are_recognised_from_their_number(tmp_path, count, expected):
    path = coco_file(tmp_path / "c.json", [{"keypoints": [1, 2, 2] * count}])
    assert converters.open_source("coco", path).names == topology.KEYPOINT_SETS[expected]


def test_an_unknown_number_asks_for_names(tmp_path):
    path = coco_file(tmp_path / "c.json", [{"keypoints": [1, 2, 2] * 5}])
    with pytest.raises(ValueError, match="--keypoints=a,b,c"):
        converters.open_source("coco", path)
    assert converters.open_source("coco", path, keypoints=list("abcde")).names == tuple("abcde")


def test_wholebody_parts_are_joined_and_unclear_parts_left_out(tmp_path):
    annotation = {
        "keypoints": [1, 1, 2] * 17,
        "foot_kpts": [2, 2, 1] * 6,
        "face_kpts": [3, 3, 2] * 68,
        "lefthand_kpts": [4, 4, 0.3] * 21,
        "righthand_kpts": [5, 5, 2] * 21,
        "foot_valid": True,
        "face_valid": True,
        "lefthand_valid": True,
        "righthand_valid": False,
    }
    path = coco_file(tmp_path / "w.json", [annotation], topology.COCO_17)
    source = converters.open_source("coco", path)
    points = by_name(source, only(source).people[0])
    assert points["left_heel"] == [2.5, 2.5, 1] and points["mouth_left"] == [3.5, 3.5, 2]
    assert points["left_index"] == [4.5, 4.5, 2]  # a fractional flag is the reliability of a clear point
    assert points["right_index"] == [0, 0, 0]


def test_own_json_and_33_names_are_continuous_already(tmp_path):
    path = coco_file(tmp_path / "b.json", [{"keypoints": [10, 20, 2] * 33}], topology.KEYPOINTS)
    assert only(converters.open_source("coco", path)).people[0].keypoints[0].tolist() == [10, 20, 2]
    info = {"coordinates": "continuous pixels"}
    path = coco_file(tmp_path / "i.json", [{"keypoints": [10, 20, 2] * 17}], topology.COCO_17, info)
    assert only(converters.open_source("coco", path)).people[0].keypoints[0].tolist() == [10, 20, 2]


def test_cvat_is_continuous_and_an_explicit_offset_wins(tmp_path):
    path = coco_file(tmp_path / "c.json", [{"keypoints": [10.25, 20, 1] * 17}], topology.COCO_17)
    assert only(converters.open_source("cvat", path)).people[0].keypoints[0].tolist() == [10.25, 20, 1]
    assert only(converters.open_source("cvat", path, offset=0.5)).people[0].keypoints[0].tolist() == [10.75, 20.5, 1]


def test_two_skeletons_of_a_cvat_project_are_joined_by_name(tmp_path):
    content = {
        "images": [{"id": 1, "file_name": "a.png"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "keypoints": [1, 2, 2, 3, 4, 1]},
            {"id": 2, "image_id": 1, "category_id": 2, "keypoints": [5, 6, 2, 7, 8, 2]},
        ],
        "categories": [{"id": 1, "keypoints": ["nose", "tail"]}, {"id": 2, "keypoints": ["tail", "paw"]}],
    }
    source = converters.open_source("cvat", write_json(tmp_path / "c.json", content))
    assert source.names == ("nose", "tail", "paw")
    first, second = only(source).people
    assert first.keypoints.tolist() == [[1, 2, 2], [3, 4, 1], [0, 0, 0]]
    assert second.keypoints.tolist() == [[0, 0, 0], [5, 6, 2], [7, 8, 2]]


def test_damaged_annotations_are_named_and_the_rest_read(tmp_path):
    good = {"keypoints": [1, 2, 2] * 17}
    bad = [{"keypoints": [1, 2, 2] * 16}, {"keypoints": [1, 2, 3] * 17}, {"keypoints": [float("nan"), 2, 2] * 17}]
    many = [bad[0], good, *bad[1:], {**good, "image_id": 8}, good]  # the damaged first one does not decide the set
    path = coco_file(tmp_path / "c.json", many, topology.COCO_17)
    stray, picture = converters.open_source("coco", path).pictures
    assert isinstance(stray, Damage) and "annotations[4]" in str(stray) and "image 8" in str(stray)
    assert len(picture.people) == 2
    assert [str(p).split(": ")[1] for p in picture.problems] == [f"annotations[{i}] (id {100 + i})" for i in (0, 2, 3)]
    assert "48 numbers, expected 51" in str(picture.problems[0]) and "not finite" in str(picture.problems[2])


def test_broken_json_tells_line_and_column(tmp_path):
    (tmp_path / "c.json").write_text('{"images": [],\n "annotations": [}')
    with pytest.raises(ValueError, match=r"c\.json:2:18: not valid json"):
        converters.open_source("coco", tmp_path / "c.json")


def test_lsp_flag_means_occluded_and_is_one_based(tmp_path):
    joints = np.zeros((3, 14, 1001))
    joints[:2] = 11.0
    joints[2, LSP.index("left_wrist"), 0] = 1
    savemat(tmp_path / "joints.mat", {"joints": joints})
    source = converters.open_source("lsp", tmp_path)
    first, *_, last = source.pictures
    points = by_name(source, first.people[0])
    assert points["left_wrist"] == [10.5, 10.5, 1] and points["right_ankle"] == [10.5, 10.5, 2]
    assert (first.file_name, first.split) == ("im0001.jpg", "train")
    assert (last.file_name, last.split) == ("im1001.jpg", "test")


def test_lspet_flag_means_annotated(tmp_path):
    joints = np.zeros((14, 3, 2))
    joints[LSP.index("neck"), :, 1] = (30, 40, 1)
    joints[0, :, 0] = (1, 2, 5)  # no such flag
    savemat(tmp_path / "joints.mat", {"joints": joints})
    damage, picture = (source := converters.open_source("lspet", tmp_path / "joints.mat")).pictures
    assert isinstance(damage, Damage) and "picture 1" in str(damage) and "flags must be 0 or 1" in str(damage)
    points = by_name(source, picture.people[0])
    assert points["neck"] == [29.5, 39.5, 2] and points["left_hip"] == [0, 0, 0]
    assert (picture.file_name, picture.split) == ("im00002.jpg", "train")


def test_a_mat_file_of_another_layout_is_refused(tmp_path):
    savemat(tmp_path / "joints.mat", {"joints": np.zeros((4, 14, 2))})
    with pytest.raises(ValueError, match=r"shape=\(4, 14, 2\)"):
        converters.open_source("lsp", tmp_path)
    (tmp_path / "text.mat").write_text("hello")
    with pytest.raises(ValueError, match="not a readable MATLAB file"):
        converters.open_source("mpii", tmp_path / "text.mat")


def struct_array(*items):
    """A MATLAB struct array: missing fields are empty, as MATLAB writes them."""
    fields = list(dict.fromkeys(key for item in items for key in item))
    out = np.empty((1, len(items)), dtype=[(key, object) for key in fields])
    for i, item in enumerate(items):
        for key in fields:
            out[0, i][key] = item.get(key, np.empty((0, 0)))
    return out


def mpii_release(path):
    points = struct_array(
        {"x": 620.0, "y": 394.0, "id": 0, "is_visible": 1},
        {"x": 610.0, "y": 187.0, "id": 6, "is_visible": 0},
        {"x": 637.0, "y": 189.0, "id": 8},  # neck: MATLAB leaves is_visible empty
    )
    annotated = {"annopoints": {"point": points}, "scale": 3.0, "objpos": {"x": 594.0, "y": 257.0}}
    bystander = {"scale": 1.5, "objpos": {"x": 300.0, "y": 200.0}}
    wrong = {"annopoints": {"point": struct_array({"x": 1.0, "y": 1.0, "id": 16, "is_visible": 1})}}
    annolist = struct_array(
        {"image": {"name": "015601864.jpg"}, "annorect": struct_array(annotated, bystander, wrong)},
        {"image": {"name": "test.jpg"}, "annorect": np.empty((0, 0))},
    )
    savemat(path, {"RELEASE": {"annolist": annolist, "img_train": np.array([[1, 0]])}})


def test_mpii_release_file(tmp_path):
    mpii_release(tmp_path / "mpii.mat")
    source = converters.open_source("mpii", tmp_path / "mpii.mat")
    train, test = source.pictures
    assert (train.file_name, train.split, test.split, test.people) == ("015601864.jpg", "train", "test", ())
    person, bystander = train.people
    points = by_name(source, person)
    assert points["right_ankle"] == [619.5, 393.5, 2] and points["mid_hip"] == [609.5, 186.5, 1]
    assert points["neck"] == [636.5, 188.5, 2] and points["left_ankle"] == [0, 0, 0]
    assert bystander.ignore and bystander.box == (150, 50, 450, 350)  # 200 px x scale 1.5 around (300, 200)
    (problem,) = train.problems
    assert "annolist(1).annorect(3)" in str(problem) and "16" in str(problem)


def test_mpii_json_groups_people_by_picture(tmp_path):
    joints = [[100 + i, 200.0] for i in range(16)]
    joints[5] = [-1, -1]
    people = [
        {"image": "a.jpg", "joints": joints, "joints_vis": [1] * 5 + [0] + [1] * 10, "scale": 1, "center": [1, 2]},
        {"image": "a.jpg", "joints": joints[:3], "joints_vis": [1] * 16},
    ]
    source = converters.open_source("mpii", write_json(tmp_path / "valid.json", people))
    picture = only(source)
    points = by_name(source, picture.people[0])
    assert points["right_ankle"] == [99.5, 199.5, 2] and points["left_ankle"] == [0, 0, 0]
    assert len(picture.people) == 1 and "[1] (a.jpg)" in str(picture.problems[0])


def test_jhmdb_clip(tmp_path):
    clip = tmp_path / "joint_positions" / "golf" / "swing_1"
    clip.mkdir(parents=True)
    positions = np.full((2, 15, 3), 101.0)
    positions[:, 2, 1] = np.nan
    savemat(clip / "joint_positions.mat", {"pos_img": positions, "viewpoint": "N", "scale": np.ones(3)})
    broken = tmp_path / "joint_positions" / "run" / "x"
    broken.mkdir(parents=True)
    savemat(broken / "joint_positions.mat", {"pos_img": np.zeros((2, 14, 3))})
    source = converters.open_source("jhmdb", tmp_path / "joint_positions")
    *frames, damage = source.pictures
    assert [f.file_name for f in frames] == [f"golf/swing_1/0000{i}.png" for i in (1, 2, 3)] and source.count == 4
    assert frames[0].people[0].keypoints[0].tolist() == [100.5, 100.5, 2]
    assert by_name(source, frames[1].people[0])["face_center"] == [0, 0, 0]
    assert "(2, 14, 3)" in str(damage)
    every = converters.open_source("jhmdb", tmp_path / "joint_positions", every=2)
    assert [p.file_name[-9:] for p in every.pictures if not isinstance(p, Damage)] == ["00001.png", "00003.png"]


def test_jhmdb_clip_of_a_single_frame(tmp_path):
    savemat(tmp_path / "joint_positions.mat", {"pos_img": np.full((2, 15), 3.0)})
    assert len(list(converters.open_source("jhmdb", tmp_path).pictures)) == 1


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


def test_csv_without_its_columns(tmp_path):
    (tmp_path / "t.csv").write_text("image,ball_x\na.png,1\n")
    with pytest.raises(ValueError, match="missing: \\['ball_y'\\]"):
        converters.open_source("csv", tmp_path / "t.csv")


def shape(kind, label, points, **more):
    return {"shape_type": kind, "label": label, "points": points, "group_id": None, "flags": {}, **more}


def test_labelme_groups_boxes_and_occlusion(tmp_path):
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


def test_label_studio_percent_parents_and_choices(tmp_path):
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


def test_label_studio_min_and_coco_exports(tmp_path):
    flat = {"x": 10, "y": 20, "width": 1, "original_width": 200, "original_height": 100, "keypointlabels": ["nose"]}
    task = {"id": 1, "img": "/data/local-files/?d=set%2Fa.jpg", "kp-1": [flat], "annotator": 1}
    write_image(tmp_path / "images" / "set" / "a.jpg", 200, 100)
    picture = only(converters.open_source("label-studio", write_json(tmp_path / "min.json", [task])))
    assert picture.file_name == "set/a.jpg" and picture.people[0].keypoints.tolist() == [[20, 20, 2]]
    path = coco_file(tmp_path / "coco.json", [{"keypoints": [10.5, 20, 2]}], ["nose"])
    assert only(converters.open_source("label-studio", path)).people[0].keypoints.tolist() == [[10.5, 20, 2]]


@pytest.mark.parametrize(
    "name, expected",
    [
        ("Left Shoulder", "left_shoulder"),
        ("leftMouth", "mouth_left"),
        ("r-knee", "right_knee"),
        ("REye", "right_eye"),
        ("left_big_toe", "left_foot_index"),
        ("Head Top", "head_top"),
        ("mouth_right", "mouth_right"),
        ("left_eye_inner", "left_eye_inner"),
        ("left paw", "left paw"),
        ("ball", "ball"),
    ],
)
def test_names_of_other_tools(name, expected):
    assert names.canonical(name) == expected


def test_every_known_name_is_its_own_canonical_form():
    for known in topology.KEYPOINT_SETS.values():
        assert tuple(map(names.canonical, known)) == known


def test_renaming_and_targets():
    assert names.renamed(("a", "RHip"), {"a": "b"}) == ("b", "right_hip")
    with pytest.raises(ValueError, match="that the source lacks"):
        names.renamed(("a",), {"x": "y"})
    with pytest.raises(ValueError, match="several keypoints would be named"):
        names.renamed(("a", "b"), {"a": "b"})
    assert names.target_names(("a", "b"), "auto") == ("a", "b")
    assert names.target_names(MPII, "auto") == topology.KEYPOINTS and names.target_names(MPII, "source") == MPII


def test_unknown_format_and_missing_file(tmp_path):
    with pytest.raises(ValueError, match="unknown format"):
        converters.open_source("yolo", tmp_path)
    with pytest.raises(FileNotFoundError):
        converters.open_source("coco", tmp_path / "none.json")


def paths(node, path=()):
    """Paths to all nodes of a json document below its root."""
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield (*path, key)
        yield from paths(child, (*path, key))


STRANGE = [None, -1, "x", [], {}, float("nan"), float("inf"), True, [1, 2], "", [None], [[1]], {"a": 1}]


@pytest.mark.parametrize("kind", ["coco", "label-studio", "labelme", "mpii"])
def test_any_malformed_part_is_damage_or_a_clear_error_but_never_a_crash(tmp_path, kind):
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
