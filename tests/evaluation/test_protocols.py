"""Detector, presence, pipeline and video protocols with trained models on real pictures (skipped without them)."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from blazepose_tf.evaluation import (
    annotations,
    detector_protocol,
    evaluate,
    film,
    measure,
    predictions,
    presence,
    runner,
    systems,
    video_protocol,
)


@pytest.fixture(scope="module")
def people(shared_dir):
    return annotations.load(shared_dir / "data/tracker/val.json")


@pytest.fixture(scope="module")
def scenes(shared_dir):
    return annotations.load(shared_dir / "data/detector/val.json")


def test_an_official_tracker_is_as_good_as_it_is_known_to_be(tmp_path, people, shared_dir):
    """The current full file: 85 to 87 % on pictures of this kind; 24 of them, no wrong convention in between."""
    system = systems.System(str(shared_dir / "peers/pose_landmark_full_2021.tflite"))
    chosen = evaluate.spread_out(people.people, 24)
    found = runner.execute(runner.Run(system), people, chosen, folder=tmp_path)
    m = measure.measure(predictions.pair(found, chosen), samples=50)
    assert m["pck_torso@0.2"]["17"] > 0.75
    assert m["alignment"]["within"] > 0.9
    assert m["alignment"]["center_torso_median"] < 0.08


def test_the_pipeline_finds_most_people(tmp_path, people, shared_dir):
    system = systems.System(
        str(shared_dir / "peers/pose_landmark_full_2021.tflite"), str(shared_dir / "peers/pose_detection_2021.tflite")
    )
    chosen = evaluate.spread_out(predictions.main_people(people), 24)
    found = runner.execute(runner.Run(system, systems.PIPELINE), people, chosen, folder=tmp_path)
    m = measure.measure(predictions.pair(found, chosen), samples=50)
    assert m["lost"]["share_none"] < 0.4
    assert m["pck_torso@0.2"]["found_only"]["17"] > 0.7
    with pytest.raises(ValueError, match="need a detector"):
        systems.build(systems.System(system.tracker), systems.PIPELINE)


def test_a_detector_at_its_price(scenes, shared_dir):
    path = shared_dir / "peers/pose_detection_2021.tflite"
    everyone = scenes.people_by_picture()
    chosen = evaluate.spread_out([i for i in everyone if everyone[i]], 20)
    chosen += evaluate.spread_out([i for i in everyone if not everyone[i]], 20)
    m = detector_protocol.evaluate(path, scenes, image_ids=chosen)
    assert m["pictures_without_people"] == 20 and m["people"] == 20
    assert m["at_5_percent"]["false_alarm_rate"] <= 0.05
    assert m["at_5_percent"]["recall"] > 0.5
    assert m["at_5_percent"]["center_torso_median"] < 0.3
    with pytest.raises(ValueError, match="without people"):
        detector_protocol.evaluate(path, scenes, image_ids=chosen[:2])


def test_presence_of_people_and_of_nobody(scenes, shared_dir):
    system = systems.System(str(shared_dir / "peers/pose_landmark_lite_2021.tflite"))
    empty = [i for i, there in scenes.people_by_picture().items() if not there][:6]
    few = annotations.Annotations(scenes.path, scenes.folder, {i: scenes.pictures[i] for i in empty}, [], scenes.sha256)
    m = presence.evaluate(system, few, np.full(10, 0.99))
    assert m["regions"] == 6 * presence.REGIONS and m["recall"] == 1.0
    assert m["auc"] > 0.8  # of 24 regions a few look like a person


def test_a_clip_of_a_photograph_is_followed(tmp_path, people, shared_dir):
    system = systems.System(
        str(shared_dir / "peers/pose_landmark_lite_2021.tflite"), str(shared_dir / "peers/pose_detection_2021.tflite")
    )
    yoga = next(p for p in people.people if p.fields["dataset"] == "yoga_web")
    image = people.picture(yoga.image_id)
    height, width = (side // 2 * 2 for side in image.shape[:2])
    writer = cv2.VideoWriter(str(tmp_path / "still.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 30, (width, height))
    for _ in range(8):
        writer.write(cv2.cvtColor(image[:height, :width], cv2.COLOR_RGB2BGR))
    writer.release()
    m = video_protocol.evaluate(system, videos=tmp_path, annotations=None)
    assert m["frames"] == 8 and m["found"] == 8 and m["losses"] == 0 and m["redetections"] == 0
    assert m["jitter_torso"] < 0.01  # nothing moves but the region that settles
    assert json.loads(evaluate.to_json(m))["clips"][0]["clip"] == "still.avi"
    with pytest.raises(FileNotFoundError, match="no video files"):
        film.clips(tmp_path / "empty")
