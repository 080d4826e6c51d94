"""`blazepose convert-dataset` as a real process."""

from __future__ import annotations

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest

from blazepose_tf import topology

TORSO = {"left_shoulder": (40, 10), "right_shoulder": (24, 10), "left_hip": (36, 30), "right_hip": (28, 30)}


def run(*arguments):
    command = [sys.executable, "-m", "blazepose_tf", "convert-dataset", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def coco_json(tmp_path):
    """Two pictures: one good, one whose file is missing."""
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.png"), np.full((48, 64, 3), 90, np.uint8))
    flat = [v for name in topology.COCO_17 for v in ((*TORSO[name], 2) if name in TORSO else (0, 0, 0))]
    content = {
        "images": [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "b.png"}],
        "annotations": [
            {"id": i, "image_id": i, "category_id": 1, "keypoints": flat, "bbox": [20, 5, 24, 40]} for i in (1, 2)
        ],
        "categories": [{"id": 1, "name": "person", "keypoints": list(topology.COCO_17)}],
    }
    path = tmp_path / "coco.json"
    path.write_text(json.dumps(content))
    return path


def test_json_out_skips_the_damaged_entry(coco_json):
    output = coco_json.parent / "out" / "x.json"
    result = run("--from=coco", f"--input={coco_json}", f"--output={output}", "--weight=0.5", "--dataset=mine")
    assert result.returncode == 0, result.stderr
    assert "images[1]: no picture" in result.stderr and "damaged entries skipped: 1" in result.stdout
    content = json.loads(output.read_text())
    assert [i["file_name"] for i in content["images"]] == ["../images/a.png"]
    (annotation,) = content["annotations"]
    assert len(annotation["keypoints"]) == 99 and (annotation["weight"], annotation["dataset"]) == (0.5, "mine")
    assert annotation["center"] == [32.5, 30.5]  # mid-hip (32, 30) in pixel indices


def test_strict_fails_on_damage_and_shards_are_written(coco_json):
    output = coco_json.parent / "shards"
    result = run("--from=coco", f"--input={coco_json}", f"--output={output}", "--strict")
    assert result.returncode == 1 and "1 records" in result.stdout
    assert (output / "coco-00000-of-00001.tfrecord").is_file()


def test_only_negatives_are_pictures_without_people(coco_json):
    content = json.loads(coco_json.read_text())
    cv2.imwrite(str(coco_json.parent / "images" / "b.png"), np.full((48, 64, 3), 120, np.uint8))
    content["annotations"].pop()
    coco_json.write_text(json.dumps(content))
    output = coco_json.parent / "x.json"
    result = run("--from=coco", f"--input={coco_json}", f"--output={output}", "--only_negatives")
    assert result.returncode == 0, result.stderr
    content = json.loads(output.read_text())
    assert [i["file_name"] for i in content["images"]] == ["b.png"] and content["annotations"] == []
    content = json.loads(coco_json.read_text())
    coco_json.write_text(json.dumps(content | {"images": content["images"][:1]}))
    result = run("--from=coco", f"--input={coco_json}", f"--output={coco_json.parent / 'y.json'}", "--only_negatives")
    assert result.returncode == 1 and "nothing usable" in result.stderr


def test_a_share_is_kept_aside(coco_json):
    """Ten pictures of five people; nobody is on both sides."""
    content = json.loads(coco_json.read_text())
    first = content["annotations"][0]
    content["images"] = [{"id": i, "file_name": f"{i}.png"} for i in range(10)]
    content["annotations"] = [{**first, "id": i, "image_id": i, "person_id": f"p{i // 2}"} for i in range(10)]
    for i in range(10):
        cv2.imwrite(str(coco_json.parent / "images" / f"{i}.png"), np.full((48, 64, 3), 20 * i, np.uint8))
    coco_json.write_text(json.dumps(content))
    output, val = (coco_json.parent / "images" / f"{name}.json" for name in ("train", "val"))
    flags = [f"--output={output}", f"--val_output={val}", "--val_share=0.2", "--val_by=field:person_id"]
    result = run("--from=coco", f"--input={coco_json}", *flags)
    assert result.returncode == 0, result.stderr
    parts = [json.loads(path.read_text()) for path in (output, val)]
    assert [len(part["images"]) for part in parts] == [8, 2]
    people = [{int(i["file_name"][:-4]) // 2 for i in part["images"]} for part in parts]
    assert not people[0] & people[1]


def test_nothing_usable_is_an_error_and_writes_nothing(coco_json):
    (coco_json.parent / "images" / "a.png").unlink()
    output = coco_json.parent / "x.json"
    result = run("--from=coco", f"--input={coco_json}", f"--output={output}")
    assert result.returncode == 1 and "nothing usable" in result.stderr and not output.exists()


@pytest.mark.parametrize(
    "arguments, text",
    [
        (["--from=coco", "--output=x.json"], "--input is missing"),
        (["--from=yolo", "--input=x", "--output=x.json"], "should be one of"),
        (["--from=coco", "--input=none.json", "--output=x.json"], "no such file or folder"),
    ],
)
def test_mistakes_are_one_line(arguments, text):
    result = run(*arguments)
    assert result.returncode in (1, 2) and text in result.stderr and result.stderr.count("\n") == 1
