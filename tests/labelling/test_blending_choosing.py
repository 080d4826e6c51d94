"""blazepose blend and choose: what moves, how far, and who is chosen, on numbers worked out by hand."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from blazepose_tf import topology
from blazepose_tf.labelling.blending import settle_sides

SHOULDER, ELBOW, WRIST, HIP, KNEE, NOSE = (
    topology.KEYPOINTS.index(name)
    for name in ("left_shoulder", "left_elbow", "left_wrist", "left_hip", "left_knee", "nose")
)
TORSO = 100.0


def person(dataset: str, number: int) -> dict:
    """Shoulders at y = 100, hips at y = 200, all by a human but the nose; the right knee is not labelled."""
    points = np.zeros((33, 3))
    points[:, 0], points[:, 1], points[:, 2] = 150.0, 150.0, 2
    points[[SHOULDER, SHOULDER + 1], 1] = 100.0
    points[[HIP, HIP + 1], 1] = 200.0
    points[KNEE + 1] = 0.0
    sources = ["h"] * 33
    sources[NOSE], sources[KNEE + 1] = "t", "-"
    return {
        "id": number, "image_id": number, "keypoints": points.ravel().tolist(), "keypoint_source": "".join(sources),
        "dataset": dataset,
    }  # fmt: skip


@pytest.fixture
def files(tmp_path):
    """Two people and a prediction for each: elbow 20 px off, wrist 30 px off (beyond a quarter of the torso)."""
    (tmp_path / "images").mkdir()
    people = [person("lsp", 1), person("lspet", 2)]
    document = {"images": [{"id": i, "file_name": f"{i}.jpg"} for i in (1, 2)], "annotations": people}
    (tmp_path / "data.json").write_text(json.dumps(document))
    lines = [json.dumps({"run": {}})]
    for p in people:
        points = np.array(p["keypoints"]).reshape(33, 3)
        points[ELBOW, 0] += 20.0
        points[WRIST, 0] += 30.0
        points[NOSE, 0] += 10.0
        points[KNEE + 1] = 150.0, 150.0, 1.0
        lines.append(
            json.dumps({"image_id": p["image_id"], "annotation_id": p["id"], "keypoints": points.ravel().tolist()})
        )
    (tmp_path / "predictions.jsonl").write_text("\n".join(lines))
    return tmp_path


def run(folder: Path, *flags: str, verb: str = "blend") -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "blazepose_tf", verb, "--data=data.json", "--predictions=predictions.jsonl"]
    return subprocess.run([*command, "--output=out/o.json", *flags], cwd=folder, capture_output=True, text=True)


def test_points_of_humans_move_where_both_agree(files):
    (files / "out").mkdir()
    result = run(files, "--share=0.5", "--share=lspet=0.85")
    assert result.returncode == 0, result.stderr
    before = json.loads((files / "data.json").read_text())["annotations"]
    written = json.loads((files / "out" / "o.json").read_text())
    for old, new, step in zip(before, written["annotations"], (10.0, 17.0), strict=True):
        expected = np.array(old["keypoints"]).reshape(33, 3)
        expected[ELBOW, 0] += step
        np.testing.assert_allclose(np.array(new["keypoints"]).reshape(33, 3), expected, atol=1e-6)
    assert written["images"][0]["file_name"] == "../images/1.jpg"
    # 31 of each person are a human's; all but the wrist are near their prediction.
    note = written["info"]["labels"]
    assert "Of 62 points" in note and "the 60 with" in note and "shares of the way: 50%, 85% in lspet" in note
    assert note in result.stdout


def test_nothing_is_written_when_nothing_can_move(files):
    (files / "out").mkdir()
    (files / "predictions.jsonl").write_text(json.dumps({"image_id": 9, "annotation_id": 9, "keypoints": [0.0] * 99}))
    result = run(files)
    assert result.returncode != 0
    assert "no point of data.json has a prediction near it" in result.stderr
    assert not list((files / "out").iterdir())


def test_a_share_beyond_one_is_refused(files):
    assert "must be in [0, 1]" in run(files, "--share=1.5").stderr


@pytest.fixture
def teacher(files):
    """Predictions that are right about both people, but one ankle of the second."""
    lines = []
    for number in (1, 2):
        points = np.array(person("lsp", number)["keypoints"]).reshape(33, 3)
        points[topology.KEYPOINTS.index("left_ankle"), 0] += 30.0 * (number == 2)
        lines.append(json.dumps({"image_id": number, "annotation_id": number, "keypoints": points.ravel().tolist()}))
    (files / "teacher.jsonl").write_text("\n".join(lines))
    return "--teacher=teacher.jsonl"


def test_hard_people_are_those_that_only_the_teacher_gets_right(files, teacher):
    # Of 16 labelled points that count one is wrong, the wrist (the elbow is within 0.2 torsos, just); the teacher has
    # one wrong of the second person, too.
    (files / "out").mkdir()
    result = run(files, teacher, "--gap=0.05", verb="choose")
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "out/o.json: 1 of 2 people"
    written = json.loads((files / "out" / "o.json").read_text())
    assert [a["id"] for a in written["annotations"]] == [1]
    assert written["images"] == [{"id": 1, "file_name": "../images/1.jpg"}]


def test_people_whom_a_model_did_not_find_are_hard(files, teacher):
    (files / "out").mkdir()
    lines = (files / "predictions.jsonl").read_text().splitlines()
    missed = {"image_id": 2, "annotation_id": 2, "keypoints": None}
    (files / "predictions.jsonl").write_text("\n".join([*lines[:2], json.dumps(missed)]))
    result = run(files, teacher, "--gap=0.5", verb="choose")
    assert [a["id"] for a in json.loads((files / "out" / "o.json").read_text())["annotations"]] == [2], result.stderr


def test_without_a_hard_person_nothing_is_written(files, teacher):
    (files / "out").mkdir()
    result = run(files, teacher, "--gap=0.5", verb="choose")
    assert result.returncode != 0
    assert "nobody in data.json is right by 0.5 more" in result.stderr
    assert not list((files / "out").iterdir())


def standing() -> np.ndarray:
    """(33, 2): torso of 100 px; hips, knees and ankles 60 px apart, as shoulders, elbows and wrists are."""
    points = np.zeros((33, 2))
    for row, name in enumerate(("shoulder", "elbow", "wrist", "hip", "knee", "ankle")):
        y = {"elbow": 150.0, "wrist": 190.0}.get(name, 100.0 * (1 if row == 0 else row - 1))
        points[topology.KEYPOINTS.index(f"left_{name}")] = 180.0, y
        points[topology.KEYPOINTS.index(f"right_{name}")] = 120.0, y
    return points


def labelled(points: np.ndarray, *exchanged: str) -> dict:
    points = points.copy()
    for name in exchanged:
        pair = [topology.KEYPOINTS.index(f"{side}_{name}") for side in ("left", "right")]
        points[pair] = points[pair[::-1]]
    state = np.where(points.any(axis=1), 2, 0)[:, None]
    return {"keypoints": np.concatenate([points, state], axis=1).ravel().tolist(), "keypoint_source": "h" * 33}


def settled(annotation: dict) -> np.ndarray:
    return np.array(annotation["keypoints"]).reshape(33, 3)


def test_legs_that_a_human_mixed_up_change_sides():
    truth = standing()
    annotation = labelled(truth, "hip", "knee", "ankle")
    assert settle_sides(annotation, truth) == (1, 0)
    np.testing.assert_array_equal(settled(annotation)[:, :2], truth)


def test_sides_stay_where_human_and_model_agree_or_the_model_is_elsewhere():
    truth = standing()
    for predicted in (truth, truth + 80.0):
        annotation = labelled(truth)
        assert settle_sides(annotation, predicted) == (0, 0)
        np.testing.assert_array_equal(settled(annotation)[:, :2], truth)


def test_a_pair_that_contradicts_its_limb_loses_its_labels():
    truth = standing()
    annotation = labelled(truth, "ankle")
    assert settle_sides(annotation, truth) == (0, 1)
    left, right = (topology.KEYPOINTS.index(f"{side}_ankle") for side in ("left", "right"))
    found = settled(annotation)
    assert not found[[left, right]].any() and found[:, 2].sum() == 2 * 10
