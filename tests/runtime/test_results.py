"""The JSON of a frame and of COCO results, by hand numbers."""

from __future__ import annotations

import json

import numpy as np

from blazepose_tf import topology
from blazepose_tf.runtime import results
from blazepose_tf.runtime.poses import Pose, PoseResult


def _pose(names=topology.KEYPOINTS, **changes):
    count = len(names)
    values = {
        "landmarks": np.stack([np.arange(count) + 0.5, np.full(count, 7.25)], axis=-1).astype(np.float32),
        "visibility": np.linspace(0, 1, count, dtype=np.float32),
        "presence": None,
        "pose_presence": 0.98764,
        "z": None,
        "world": None,
        "roi": np.array([10, 20, 30, 0.1], np.float32),
        "source": "tracked",
        "detection": None,
        "id": 1,
        "names": names,
    }
    return Pose(**{**values, **changes})


def _result(*people, max_people=1, **changes):
    names = people[0].names if people else topology.KEYPOINTS
    return PoseResult(people, names, (640, 480), max_people=max_people, milliseconds={"total": 4.56789}, **changes)


def test_frame():
    document = results.frame_document(_result(_pose(z=np.ones(33, np.float32))), index=3, timestamp_ms=100.12345)
    assert document["frame"] == 3 and document["timestamp_ms"] == 100.123 and document["source"] == "tracked"
    assert document["landmarks"][2] == [2.5, 7.25, 0.0625] and document["roi"] == [10, 20, 30, 0.1]
    assert document["z"] == [1.0] * 33 and "world" not in document and document["pose_presence"] == 0.9876
    assert json.loads(json.dumps(document)) == document


def test_nobody():
    document = results.frame_document(_result(), index=0, timestamp_ms=None)
    assert set(document) == {"frame", "timestamp_ms", "source", "milliseconds"}


def test_coco_17_by_name_and_pixel_index():
    (entry,) = results.coco_results(_result(_pose()), image_id=139, keypoints=topology.COCO_17, file_name="x.jpg")
    assert entry["image_id"] == 139 and entry["category_id"] == 1 and entry["file_name"] == "x.jpg"
    triples = np.reshape(entry["keypoints"], (17, 3))
    # COCO's second point, the left eye, is number 2 here; continuous 2.5, 7.25 is COCO's 2, 6.75.
    np.testing.assert_allclose(triples[1], [2.0, 6.75, 0.062], atol=6e-4)
    np.testing.assert_allclose(triples[16], [28.0, 6.75, 28 / 32], atol=6e-4)  # right ankle


def test_points_that_a_model_lacks_are_zero():
    (entry,) = results.coco_results(_result(_pose(topology.COCO_17)), image_id=1, keypoints=topology.KEYPOINTS)
    triples = np.reshape(entry["keypoints"], (33, 3))
    assert (triples[topology.indices(["left_heel", "mouth_left"])] == 0).all()
    assert triples[topology.indices(["right_ankle"])[0]].tolist() == [16.0, 6.75, 1.0]


def test_document():
    frames = [results.frame_json(_result(_pose()), index=i, timestamp_ms=40.0 * i) for i in range(2)]
    text = results.source_json(
        frames, source="x.mp4", size=(640, 480), names=topology.KEYPOINTS, models={"tracker": "lite.tflite"}, fps=25.0
    )
    document = json.loads(text)
    assert document["frames"] == [json.loads(frame) for frame in frames]
    assert document["frames"][1] == results.frame_document(_result(_pose()), index=1, timestamp_ms=40.0)
    assert document["keypoints"][0] == "nose" and len(document["edges"]) == len(topology.EDGES)
    assert document["complete"] is True and (document["width"], document["height"]) == (640, 480)
