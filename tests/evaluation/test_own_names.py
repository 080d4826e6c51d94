"""Points that are none of the 33: every one counts, in body circles where the set has no torso."""

from __future__ import annotations

import json

import numpy as np
import pytest

from blazepose_tf import topology
from blazepose_tf.evaluation import annotations, measure, model_card, report, tables
from blazepose_tf.evaluation.predictions import Prediction, pair, read
from blazepose_tf.evaluation.systems import in_order

NAMES = ("head_top", "left_glove", "right_glove")
SQUAT = ("left_shoulder", "right_shoulder", "left_hip", "right_hip", "left_knee", "right_knee")


def document(names: tuple[str, ...], points: list[list[float]]) -> dict:
    """One person a picture with a body circle of 185 pixels: 100 are a torso."""
    people = [
        {
            "id": i, "image_id": i, "category_id": 1, "iscrowd": 0, "keypoints": values, "bbox": [0, 0, 300, 400],
            "center": [150.0, 200.0], "scale_point": [150.0, 15.0], "dataset": "own",
        }
        for i, values in enumerate(points, 1)
    ]  # fmt: skip
    images = [{"id": i, "file_name": f"{i}.jpg", "width": 300, "height": 400} for i in range(1, len(points) + 1)]
    return {"images": images, "annotations": people, "categories": [{"id": 1, "keypoints": list(names)}]}


@pytest.fixture
def gloves(tmp_path) -> annotations.Annotations:
    """Two people; the second one's right glove is not labelled."""
    first = [150.0, 20.0, 2, 250.0, 100.0, 2, 50.0, 100.0, 1]
    second = [150.0, 20.0, 2, 250.0, 100.0, 2, 0.0, 0.0, 0]
    (tmp_path / "gloves.json").write_text(json.dumps(document(NAMES, [first, second])))
    return annotations.load(tmp_path / "gloves.json")


def predicted(data: annotations.Annotations, *shifts: float) -> list[Prediction]:
    """Each point of every person to the right by its shift."""
    return [
        Prediction(p.image_id, p.id, p.points + np.column_stack([shifts, np.zeros(3)]), np.ones(3), 0.9, p.alignment)
        for p in data.people
    ]


def test_points_outside_of_the_33_are_measured_in_circles(gloves):
    assert gloves.names == NAMES and gloves.people[0].points.shape == (3, 2)
    paired = pair(predicted(gloves, 5.0, 19.0, 21.0), gloves.people)
    found = measure.measure(paired, samples=10)
    at = found["pck_circle@0.2"]
    assert (found["normalizer"], found["points"]) == ("circle", {"17": 3, "33": 3})
    assert at["17"] == pytest.approx(4 / 5)  # five labelled points, the one right glove is off by 0.21
    assert at["keypoints"] == {"head_top": 1.0, "left_glove": 1.0, "right_glove": 0.0}
    assert found["nme_circle"]["17"] == pytest.approx((2 * 0.05 + 2 * 0.19 + 0.21) / 5)
    assert found["left_right"]["glove"]["pairs"] == 1 and np.isnan(found["oks"]["17"])


def test_tables_report_and_card_name_the_points_that_count(gloves, tmp_path):
    paired = pair(predicted(gloves, 5.0, 19.0, 21.0), gloves.people)
    metrics = measure.measure(paired, samples=10)
    run = {"label": "mine", "protocol": "aligned", "metrics": metrics}
    whole = {"runs": [run], "comparisons": [], "detectors": [], "videos": [], "sweeps": []}
    header, (row,) = tables.keypoint_rows(whole)
    assert "PCK_circle@0.2 3pt" in header and not any(title.endswith(("17pt", "33pt")) for title in header)
    assert row[header.index("PCK_circle@0.2 3pt")] == "80.0" and len(row) == len(header)
    shown = " ".join(report._keypoint_table([run]).itertext())
    assert "right glove" in shown and "left wrist" not in shown
    facts = model_card.Facts("own", "tracker", {"file": "m", "bytes": 1, "sha256": "0"}, {}, {}, runs=[run])
    assert "PCK_circle@0.2 3pt" in model_card._results(facts)


def test_some_of_the_33_are_counted_as_what_they_are(tmp_path):
    points = np.column_stack([np.linspace(100, 200, 6), [100, 100, 200, 200, 300, 300], np.full(6, 2.0)])
    (tmp_path / "squat.json").write_text(json.dumps(document(SQUAT, [points.ravel().tolist()])))
    data = annotations.load(tmp_path / "squat.json")
    assert data.names == topology.KEYPOINTS
    (person,) = data.people
    prediction = Prediction(person.image_id, person.id, person.points, np.ones(33), 0.9, person.alignment)
    found = measure.measure(pair([prediction], data.people), samples=10)
    assert (found["normalizer"], found["points"]) == ("torso", {"17": 6, "33": 6})
    header, _ = tables.keypoint_rows({"runs": [{"label": "m", "protocol": "aligned", "metrics": found}]})
    assert "PCK_torso@0.2 6pt" in header and not any(title.endswith(("17pt", "33pt")) for title in header)


def test_a_models_points_are_put_into_the_files_order(gloves):
    points = np.arange(8.0).reshape(4, 2)
    ordered, visibility = in_order(points, np.arange(4.0), ("right_glove", "nose", "left_glove", "chin"), NAMES)
    np.testing.assert_array_equal(ordered[1:], [[4.0, 5.0], [0.0, 1.0]])
    np.testing.assert_array_equal(visibility[1:], [2.0, 0.0])
    assert np.isnan(ordered[0]).all() and np.isnan(visibility[0])


def test_predictions_of_own_points_are_read_by_name(gloves, tmp_path):
    record = {"image_id": 1, "annotation_id": 1, "keypoints": [1.0, 2.0, 0.5, 3.0, 4.0, 0.6]}
    content = {"keypoint_names": ["right_glove", "head_top"], "predictions": [record]}
    (tmp_path / "p.json").write_text(json.dumps(content))
    (found,) = read(tmp_path / "p.json", gloves)
    np.testing.assert_array_equal(found.points, [[3.0, 4.0], [np.nan, np.nan], [1.0, 2.0]])
    (tmp_path / "p.json").write_text(json.dumps({"keypoint_names": ["nose", "chin"], "predictions": [record]}))
    with pytest.raises(ValueError, match="none of the keypoint_names is known"):
        read(tmp_path / "p.json", gloves)
