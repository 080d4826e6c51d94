"""A small data set on disk: three people in three pictures, whole bodies with round numbers."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from blazepose_tf import topology

NAMES = topology.KEYPOINTS


def _standing(x: float, y: float, scale: float = 1.0) -> np.ndarray:
    """(33, 2) a person with mid-hip at (x, y) whose torso is 40 * scale pixels."""
    points = np.zeros((33, 2))
    place = {
        "nose": (0, -55), "shoulder": (12, -40), "elbow": (18, -20), "wrist": (20, 0), "pinky": (22, 4),
        "index": (20, 5), "thumb": (18, 4), "hip": (8, 0), "knee": (9, 30), "ankle": (10, 60), "heel": (9, 64),
        "foot_index": (14, 66), "eye": (3, -58), "eye_inner": (2, -58), "eye_outer": (4, -58), "ear": (6, -57),
        "mouth": (2, -50),
    }  # fmt: skip
    for i, name in enumerate(NAMES):
        part = name.removeprefix("left_").removeprefix("right_").removesuffix("_left").removesuffix("_right")
        dx, dy = place[part]
        points[i] = (-dx if "right" in name else dx, dy)
    return points * scale + (x, y)


def _annotation(number: int, points: np.ndarray, **fields) -> dict:
    """A COCO annotation in which every point is visible and human-labelled."""
    flat = np.concatenate([points, np.full((33, 1), 2)], axis=1).ravel().tolist()
    low, high = points.min(axis=0), points.max(axis=0)
    return {
        "id": number, "image_id": number, "category_id": 1, "iscrowd": 0, "keypoints": flat,
        "bbox": [*low.tolist(), *(high - low).tolist()], "area": float(np.prod(high - low)), "dataset": "a",
    } | fields  # fmt: skip


@pytest.fixture(scope="session")
def standing():
    return _standing


@pytest.fixture(scope="session")
def annotation():
    return _annotation


@pytest.fixture
def write_dataset(tmp_path):
    """Writes annotations (and grey noise pictures) and returns the path of the JSON."""

    def write(annotations: list[dict], *, pictures: int | None = None, names=NAMES, name: str = "data") -> Path:
        folder = tmp_path / name
        (folder / "images").mkdir(parents=True, exist_ok=True)
        count = pictures or max(a["image_id"] for a in annotations)
        rng = np.random.default_rng(0)
        for number in range(1, count + 1):
            cv2.imwrite(str(folder / "images" / f"{number}.png"), rng.integers(0, 256, (200, 180, 3), np.uint8))
        document = {
            "images": [{"id": n, "file_name": f"{n}.png", "width": 180, "height": 200} for n in range(1, count + 1)],
            "annotations": annotations,
            "categories": [{"id": 1, "name": "person", "keypoints": list(names)}],
            "info": {"coordinates": "continuous pixels"},
        }
        path = folder / "people.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        return path

    return write


@pytest.fixture
def three_people(write_dataset) -> Path:
    people = [_annotation(n, _standing(90, 110, s), dataset="ab"[n > 1]) for n, s in ((1, 1.0), (2, 0.5), (3, 0.8))]
    return write_dataset(people)


@pytest.fixture(scope="session")
def real_tracker() -> str:
    """A trained tracker file: the shipped one, else an official one beside the checkout."""
    return _first("lite.tflite", "pose_landmark_lite_2021.tflite")


@pytest.fixture(scope="session")
def real_detector() -> str:
    """A trained detector file: the shipped one, else an official one beside the checkout."""
    return _first("blazeface.tflite", "pose_detection_2021.tflite")


def _first(shipped: str, official: str) -> str:
    root = Path(__file__).resolve().parents[2]
    for path in (root / "blazepose_tf" / "weights" / shipped, root.parent / "shared" / "peers" / official):
        if path.is_file():
            return str(path)
    pytest.skip("no trained model: neither shipped weights nor official files")
