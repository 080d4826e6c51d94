"""benchmarks/kept_aside.py: the same people for everybody, none that training or decisions have seen."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import scipy.io

ROOT = Path(__file__).resolve().parents[2]


def yolo(points: np.ndarray, size: tuple[int, int]) -> str:
    shares = points.copy()
    shares[:, :2] /= size
    return "0 0.5 0.5 0.4 0.8 " + " ".join(f"{value:.6f}" for value in shares.ravel())


@pytest.fixture
def sources(tmp_path):
    """Four pictures of COCO's kind: two usable, one with two people, one with an unlabelled hip; two of Leeds."""
    for folder in ("coco", "labels", "lsp"):
        (tmp_path / folder).mkdir()
    picture = np.zeros((240, 320, 3), np.uint8)
    rng = np.random.default_rng(0)
    standing = np.column_stack([150 + 10 * rng.random(17), np.linspace(20, 220, 17), np.full(17, 2.0)])
    legless = standing.copy()
    legless[11] = 0.0
    for number, people in enumerate(([standing], [standing, standing], [legless], [standing]), 1):
        cv2.imwrite(str(tmp_path / "coco" / f"{number:012d}.jpg"), picture)
        text = "\n".join(yolo(points, (320, 240)) for points in people)
        (tmp_path / "labels" / f"{number:012d}.txt").write_text(text, encoding="utf-8")
    joints = np.zeros((3, 14, 1002))
    joints[0], joints[1] = 160.0, np.linspace(220, 20, 14)[:, None]
    scipy.io.savemat(tmp_path / "joints.mat", {"joints": joints})
    for number in (1001, 1002):
        cv2.imwrite(str(tmp_path / "lsp" / f"im{number}.jpg"), picture)
    return tmp_path


def run(folder: Path, *flags: str) -> dict[str, dict]:
    command = [
        sys.executable, str(ROOT / "benchmarks" / "kept_aside.py"), f"--coco_images={folder / 'coco'}",
        f"--coco_labels={folder / 'labels'}", f"--lsp_images={folder / 'lsp'}",
        f"--lsp_joints={folder / 'joints.mat'}", f"--output={folder / 'kept'}", *flags,
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    return {name: json.loads((folder / "kept" / f"{name}.json").read_text()) for name in ("everyday", "sport")}


def names(document: dict) -> set[str]:
    return {Path(image["file_name"]).stem for image in document["images"]}


def test_single_people_with_a_torso_are_kept(sources):
    found = run(sources)
    assert names(found["everyday"]) == {"000000000001", "000000000004"}
    assert names(found["sport"]) == {"im1001", "im1002"}
    first = np.reshape(found["everyday"]["annotations"][0]["keypoints"], (33, 3))
    assert (first[:, 2] > 0).sum() == 17
    # COCO counts pixels, this package their edges.
    assert first[0, 1] == pytest.approx(20.5, abs=0.01)
    path = sources / "kept" / found["everyday"]["images"][0]["file_name"]
    assert path.exists()


def test_what_was_seen_stays_out_and_the_order_is_everybodys(sources):
    image = {"id": 1, "file_name": "coco_000000000004_7.jpg"}
    people = [{"dataset": "lsp", "source_image": "im1002.jpg"}, {"dataset": "mine", "source_image": "im1001.jpg"}]
    (sources / "seen.json").write_text(json.dumps({"images": [image], "annotations": people}), encoding="utf-8")
    found = run(sources, f"--seen={sources / 'seen.json'}")
    assert names(found["everyday"]) == {"000000000001"}
    assert names(found["sport"]) == {"im1001"}
    one = run(sources, "--count=1")
    assert one == run(sources, "--count=1")
    assert len(one["everyday"]["annotations"]) == 1
