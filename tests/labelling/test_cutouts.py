"""blazepose cut: what of a picture is cut out, where it may be pasted, and what becomes of the labels."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from blazepose_tf import specs, topology
from blazepose_tf.geometry import affine, roi
from blazepose_tf.labelling import cutouts
from blazepose_tf.runtime.tracker import OFFICIAL_2021
from blazepose_tf.runtime.warp import warp

NAMES = topology.KEYPOINTS
FACE = topology.indices(topology.GROUPS["face"])
# A body of 60 x 180 pixels that begins here, in a picture of 220 x 240.
LEFT, TOP = 80, 30


class RedIsPerson:
    """A tracker whose mask is exact for red people: the crop is the real one, only the network is not needed."""

    spec = OFFICIAL_2021

    def crop(self, image, region):
        matrix = roi.crop_matrix(region, self.spec.input_size)
        return warp(image, matrix, self.spec.input_size), matrix

    def model(self, crop, value_range, outputs):
        del value_range
        assert outputs == (specs.SEGMENTATION,)
        return {specs.SEGMENTATION: (crop[None, ..., :1].astype(np.float32) - crop[None, ..., 1:2]) / 32.0 - 4.0}


def person(left: float = LEFT, top: float = TOP) -> dict:
    """All points within a body of 60 x 180, the face at its top; the right pinky is hidden, the left not labelled."""
    rng = np.random.default_rng(0)
    points = np.column_stack([rng.uniform(5, 55, 33), rng.uniform(70, 175, 33), np.full(33, 2.0)])
    points[FACE, 1] = rng.uniform(5, 30, len(FACE))
    points[:, :2] += left, top
    points[NAMES.index("right_pinky"), 2] = 1
    points[NAMES.index("left_pinky")] = 0
    return {
        "id": 5, "image_id": 9, "keypoints": points.ravel().tolist(), "dataset": "drawn", "weight": 0.5,
        "center": [left + 30.0, top + 100.0], "scale_point": [left + 30.0, top - 5.0],
    }  # fmt: skip


def picture(left: int = LEFT, top: int = TOP, size: tuple[int, int] = (220, 240)) -> np.ndarray:
    made = np.full((size[1], size[0], 3), (128, 128, 128), np.uint8)
    made[top : top + 180, left : left + 60] = (255, 0, 0)
    return made


def test_a_cut_out_is_the_person_and_its_labels():
    scene = picture()
    scene[200:230, 5:35] = (255, 0, 0)  # red, but none of the person's points is there
    cutout, found = cutouts.cut(scene, person(), RedIsPerson())
    assert cutout.shape[2] == 4
    opaque = cutout[..., 3] > 128
    # Exactly the body: half a pixel of displacement would add or take a row.
    assert opaque.sum() == pytest.approx(60 * 180, abs=60)
    assert (cutout[opaque][:, 0] > 200).all()
    corner = np.argwhere(opaque).min(axis=0)
    before = np.array(person()["keypoints"]).reshape(-1, 3)
    after = np.array(found["keypoints"]).reshape(-1, 3)
    labelled = before[:, 2] > 0
    np.testing.assert_array_equal(after[:, 2], before[:, 2])
    np.testing.assert_allclose(
        after[labelled, :2] - corner[::-1], before[labelled, :2] - (LEFT, TOP), rtol=0.0, atol=0.06
    )
    np.testing.assert_array_equal(after[~labelled], 0.0)
    np.testing.assert_allclose(np.subtract(found["center"], found["scale_point"]), (0.0, 105.0), atol=1e-6)
    assert found["bbox"] == [0, 0, cutout.shape[1], cutout.shape[0]]
    assert (found["cut_off"], found["dataset"], found["weight"]) == ([], "drawn", 0.5)


def test_where_the_picture_ends_is_noted():
    _, found = cutouts.cut(picture(top=60), person(top=60), RedIsPerson())
    assert found["cut_off"] == ["bottom"]
    _, found = cutouts.cut(picture(left=0, top=60), person(left=0, top=60), RedIsPerson())
    assert found["cut_off"] == ["left", "bottom"]


def test_masks_that_are_not_to_be_trusted_are_left_out():
    beside = person()
    points = np.array(beside["keypoints"]).reshape(-1, 3)
    points[:6, 0] += 100.0
    assert cutouts.cut(picture(), beside | {"keypoints": points.ravel().tolist()}, RedIsPerson()) is None
    points[:, 2] = 1
    assert cutouts.cut(picture(), beside | {"keypoints": points.ravel().tolist()}, RedIsPerson()) is None
    across = picture(left=0, size=(60, 240))
    assert cutouts.cut(across, person(left=0), RedIsPerson()) is None


@pytest.mark.parametrize("cut_off", [[], ["bottom"], ["left", "bottom"], ["right"]])
def test_places_show_face_and_hips_and_hide_where_the_source_ended(cut_off):
    _, whole = cutouts.cut(picture(), person(), RedIsPerson())
    annotation = whole | {"cut_off": cut_off}
    width, height = annotation["bbox"][2:]
    corners = np.array([[0.0, 0.0], [width, 0.0], [0.0, height], [width, height]])
    face = np.array(annotation["keypoints"]).reshape(-1, 3)[FACE, :2]
    frame = np.array([200.0, 260.0])
    inclines, radii = [], []
    for seed in range(60):
        matrix = cutouts.place(annotation, (200, 260), np.random.default_rng(seed))
        assert matrix is not None
        seen = affine.apply(matrix, np.vstack([face, annotation["center"]]))
        assert (seen > 0.0).all() and (seen < frame).all()
        low, high = affine.apply(matrix, corners).min(axis=0), affine.apply(matrix, corners).max(axis=0)
        assert low[0] <= 1e-6 or "left" not in cut_off
        assert high[0] >= 200.0 - 1e-6 or "right" not in cut_off
        assert high[1] >= 260.0 - 1e-6 or "bottom" not in cut_off
        inclines.append(np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0])))
        radii.append(np.hypot(*matrix[:, 0]) * 105.0 / 260.0)
    assert (np.abs(inclines) < 1e-6).all() if cut_off else np.std(inclines) > 10.0
    assert min(radii) < 0.25 and max(radii) > 0.45  # far and near


def test_nobody_without_a_face_is_placed():
    _, annotation = cutouts.cut(picture(), person(), RedIsPerson())
    points = np.array(annotation["keypoints"]).reshape(-1, 3)
    points[FACE] = 0.0
    annotation["keypoints"] = points.ravel().tolist()
    assert cutouts.place(annotation, (200, 200), np.random.default_rng(0)) is None


def test_labels_move_along_and_end_with_the_picture():
    _, annotation = cutouts.cut(picture(), person(), RedIsPerson())
    matrix = np.array([[0.0, -2.0, 300.0], [2.0, 0.0, -40.0]])
    moved = cutouts.moved(annotation, matrix, (240, 90))
    before = np.array(annotation["keypoints"]).reshape(-1, 3)
    after = np.array(moved["keypoints"]).reshape(-1, 3)
    expected = np.column_stack([300.0 - 2.0 * before[:, 1], 2.0 * before[:, 0] - 40.0])
    inside = (expected >= 0.0).all(axis=1) & (expected < (240, 90)).all(axis=1) & (before[:, 2] > 0)
    assert 5 < inside.sum() < 30
    np.testing.assert_allclose(after[inside, :2], expected[inside], atol=0.06)
    np.testing.assert_array_equal(after[inside, 2], before[inside, 2])
    np.testing.assert_array_equal(after[~inside], 0.0)
    assert "cut_off" not in moved and moved["dataset"] == "drawn"
    x, y, width, height = moved["bbox"]
    assert x >= 0 and y >= 0 and x + width <= 240 and y + height <= 90
    assert np.hypot(*np.subtract(moved["center"], moved["scale_point"])) == pytest.approx(210.0, abs=0.2)


def test_people_are_cut_out_of_real_pictures(blazepose, tmp_path, shared_dir, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    content = json.loads((shared_dir / "data/tracker/val.json").read_text())
    chosen = [a for a in content["annotations"] if a["dataset"] == "yoga_web"][:12]
    used = {a["image_id"] for a in chosen}
    images = [image for image in content["images"] if image["id"] in used]
    for image in images:
        image["file_name"] = str(shared_dir / "data/tracker/images" / image["file_name"])
    (tmp_path / "data.json").write_text(json.dumps(content | {"images": images, "annotations": chosen}))
    model = shared_dir / "peers/pose_landmark_full_2021.tflite"
    code = blazepose(*["cut", "--data=data.json", f"--model={model}", "--output=people.json"])
    assert code == 0, capsys.readouterr().err
    document = json.loads((tmp_path / "people.json").read_text())
    assert len(document["annotations"]) >= 10
    for image, annotation in zip(document["images"], document["annotations"], strict=True):
        cutout = cv2.imread(str(tmp_path / image["file_name"]), cv2.IMREAD_UNCHANGED)
        assert cutout.shape == (image["height"], image["width"], 4)
        points = np.array(annotation["keypoints"]).reshape(-1, 3)
        visible = points[points[:, 2] == 2, :2].astype(int)
        near = cv2.dilate(cutout[..., 3], np.ones((7, 7)))[
            np.clip(visible[:, 1], 0, image["height"] - 1), np.clip(visible[:, 0], 0, image["width"] - 1)
        ]
        assert (near > 128).mean() >= 0.9 and (cutout[..., 3] < 20).mean() > 0.1


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--data=none.json",), "No such file"),
        (("--data=no_circle.json",), "has a body circle"),
        (("--data=data.json",), "has no segmentation output"),
        (("--data=data.json", "--model=none.tflite"), "none.tflite"),
    ],
)
def test_what_cannot_be_done_is_said(blazepose, tmp_path, monkeypatch, capsys, flags, message):
    monkeypatch.chdir(tmp_path)
    lite = Path(specs.__file__).parent / "weights" / "lite.tflite"
    image = {"id": 9, "file_name": "a.png", "width": 220, "height": 240}
    category = {"id": 1, "name": "person", "keypoints": list(NAMES)}
    cv2.imwrite("a.png", picture())
    document = {"images": [image], "annotations": [person()], "categories": [category]}
    (tmp_path / "data.json").write_text(json.dumps(document))
    del document["annotations"][0]["center"]
    (tmp_path / "no_circle.json").write_text(json.dumps(document))
    code = blazepose(*["cut", f"--model={lite}", *flags, "--output=people.json"])
    assert code == 1 and message in capsys.readouterr().err
    assert not (tmp_path / "people.json").exists()
