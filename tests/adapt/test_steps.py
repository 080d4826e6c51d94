"""Steps of `blazepose adapt`: what goes on where it was stopped, and who ends up on which side of the split."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from blazepose_tf import topology
from blazepose_tf.adapt import corrections, outcome, splitting, steps
from blazepose_tf.adapt.frames import Clip
from blazepose_tf.converters.coco_document import coco_document


def person(number: int, image: int, disagreement: float) -> dict:
    points = np.column_stack([np.linspace(60, 140, 33), np.linspace(40, 200, 33), np.full(33, 2)])
    return {
        "id": number, "image_id": image, "category_id": 1, "iscrowd": 0, "keypoints": points.ravel().tolist(),
        "keypoint_source": "t" * 33, "bbox": [60, 40, 80, 160], "center": [100.0, 150.0], "scale_point": [100.0, 20.0],
        "disagreement": disagreement,
    }  # fmt: skip


@pytest.fixture
def options(tmp_path) -> steps.Options:
    return steps.Options(inputs=("a.mp4", "b.mp4"), workdir=tmp_path / "work", aside=("b",), corrections=2)


@pytest.fixture
def clips(options) -> list[Clip]:
    """Two clips of four frames; labels of the first three of each, a draft of the fourth, which chooses."""
    made = []
    for name in ("a", "b"):
        pictures = []
        folder = options.workdir / "frames" / name
        folder.mkdir(parents=True)
        for i in range(4):
            pictures.append(folder / f"{10 * i:06d}.jpg")
            cv2.imwrite(str(pictures[-1]), np.full((240, 200, 3), 50 * i, np.uint8))
        clip = Clip(name, tuple(pictures))
        made.append(clip)
        (options.workdir / "labels").mkdir(exist_ok=True)
        for path, chosen in zip(steps.labels_of(options, clip), (pictures[:3], pictures[3:]), strict=True):
            images, annotations = [], []
            for number, picture in enumerate(chosen, 1):
                relative = f"../frames/{name}/{picture.name}"
                images.append({"id": number, "file_name": relative, "width": 200, "height": 240})
                annotations.append(person(number, number, 0.01 * number if path.stem == name else 0.5))
            path.write_text(json.dumps(coco_document(images, annotations, topology.KEYPOINTS, description="")))
    return made


def frames_of(path: Path) -> list[str]:
    return [Path(image["file_name"]).as_posix() for image in json.loads(path.read_text())["images"]]


def test_a_folder_is_gone_on_with_by_the_same_options_only(options):
    steps.begin(options)
    steps.begin(options)
    with pytest.raises(ValueError, match=r"was begun with minutes=45.0, not 5.0"):
        steps.begin(dataclasses.replace(options, minutes=5.0))


@pytest.mark.parametrize(
    ("change", "message"),
    [({"inputs": ()}, "nothing to adapt to"), ({"minutes": 0.0}, "minutes must be positive"),
     ({"corrections": -1}, "corrections must not be negative")],
)  # fmt: skip
def test_options_without_sense_are_refused(options, change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(options, **change)


def test_clips_are_split_whole_and_drafts_are_not_trained_on(options, clips):
    assert steps.split(options, clips) == "3 people to learn from, 0 to choose by, 3 kept aside"
    assert frames_of(options.workdir / "train.json") == [f"frames/a/{10 * i:06d}.jpg" for i in range(3)]
    assert frames_of(options.workdir / "test.json") == [f"frames/b/{10 * i:06d}.jpg" for i in range(3)]


def test_only_frames_to_learn_from_are_set_out_the_doubtful_ones_first(options, clips):
    told = steps.set_out(options, clips)
    assert "2 pictures" in told and steps.set_out(options, clips) is None
    assert frames_of(options.workdir / "correct" / "frames.json") == ["001_a_000030.jpg", "002_a_000020.jpg"]


def test_corrected_people_take_the_places_of_their_drafts(options, clips):
    steps.set_out(options, clips)
    folder = options.workdir / "correct"
    document = json.loads((folder / "frames.json").read_text())
    document["annotations"][0]["keypoints"][0:2] = [77.0, 66.0]
    del document["annotations"][0]["keypoint_source"]
    document["annotations"] = document["annotations"][:1]  # nobody is in the second picture
    (folder / corrections.CORRECTED).write_text(json.dumps(document))
    assert steps.split(options, clips) == "2 people to learn from, 1 to choose by, 3 kept aside"
    assert frames_of(options.workdir / "train.json") == ["frames/a/000000.jpg", "frames/a/000010.jpg"]
    content = json.loads((options.workdir / "choose.json").read_text())
    assert frames_of(options.workdir / "choose.json") == ["correct/images/001_a_000030.jpg"]
    moved = content["annotations"][-1]
    assert moved["keypoints"][:3] == [77.0, 66.0, 2] and moved["dataset"] == "corrected"
    assert moved["image_id"] == content["images"][-1]["id"]


def test_three_parts_of_the_pictures_have_no_neighbours():
    films = [Clip(name, tuple(Path(f"{name}/{i:06d}.jpg") for i in range(20))) for name in "abc"]
    learn, choose, judge = splitting.split(films, aside=("b",))
    assert learn == [f.pictures[i] for f in (films[0], films[2]) for i in range(15)]
    assert choose == [f.pictures[i] for f in (films[0], films[2]) for i in range(16, 20)]
    assert judge == list(films[1].pictures)
    alone = splitting.split(films[:1])
    # The last fifth judges; of the 15 before it and its neighbour a fifth chooses.
    assert [[int(p.stem) for p in part] for part in alone] == [list(range(11)), [12, 13, 14], [16, 17, 18, 19]]
    own = [Clip(f"p{i}", (Path(f"p{i}.jpg"),)) for i in range(12)]
    learn, choose, judge = splitting.split(own)
    assert len(learn) + len(choose) + len(judge) == 12 and len(judge) == 2 and len(choose) == 2


def test_the_plan_counts_what_follows_the_training(options):
    options.workdir.mkdir()
    start = {"before": [80.0], "own": 90.0, "seconds": 60.0}
    (options.workdir / outcome.START).write_text(json.dumps(start))
    assert outcome.forecast(options) == "plan: training, 45 min; then checks, file and report, 3 min to 7 min"
    by_steps = dataclasses.replace(options, steps=1200)
    assert outcome.forecast(by_steps).startswith("plan: training, 1,200 steps; then")
    (options.workdir / "run").mkdir()
    (options.workdir / "run" / "model.keras").write_bytes(b"")
    assert outcome.forecast(options) is None
