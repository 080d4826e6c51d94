"""`blazepose validate-dataset` as a real process."""

from __future__ import annotations

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest

from blazepose_tf import topology

POINTS = {"left_shoulder": (40, 10), "right_shoulder": (24, 10), "left_hip": (36, 30), "right_hip": (28, 30)}


def run(*arguments):
    command = [sys.executable, "-m", "blazepose_tf", "validate-dataset", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def dataset(tmp_path):
    (tmp_path / "images").mkdir()
    noise = np.random.default_rng(0).integers(0, 255, (6, 8, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "images" / "a.png"), cv2.resize(noise, (64, 48)))
    flat = [v for name in topology.KEYPOINTS for v in ((*POINTS[name], 2) if name in POINTS else (0, 0, 0))]
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": 64, "height": 48}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "keypoints": flat}],
        "categories": [{"id": 1, "keypoints": list(topology.KEYPOINTS)}],
    }
    path = tmp_path / "d.json"
    path.write_text(json.dumps(content))
    return path


def test_summary_and_contact_sheet_are_written(dataset):
    sheet, summary = dataset.parent / "out" / "sheet.png", dataset.parent / "out" / "summary.json"
    result = run(f"--data={dataset}", f"--contact_sheet={sheet}", f"--summary={summary}")
    assert result.returncode == 0, result.stderr
    assert "1 pictures, 1 people (1 usable)" in result.stdout
    assert cv2.imread(str(sheet)).shape == (216, 200, 3)
    (found,) = json.loads(summary.read_text())["datasets"]
    assert (found["usable_people"], found["errors"], found["findings"]) == (1, 0, {})
    assert sorted(p.name for p in summary.parent.iterdir()) == ["sheet.png", "summary.json"]


def test_a_missing_picture_is_unusable(dataset):
    (dataset.parent / "images" / "a.png").unlink()
    result = run(f"--data={dataset}")
    assert result.returncode == 1 and "error: " in result.stdout and "a.png" in result.stdout


def test_the_same_picture_in_two_splits_fails_when_strict(dataset):
    other = dataset.with_name("other.json")
    other.write_text(dataset.read_text())
    assert run(f"--data={dataset}", f"--other={other}").returncode == 0
    result = run(f"--data={dataset}", f"--other={other}", "--strict")
    assert result.returncode == 1 and "duplicate across datasets" in result.stdout


def test_data_is_required():
    result = run()
    assert result.returncode == 1 and result.stderr == "error: --data is missing\n"
