"""Predictions of any system: what is read, what is refused, whom they are paired with."""

from __future__ import annotations

import json

import numpy as np
import pytest

from blazepose_tf import topology
from blazepose_tf.evaluation import annotations, predictions


@pytest.fixture
def data(three_people):
    return annotations.load(three_people)


def record(points, **fields) -> dict:
    flat = np.concatenate([points, np.full((len(points), 1), 0.9)], axis=1).ravel().tolist()
    return {"image_id": 1, "category_id": 1, "keypoints": flat, "score": 0.5} | fields


def write(path, document):
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_a_record_survives_writing(data):
    person = data.people[0]
    one = predictions.Prediction(1, 1, person.points, np.full(33, 0.25), 0.75, person.alignment, (3.0, 2.0))
    again = predictions.from_json(json.loads(json.dumps(one.to_json())), None, "here")
    np.testing.assert_allclose(again.points, person.points, atol=0.005)
    np.testing.assert_allclose(again.alignment, person.alignment, atol=0.005)
    assert again.score == 0.75 and again.milliseconds == (3.0, 2.0)
    nobody = predictions.Prediction(1, 1, None, None, 0.1)
    assert predictions.from_json(nobody.to_json(), None, "here").points is None


def test_points_that_a_system_lacks_stay_unknown(data):
    points = data.people[0].points.copy()
    points[3] = np.nan
    one = predictions.from_json(predictions.Prediction(1, 1, points, np.ones(33), 1.0).to_json(), None, "here")
    assert np.isnan(one.points[3]).all() and np.isfinite(one.points[4]).all()


def test_any_order_of_names(tmp_path, data):
    names = list(reversed(topology.COCO_17))
    points = data.people[0].points[topology.indices(names)]
    path = write(tmp_path / "p.json", {"keypoint_names": names, "predictions": [record(points)]})
    one = predictions.read(path, data)[0]
    np.testing.assert_allclose(one.points[0], data.people[0].points[0])
    assert np.isnan(one.points[topology.KEYPOINTS.index("left_heel")]).all()


def test_of_several_people_in_a_picture_the_best_score_counts(data):
    near = predictions.Prediction(1, None, data.people[0].points, np.ones(33), 0.4)
    far = predictions.Prediction(1, None, data.people[0].points + 50, np.ones(33), 0.9)
    paired = predictions.pair([near, far], data.people)
    assert paired.predictions[0] is far
    assert paired.missing == [2, 3]


def test_the_main_person_has_the_largest_circle(write_dataset, annotation, standing):
    people = [annotation(1, standing(60, 110, 0.4)), annotation(2, standing(110, 110, 0.9)) | {"image_id": 1}]
    data = annotations.load(write_dataset(people, pictures=1))
    assert [p.id for p in predictions.main_people(data)] == [2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_id": 9}, "image ids that people.json does not have: 9"),
        ({"annotation_id": 9}, "annotation ids that people.json does not have: 9"),
        ({"annotation_id": 2}, "another picture: 2"),
        ({"keypoints": [1.0] * 48}, "33 or 17 keypoints"),
        ({"keypoints": [float("nan")] * 99}, "finite"),
        ({"score": float("inf")}, r"score: expected a finite number"),
    ],
)
def test_bad_predictions_are_named(tmp_path, data, change, message):
    path = write(tmp_path / "p.json", [record(data.people[0].points) | change])
    with pytest.raises(ValueError, match=message):
        predictions.read(path, data)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keypoints": ...}, r"prediction 0: missing fields \['keypoints'\]"),
        ({"image_id": ...}, r"prediction 0: missing fields \['image_id'\]"),
        ({"image_id": [1]}, "ids must be whole numbers or text"),
        ({"annotation_id": 1.5}, "ids must be whole numbers or text"),
        ({"keypoints": {}}, "keypoints: expected a list. Received: an object of 0"),
        ({"keypoints": [[1, 2, 3]] * 33}, "33 or 17 keypoints|expected 33 keypoints|in one list"),
        ({"keypoints": ["a"] * 99}, "keypoints must be numbers or null, in one list"),
        ({"score": "high"}, r"score: expected a finite number. Received: 'high'"),
        ({"alignment": [1, 2]}, "alignment: expected a list of 4"),
        ({"ms": [1, "x"]}, r"ms\[1\]: expected a finite number"),
    ],
)
def test_records_of_another_shape_are_told_in_one_line(tmp_path, data, change, message):
    made = record(data.people[0].points) | change
    made = {key: value for key, value in made.items() if value is not ...}
    with pytest.raises(ValueError, match=message) as caught:
        predictions.read(write(tmp_path / "p.json", [made]), data)
    assert "\n" not in str(caught.value)


def test_ids_may_be_written_as_fractions_or_text_and_records_one_a_line(tmp_path, data):
    points = data.people[0].points
    lines = [record(points, image_id=1.0, annotation_id="1"), record(points, image_id="2", annotation_id=2.0)]
    path = tmp_path / "p.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8-sig")
    assert [(p.image_id, p.annotation_id) for p in predictions.read(path, data)] == [(1, 1), (2, 2)]
    path.write_text(json.dumps(lines[0]) + '\n{"image_id": 2,\n', encoding="utf-8")
    with pytest.raises(ValueError, match=r"p\.jsonl:2"):
        predictions.read(path, data)


def test_duplicates_and_unreadable_files(tmp_path, data):
    twice = [record(data.people[0].points, annotation_id=1)] * 2
    with pytest.raises(ValueError, match="more than one prediction for 1"):
        predictions.read(write(tmp_path / "p.json", twice), data)
    (tmp_path / "q.json").write_text("nonsense", encoding="utf-8")
    with pytest.raises(ValueError, match="not valid JSON"):
        predictions.read(tmp_path / "q.json", data)
    unknown = {"keypoint_names": ["tail", "wing"], "predictions": []}
    with pytest.raises(ValueError, match="none of the keypoint_names"):
        predictions.read(write(tmp_path / "r.json", unknown), data)
    doubled = {"keypoint_names": ["nose", "nose"], "predictions": []}
    with pytest.raises(ValueError, match="unique"):
        predictions.read(write(tmp_path / "s.json", doubled), data)
