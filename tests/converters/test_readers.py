"""Readers: small files in the published layouts, with results worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.io import savemat

from blazepose_tf import converters, topology
from blazepose_tf.converters import names
from blazepose_tf.converters.annotations import Damage

LSP = topology.KEYPOINT_SETS["lsp_14"]
MPII = topology.KEYPOINT_SETS["mpii_16"]


def test_coco_17_adds_half_a_pixel_and_keeps_three_states(tmp_path, coco_file, by_name, only):
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
def test_sets_are_recognised_from_their_number(tmp_path, count, expected, coco_file):
    path = coco_file(tmp_path / "c.json", [{"keypoints": [1, 2, 2] * count}])
    assert converters.open_source("coco", path).names == topology.KEYPOINT_SETS[expected]


def test_an_unknown_number_asks_for_names(tmp_path, coco_file):
    path = coco_file(tmp_path / "c.json", [{"keypoints": [1, 2, 2] * 5}])
    with pytest.raises(ValueError, match="--keypoints=a,b,c"):
        converters.open_source("coco", path)
    assert converters.open_source("coco", path, keypoints=list("abcde")).names == tuple("abcde")


def test_wholebody_parts_are_joined_and_unclear_parts_left_out(tmp_path, coco_file, by_name, only):
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


def test_own_json_and_33_names_are_continuous_already(tmp_path, coco_file, only):
    path = coco_file(tmp_path / "b.json", [{"keypoints": [10, 20, 2] * 33}], topology.KEYPOINTS)
    assert only(converters.open_source("coco", path)).people[0].keypoints[0].tolist() == [10, 20, 2]
    info = {"coordinates": "continuous pixels"}
    path = coco_file(tmp_path / "i.json", [{"keypoints": [10, 20, 2] * 17}], topology.COCO_17, info)
    assert only(converters.open_source("coco", path)).people[0].keypoints[0].tolist() == [10, 20, 2]


def test_cvat_is_continuous_and_an_explicit_offset_wins(tmp_path, coco_file, only):
    path = coco_file(tmp_path / "c.json", [{"keypoints": [10.25, 20, 1] * 17}], topology.COCO_17)
    assert only(converters.open_source("cvat", path)).people[0].keypoints[0].tolist() == [10.25, 20, 1]
    assert only(converters.open_source("cvat", path, offset=0.5)).people[0].keypoints[0].tolist() == [10.75, 20.5, 1]


def test_two_skeletons_of_a_cvat_project_are_joined_by_name(tmp_path, write_json, only):
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


def test_damaged_annotations_are_named_and_the_rest_read(tmp_path, coco_file):
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
    with pytest.raises(ValueError, match=r"c\.json:2:18: not valid JSON"):
        converters.open_source("coco", tmp_path / "c.json")


def test_lsp_flag_means_occluded_and_is_one_based(tmp_path, by_name):
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


def test_lspet_flag_means_annotated(tmp_path, by_name):
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


def test_mpii_release_file(tmp_path, by_name):
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


def test_mpii_json_groups_people_by_picture(tmp_path, write_json, by_name, only):
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


def test_jhmdb_clip(tmp_path, by_name):
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
    # A point that is nobody's but the source's is what it is for.
    assert names.target_names((*topology.COCO_17, "neck"), "auto") == topology.KEYPOINTS
    own = (*topology.COCO_17, "left_glove", "right_glove")
    assert names.target_names(own, "auto") == own
    assert names.target_names(MPII, "auto") == topology.KEYPOINTS and names.target_names(MPII, "source") == MPII


def test_unknown_format_and_missing_file(tmp_path):
    with pytest.raises(ValueError, match="unknown format"):
        converters.open_source("yolo", tmp_path)
    with pytest.raises(FileNotFoundError):
        converters.open_source("coco", tmp_path / "none.json")
