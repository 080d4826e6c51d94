"""The JSON of a frame and of COCO results, by hand numbers."""

from __future__ import annotations

import json

import numpy as np
import pytest

from blazepose_tf import topology
from blazepose_tf.runtime import results
from blazepose_tf.runtime.detector import Detection
from blazepose_tf.runtime.poses import Pose, PoseResult
from blazepose_tf.runtime.recording import Recording


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


def test_error_bars_come_back_and_an_unsupported_point_is_null():
    error = np.full(33, 4.256, np.float32)
    error[5] = np.nan
    document = json.loads(json.dumps(_result(_pose(error=error)).to_dict(), allow_nan=False))
    assert document["error"][4:7] == [4.26, None, 4.26]
    back = PoseResult.from_dict(document)
    np.testing.assert_allclose(back.error, np.round(error, 2), atol=1e-6)
    assert PoseResult.from_dict(_result(_pose()).to_dict()).error is None


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


def test_several_people_stand_in_a_list_with_their_ids():
    first, second = _pose(id=2), _pose(id=5, source="detected")
    document = results.frame_document(_result(first, second, max_people=3), index=0, timestamp_ms=None)
    assert [person["id"] for person in document["people"]] == [2, 5] and "landmarks" not in document
    entries = results.coco_results(_result(first, second, max_people=3), image_id=7, keypoints=topology.COCO_17)
    assert [(entry["image_id"], entry["track_id"]) for entry in entries] == [(7, 2), (7, 5)]
    assert "track_id" not in results.coco_results(_result(first), image_id=7, keypoints=topology.COCO_17)[0]


@pytest.mark.parametrize("max_people", [1, 4])
def test_a_result_comes_back_from_its_json(max_people):
    detection = Detection(np.float32([1, 2, 3, 4]), np.float32([[5, 6], [7, 8]]), 0.75)
    pose = _pose(world=np.full((33, 3), 0.12345, np.float32), detection=detection, id=3)
    result = _result(pose, max_people=max_people, timestamp_ms=66.6666, detector_ran=True)
    text = result.to_json()
    back = PoseResult.from_json(text)
    np.testing.assert_array_equal(back.landmarks, pose.landmarks)
    np.testing.assert_allclose(back.world, 0.1235, atol=1e-6)
    assert (back.main.id, back.timestamp_ms, back.detector_ran, back.source) == (3, 66.667, True, "tracked")
    assert back.detection.score == 0.75 and back.z is None and back.image_size == (640, 480)
    assert back.to_json() == text
    nobody = PoseResult.from_json(_result(max_people=max_people).to_json())
    assert not nobody.found and nobody.to_dict() == _result(max_people=max_people).to_dict()


@pytest.mark.parametrize(
    "change",
    [
        {"landmarks": [[1.0, "nan", 0.5]] * 33},
        {"landmarks": [[1.0, 1e300, 0.5]] * 33},
        {"landmarks": [[1.0, None, 0.5]] * 33},
        {"roi": ["1", 2, 3, 4]},
        {"roi": [[1, 2], [3, 4], [5, 6]]},
        {"pose_presence": "nan"},
        {"pose_presence": True},
        {"timestamp_ms": "inf"},
        {"id": None},
        {"z": [1.0] * 32},
        {"world": [[1.0, 2.0]] * 33},
        {"milliseconds": {"total": "nan"}},
        {"milliseconds": 7},
        {"detection": {"box": [1, 2, 3], "keypoints": [[1, 2]], "score": 0.5}},
        {"detection": 7},
    ],
    ids=str,
)
def test_numbers_of_a_document_are_numbers(change):
    """float("nan") and np.array(["1"]) would take text for numbers, and what is written of them is no JSON."""
    with pytest.raises(ValueError):
        PoseResult.from_dict(_result(_pose()).to_dict() | change)


@pytest.mark.parametrize(
    "text, message",
    [
        ("{", "not valid JSON"),
        ("[]", "an object"),
        ('{"width": 4, "height": 4, "keypoints": ["nose"], "timestamp_ms": null}', "source"),
        (
            '{"width": 4, "height": 4, "keypoints": ["nose"], "timestamp_ms": null, "source": "tracked",'
            ' "pose_presence": 1, "roi": [1, 2, 3, 4], "landmarks": [[1, 2]]}',
            "not a pose of 1 keypoints",
        ),
    ],
)
def test_what_is_no_result_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        PoseResult.from_json(text)


def _document(tmp_path):
    people = [(_pose(id=1),), (), (_pose(id=1), _pose(id=2)), (_pose(id=2, visibility=np.full(33, 0.5)),)]
    frames = [
        results.frame_json(_result(*poses, max_people=2), index=i, timestamp_ms=40.0 * i)
        for i, poses in enumerate(people)
    ]
    text = results.source_json(
        frames, source="clip.mp4", size=(640, 480), names=topology.KEYPOINTS, models={}, fps=25.0
    )
    path = tmp_path / "clip_pose.json"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_recording_is_read_back_and_sliced(tmp_path):
    recording = Recording.read(_document(tmp_path))
    assert len(recording) == 4 and recording.ids == (1, 2) and recording.head["fps"] == 25.0
    np.testing.assert_array_equal(recording.times_ms, [0, 40, 80, 120])
    assert recording.found(1).tolist() == [True, False, True, False]
    assert recording[2:].found(2).tolist() == [True, True] and recording[2:].ids == (1, 2)
    landmarks = recording.landmarks(1)
    assert landmarks.shape == (4, 33, 2) and np.isnan(landmarks[1]).all() and landmarks[2, 3, 0] == 3.5
    assert recording.visibility()[3].tolist() == [0.5] * 33 and np.isnan(recording.world()).all()
    assert recording[-1].main.id == 2


def test_a_broken_recording_is_refused_with_its_place(tmp_path):
    path = _document(tmp_path)
    document = json.loads(path.read_text())
    del document["frames"][2]["people"][1]["roi"]
    path.write_text(json.dumps(document))
    with pytest.raises(ValueError, match=r"clip_pose.json: frames\[2\]: not a pose of 33 keypoints .*roi"):
        Recording.read(path)
