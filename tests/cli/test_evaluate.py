"""`blazepose evaluate` and `blazepose model-card` as a user runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest

from blazepose_tf import topology


def blazepose(*args, cwd=None) -> subprocess.CompletedProcess:
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
    return subprocess.run(
        [sys.executable, "-m", "blazepose_tf", *map(str, args)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
    )


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Two people whose torso is 40 px, and predictions that are 4 px off for the first one only."""
    folder = tmp_path_factory.mktemp("data")
    points = np.random.default_rng(0).uniform(60, 140, (33, 2))
    for name, y in (("left_shoulder", 80), ("right_shoulder", 80), ("left_hip", 120), ("right_hip", 120)):
        points[topology.KEYPOINTS.index(name)] = (100, y)
    labels = np.concatenate([points, np.full((33, 1), 2)], axis=1).ravel().tolist()
    document = {"images": [], "annotations": [], "categories": []}
    for number in (1, 2):
        cv2.imwrite(str(folder / f"{number}.png"), np.zeros((200, 200, 3), np.uint8))
        document["images"].append({"id": number, "file_name": f"{number}.png"})
        document["annotations"].append(
            {"id": number, "image_id": number, "keypoints": labels, "area": 5000, "bbox": [60, 60, 80, 80]}
        )
    (folder / "people.json").write_text(json.dumps(document), encoding="utf-8")
    moved = np.concatenate([points + np.array([4, 0]), np.full((33, 1), 0.9)], axis=1).ravel().tolist()
    records = [{"image_id": 1, "keypoints": moved, "score": 0.9}]
    (folder / "theirs.json").write_text(json.dumps(records), encoding="utf-8")
    return folder


def test_predictions_of_another_system(dataset, tmp_path):
    done = blazepose(
        "evaluate", f"--data={dataset / 'people.json'}", f"--predictions=theirs={dataset / 'theirs.json'}",
        f"--report={tmp_path / 'report'}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "theirs" in done.stdout and "1 people without a prediction count as misses: 2" in done.stdout
    document = json.loads((tmp_path / "report/evaluation.json").read_text(encoding="utf-8"))
    metrics = document["runs"][0]["metrics"]
    assert metrics["missing_predictions"] == [2]
    # 4 px of 40 are 0.1 torsos: within 0.15 for the first person, never for the second.
    assert metrics["pck_torso"]["17"]["0.15"] == 0.5
    assert metrics["pck_torso"]["17"]["0.05"] == 0.0
    assert metrics["nme_torso"]["17"] == pytest.approx((0.1 + 1.0) / 2)
    assert (tmp_path / "report/report.html").read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to evaluate"),
        (["--model=missing.tflite"], "missing.tflite"),
        (["--model=missing.tflite", "--protocol=pipeline"], "need --detector"),
        (["--predictions=missing.json"], "missing.json"),
        (["--predictions={data}"], "missing fields ['image_id'"),
        (["--predictions={theirs}", "--sweeps=rain"], "rain"),
    ],
)
def test_mistakes_are_one_line(dataset, arguments, message):
    names = {"data": dataset / "people.json", "theirs": dataset / "theirs.json"}
    done = blazepose("evaluate", f"--data={dataset / 'people.json'}", *(a.format(**names) for a in arguments))
    assert done.returncode == 1
    assert message in done.stderr and "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_model_card_of_a_missing_model():
    done = blazepose("model-card", "--model=missing.tflite")
    assert done.returncode == 1 and "missing.tflite" in done.stderr and "Traceback" not in done.stderr
