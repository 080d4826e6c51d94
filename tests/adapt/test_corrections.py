"""Frames set out for correction: which ones, in which files, and what comes back from every tool."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from blazepose_tf import topology
from blazepose_tf.adapt import corrections
from blazepose_tf.converters.coco_document import coco_document

WRIST, HIP = (topology.KEYPOINTS.index(name) for name in ("left_wrist", "left_hip"))


def person(number: int, image: int, disagreement: float) -> dict:
    """Upright, its points on a grid; the right pinky is hidden, the left one not labelled."""
    points = np.column_stack([np.linspace(60, 140, 33), np.linspace(40, 200, 33), np.full(33, 2)])
    points[topology.KEYPOINTS.index("right_pinky"), 2] = 1
    points[topology.KEYPOINTS.index("left_pinky")] = 0
    return {
        "id": number, "image_id": image, "category_id": 1, "iscrowd": 0, "keypoints": points.ravel().tolist(),
        "bbox": [60, 40, 80, 160], "disagreement": disagreement,
    }  # fmt: skip


@pytest.fixture
def labels(tmp_path) -> Path:
    """Frames 0, 2, 4 ... 18 of a clip, the later the less certain, and a frame of another one."""
    images, annotations = [], []
    for i in range(10):
        path = tmp_path / "frames" / ("run" if i < 9 else "walk") / f"{2 * i:06d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((240, 200, 3), 20 * i, np.uint8))
        images.append({"id": i + 1, "file_name": str(path.relative_to(tmp_path)), "width": 200, "height": 240})
        annotations.append(person(i + 1, i + 1, 0.01 * i))
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(coco_document(images, annotations, topology.KEYPOINTS, description="")))
    return path


@pytest.fixture
def folder(labels, tmp_path) -> Path:
    corrections.set_out(corrections.least_certain([labels], 3), tmp_path / "correct")
    return tmp_path / "correct"


def test_the_least_certain_frames_are_taken_and_of_neighbours_one(labels):
    chosen = [path for path, _ in corrections.least_certain([labels], 3)]
    assert [f"{p.parent.name}/{p.stem}" for p in chosen] == ["walk/000018", "run/000016", "run/000010"]
    everything = corrections.least_certain([labels], 99)
    assert len(everything) == 10 and all(len(people) == 1 for _, people in everything)
    (only, _), *_ = corrections.least_certain([labels], 3, among={(labels.parent / "frames/run/000004.jpg").resolve()})
    assert only.stem == "000004"


def answered(document: dict) -> dict:
    """The page's answer: the wrist of the first person moved, the third picture shows nobody."""
    document = json.loads(json.dumps(document))
    document["annotations"][0]["keypoints"][3 * WRIST : 3 * WRIST + 2] = [11.0, 22.0]
    document["annotations"] = document["annotations"][:2]
    return document


def check(folder: Path, first: str = "001_walk_000018.jpg") -> None:
    content, replaced = corrections.read_back(folder)
    assert {p.stem for p in replaced} == {"000018", "000016", "000010"}
    names = {image["id"]: Path(image["file_name"]).name for image in content["images"]}
    moved = next(a for a in content["annotations"] if names[a["image_id"]] == first)
    points = np.array(moved["keypoints"]).reshape(33, 3)
    expected = np.array(person(1, 1, 0)["keypoints"]).reshape(33, 3)
    expected[WRIST, :2] = 11.0, 22.0
    np.testing.assert_allclose(points, expected, atol=0.02)
    # Mid-hip of the corrected points, not of the draft.
    hips = expected[[HIP, HIP + 1], :2].mean(axis=0)
    np.testing.assert_allclose(moved["center"], hips, atol=0.02)
    assert moved["dataset"] == "corrected" and len(content["annotations"]) == 2


def test_what_the_page_wrote_comes_back(folder):
    assert corrections.read_back(folder) is None
    document = json.loads((folder / "frames.json").read_text())
    (folder / "corrected.json").write_text(json.dumps(answered(document)))
    check(folder)


def test_the_zip_for_cvat_is_what_its_export_looks_like(folder):
    with zipfile.ZipFile(folder / "cvat.zip") as archive:
        document = json.loads(archive.read("annotations/person_keypoints_default.json"))
    assert document["categories"][0]["keypoints"] == list(topology.KEYPOINTS)
    (folder / "corrected.json").write_text(json.dumps(answered(document)))
    check(folder)


def test_tasks_for_label_studio_come_back_as_its_export(folder):
    tasks = json.loads((folder / "label_studio.json").read_text())
    assert all(f'value="{name}"' in (folder / "label_studio.xml").read_text() for name in topology.KEYPOINTS)
    for task in tasks:  # the tool turns a prediction into an annotation when somebody accepts it
        task["annotations"] = [{"result": task.pop("predictions")[0]["result"]}]
    wrist = next(r for r in tasks[0]["annotations"][0]["result"] if r.get("id", "").endswith("left_wrist"))
    wrist["value"] |= {"x": 100 * 11.0 / 200, "y": 100 * 22.0 / 240}
    tasks[2]["annotations"][0]["result"] = []
    (folder / "corrected.json").write_text(json.dumps(tasks))
    check(folder)


def test_corrections_without_anybody_are_refused(folder):
    document = json.loads((folder / "frames.json").read_text())
    for entry in document["annotations"]:
        entry["keypoints"] = [0] * 99
    (folder / "corrected.json").write_text(json.dumps(document))
    with pytest.raises(ValueError, match="nobody with hips and shoulders"):
        corrections.read_back(folder)
