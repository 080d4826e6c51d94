"""blazepose compose: what is pasted where, what becomes of the labels, and that its files can be read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

NUMBER_OF_POINTS = 33


@pytest.fixture
def files(tmp_path):
    """A red thing, a picture that is none (opaque), a grey photograph, and a grey picture with a person on its left."""
    for name in ("things", "photographs", "images"):
        (tmp_path / name).mkdir()
    thing = np.zeros((60, 40, 4), np.uint8)
    thing[10:50, 5:35] = 0, 0, 255, 255
    cv2.imwrite(str(tmp_path / "things" / "box.png"), thing)
    cv2.imwrite(str(tmp_path / "things" / "opaque.png"), np.full((30, 30, 3), 255, np.uint8))
    cv2.imwrite(str(tmp_path / "photographs" / "grey.jpg"), np.full((300, 400, 3), 128, np.uint8))
    cv2.imwrite(str(tmp_path / "images" / "person.png"), np.full((200, 260, 3), 128, np.uint8))
    grid = np.stack(np.meshgrid(np.linspace(5, 95, 3), np.linspace(5, 195, 11)), axis=-1).reshape(-1, 2)
    person = {
        "id": 7, "image_id": 3, "category_id": 1, "bbox": [0, 0, 100, 200], "face_box": [20, 0, 60, 50],
        "keypoints": np.column_stack([grid, np.full(NUMBER_OF_POINTS, 2)]).ravel().tolist(),
        "center": [50, 130], "scale_point": [50, 10],
    }  # fmt: skip
    image = {"id": 3, "file_name": "person.png", "width": 260, "height": 200}
    (tmp_path / "data.json").write_text(json.dumps({"images": [image], "annotations": [person]}))
    # The same person, cut out: blue, 100 x 200, whole.
    cutout = np.zeros((200, 100, 4), np.uint8)
    cutout[:] = 255, 0, 0, 255
    (tmp_path / "people").mkdir()
    cv2.imwrite(str(tmp_path / "people" / "one.png"), cutout)
    cut = person | {"bbox": [0, 0, 100, 200], "cut_off": []}
    document = {"images": [image | {"file_name": "one.png"}], "annotations": [cut]}
    (tmp_path / "people" / "people.json").write_text(json.dumps(document))
    del person["bbox"]
    (tmp_path / "no_box.json").write_text(json.dumps({"images": [image], "annotations": [person]}))
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "empty.png").touch()
    return tmp_path


@pytest.fixture
def run(files, blazepose, monkeypatch, capsys):
    """The verb in the folder of `files`: its exit code and what it says."""
    monkeypatch.chdir(files)

    def call(*flags: str) -> tuple[int, str]:
        code = blazepose("compose", "--objects=things", *flags)
        return code, capsys.readouterr().err

    return call


def red(picture: np.ndarray) -> np.ndarray:
    """(H, W) bool: where the thing, of any brightness, is plainly seen."""
    return picture[..., 2].astype(int) - picture[..., 0] > 90


def written(folder: Path, name: str) -> tuple[dict, list[np.ndarray]]:
    document = json.loads((folder / name).read_text())
    return document, [cv2.imread(str(folder / image["file_name"])) for image in document["images"]]


def test_photographs_become_pictures_without_people(files, run):
    code, said = run("--photographs=photographs", "--copies=20", "--side=96", "--output=empty.json")
    assert code == 0, said
    document, pictures = written(files, "empty.json")
    assert document["annotations"] == [] and len(pictures) == 20
    for image, picture in zip(document["images"], pictures, strict=True):
        assert picture.shape[:2] == (image["height"], image["width"])
        assert max(picture.shape[:2]) <= 96 and 0.7 < picture.shape[1] / picture.shape[0] < 1.4
    # Four of five have one to four things, but for those at the rim.
    assert 10 <= sum(red(picture).any() for picture in pictures) < 20


def test_the_same_seed_gives_the_same_pictures(files, run):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert run("--photographs=photographs", f"--seed={seed}", f"--output={name}.json")[0] == 0
    first, again, other = (next((files / f"{n}_pictures").iterdir()).read_bytes() for n in "abc")
    assert first == again and first != other


def test_faces_stay_free_and_hidden_points_are_occluded(files, run):
    assert run("--data=data.json", "--copies=30", "--output=pasted.json")[0] == 0
    document, pictures = written(files, "pasted.json")
    before = json.loads((files / "data.json").read_text())["annotations"][0]
    points_before = np.array(before["keypoints"]).reshape(-1, 3)
    hidden = 0
    for picture, person in zip(pictures, document["annotations"], strict=True):
        covered = red(picture)
        assert not covered[0:50, 20:80].any()
        assert {k: person[k] for k in ("bbox", "face_box", "center", "scale_point")} == {
            k: before[k] for k in ("bbox", "face_box", "center", "scale_point")
        }
        points = np.array(person["keypoints"]).reshape(-1, 3)
        np.testing.assert_array_equal(points[:, :2], points_before[:, :2])
        # JPEG halves the resolution of colours: what lies a few pixels inside counts, or outside.
        sure = cv2.erode(covered.astype(np.uint8), np.ones((7, 7)))[points[:, 1].astype(int), points[:, 0].astype(int)]
        near = cv2.dilate(covered.astype(np.uint8), np.ones((9, 9)))[points[:, 1].astype(int), points[:, 0].astype(int)]
        assert (points[sure > 0, 2] == 1).all() and (points[near == 0, 2] == 2).all()
        hidden += int((points[:, 2] == 1).sum())
    assert sum(red(picture).any() for picture in pictures) > 20 and hidden > 5


def test_cut_out_people_come_into_photographs_with_their_labels(files, run):
    flags = ("--photographs=photographs", "--people=people/people.json", "--copies=20", "--side=160")
    code, said = run(*flags, "--output=composed.json")
    assert code == 0, said
    document, pictures = written(files, "composed.json")
    assert len(pictures) == 20 and len(document["annotations"]) >= 18
    pictures = {image["id"]: p for image, p in zip(document["images"], pictures, strict=True)}
    for person in document["annotations"]:
        picture = pictures[person["image_id"]]
        blue = picture[..., 0].astype(int) - picture[..., 2] > 90
        points = np.array(person["keypoints"]).reshape(-1, 3)
        seen = points[points[:, 2] == 2, :2].astype(int)
        assert len(seen) >= 2 and blue[seen[:, 1], seen[:, 0]].mean() > 0.9
        x, y, width, height = person["bbox"]
        outside = blue.copy()
        outside[max(0, int(y) - 3) : int(y + height) + 4, max(0, int(x) - 3) : int(x + width) + 4] = False
        assert not outside.any()
    assert run(*flags, "--output=again.json")[0] == 0
    assert (files / "again_pictures/000001.jpg").read_bytes() == (files / "composed_pictures/000001.jpg").read_bytes()


def test_a_file_without_people_is_read_as_negatives(files, run):
    assert run("--photographs=photographs", "--copies=3", "--output=empty.json")[0] == 0
    command = [sys.executable, "-m", "blazepose_tf", "convert-dataset", "--from=coco", "--input=empty.json"]
    command += ["--images=.", "--output=shards", "--only_negatives"]
    result = subprocess.run(command, cwd=files, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert json.loads(next((files / "shards").glob("*.json")).read_text())["examples"] == 3


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--output=o.json",), "give either --photographs or --data"),
        (("--photographs=photographs", "--data=data.json", "--output=o.json"), "give either --photographs or --data"),
        (("--data=data.json", "--people=people/people.json", "--output=o.json"), "--people goes with --photographs"),
        (("--photographs=photographs", "--people=data.json", "--output=o.json"), "annotation 7 is no cut-out"),
        (("--photographs=images/none", "--output=o.json"), "no pictures"),
        (("--photographs=photographs", "--copies=0", "--output=o.json"), "--copies must be positive"),
        (("--photographs=photographs", "--objects=photographs", "--output=o.json"), "has a transparent background"),
        (("--data=none.json", "--output=o.json"), "No such file"),
        (("--data=no_box.json", "--output=o.json"), "annotations[0]: missing fields ['bbox']"),
        (("--photographs=damaged", "--output=o.json"), "empty.png is not a picture of 8 bits"),
    ],
)
def test_what_cannot_be_done_is_said(files, run, flags, message):
    code, said = run(*flags)
    assert code == 1 and message in said
    assert not (files / "o.json").exists()


def test_a_cut_out_without_transparency_is_said(files, run):
    cv2.imwrite(str(files / "people" / "one.png"), np.full((200, 100, 3), 255, np.uint8))
    code, said = run("--photographs=photographs", "--people=people/people.json", "--output=o.json")
    assert code == 1 and "one.png: expected a cut-out with a transparent background" in said
    assert not (files / "o.json").exists()
