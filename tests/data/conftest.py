"""Small pictures with exact labels, as records."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from blazepose_tf import topology
from blazepose_tf.data import records
from blazepose_tf.data.example import Example

WIDTH, HEIGHT = 320, 240


def standing_body(center=(160.0, 130.0), height: float = 160.0, lean: float = 0.0) -> np.ndarray:
    """(33, 3) points of a plausible upright body, all visible; `lean` turns it about its mid-hip, in radians."""
    up = {"face": 0.44, "shoulder": 0.3, "elbow": 0.16, "wrist": 0.04, "hip": 0.0, "knee": -0.25, "ankle": -0.47}
    out = np.zeros((33, 3), np.float32)
    for i, name in enumerate(topology.KEYPOINTS):
        part = name.replace("left_", "").replace("right_", "").replace("_left", "").replace("_right", "")
        level = next((v for k, v in up.items() if k in part), None)
        if level is None:
            level = 0.02 if part in ("pinky", "index", "thumb") else (-0.5 if part in ("heel", "foot_index") else 0.44)
        # The person's left is on the picture's right.
        side = 1.0 if "left" in name else (-1.0 if "right" in name else 0.0)
        spread = {"nose": 0.0, "mouth": 0.02, "ear": 0.05}.get(part, 0.03 if level == 0.44 else 0.1)
        if part == "mouth":
            level -= 0.035
        x, y = side * spread * height, -level * height
        out[i] = (
            center[0] + np.cos(lean) * x - np.sin(lean) * y,
            center[1] + np.sin(lean) * x + np.cos(lean) * y,
            2.0,
        )
    return out


def encode_image(image: np.ndarray, *, quality: int = 95, kind: str = ".jpg") -> bytes:
    """JPEG or PNG file of an RGB picture."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if kind == ".jpg" else []
    return cv2.imencode(kind, image[..., ::-1], options)[1].tobytes()


def smooth_picture(seed: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """RGB picture without hard edges, so that interpolation can be compared."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (8, 10, 3), np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def make_example(index: int, *, people: int = 1, **changes) -> Example:
    bodies = [standing_body((130.0 + 60.0 * i, 128.0), 150.0, 0.1 * index) for i in range(people)]
    values = {
        "image": encode_image(smooth_picture(index)),
        "width": WIDTH,
        "height": HEIGHT,
        "keypoints": np.stack(bodies) if bodies else None,
        "dataset": "dots",
        "image_id": f"picture_{index}",
        "split": "train",
    }
    return Example(**{**values, **changes})


@pytest.fixture(scope="session")
def body():
    return standing_body


@pytest.fixture(scope="session")
def encode():
    return encode_image


@pytest.fixture(scope="session")
def picture():
    return smooth_picture


@pytest.fixture(scope="session")
def example():
    return make_example


@pytest.fixture(scope="session")
def ten_records(tmp_path_factory) -> records.Records:
    """Ten pictures in two shards: 0..8 with a person, 9 without; 3 with two people."""
    folder = tmp_path_factory.mktemp("ten")
    people = {9: 0, 3: 2}
    records.write_shards(
        range(10), lambda i: make_example(i, people=people.get(i, 1)), folder=folder, name="ten", num_shards=2
    )
    return records.open_records(folder)
