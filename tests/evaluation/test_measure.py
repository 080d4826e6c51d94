"""The document of one run, for predictions whose scores are known."""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf import topology
from blazepose_tf.evaluation import annotations, measure, predictions, tables


@pytest.fixture
def data(three_people):
    return annotations.load(three_people)


def perfect(data, **changes):
    return [
        predictions.Prediction(p.image_id, p.id, p.points.copy(), np.ones(33), 0.99, p.alignment, (5.0, 4.0))
        for p in data.people
    ]


def test_the_truth_scores_everything(data):
    m = measure.measure(predictions.pair(perfect(data), data.people), samples=50)
    assert m["pck_torso"]["17"]["0.05"] == 1.0 and m["pck_torso"]["33"]["0.5"] == 1.0
    assert m["pdj_torso@0.2"]["33"] == 1.0 and m["nme_torso"]["17"] == 0.0
    assert m["oks"]["17"] == 1.0 and m["oks"]["33"] == 1.0
    assert m["visibility"]["f1"] == 1.0
    assert m["alignment"]["within"] == 1.0
    assert m["left_right"]["all"]["exchanged"] == m["left_right"]["all"]["as_one"] == 0.0
    assert m["left_right"]["all"]["pairs"] > 0
    assert m["lost"]["ids"] == [] and m["missing_predictions"] == []
    assert m["milliseconds"] == {"total_median": 5.0, "model_median": 4.0}


def test_lost_people_are_misses(data):
    found = perfect(data)
    found[1] = predictions.Prediction(2, 2, None, None, 0.2)  # nobody found
    shifted = data.people[2].points + 2 * data.people[2].torso
    found[2] = predictions.Prediction(3, 3, shifted, np.ones(33), 0.9)  # somebody else found
    m = measure.measure(predictions.pair(found, data.people), samples=50)
    assert m["lost"]["none"] == 1 and m["lost"]["elsewhere"] == 1 and m["lost"]["ids"] == [2, 3]
    assert m["pck_torso@0.2"]["17"] == pytest.approx(1 / 3)
    assert m["pck_torso@0.2"]["found_only"]["17"] == pytest.approx(1 / 2)
    assert m["pck_torso@0.2"]["groups"]["17"] == {"a": 1.0, "b": 0.0}


def test_missing_predictions_count_and_are_listed(data):
    m = measure.measure(predictions.pair(perfect(data)[:1], data.people), samples=50)
    assert m["missing_predictions"] == [2, 3]
    assert m["pck_torso@0.2"]["33"] == pytest.approx(1 / 3)


def test_exchanged_sides_are_seen(data):
    mirror = topology.mirror_permutation()
    found = [
        predictions.Prediction(p.image_id, p.id, p.points[mirror], np.ones(33), 0.9, p.alignment) for p in data.people
    ]
    m = measure.measure(predictions.pair(found, data.people), samples=50)
    assert m["left_right"]["shoulder"]["exchanged"] == 1.0
    assert m["pck_torso@0.2"]["keypoints"]["nose"] == 1.0
    assert m["pck_torso@0.2"]["keypoints"]["left_shoulder"] == 0.0
    (warning,) = tables.warnings({"label": "mirrored", "metrics": m})
    assert "100.0 % of left/right pairs" in warning and "order" in warning


def test_a_paired_difference(data):
    worse = perfect(data)
    worse[0] = predictions.Prediction(1, 1, None, None, 0.0)
    pairs = [predictions.pair(found, data.people) for found in (worse, perfect(data))]
    value, (low, high) = measure.difference(*pairs)
    assert value == pytest.approx(-1 / 3)
    assert low <= value <= high <= 0.0


def test_coco_ap_by_pycocotools(data):
    pytest.importorskip("pycocotools")
    found = perfect(data)
    m = measure.measure(predictions.pair(found, data.people), samples=10)
    assert m["oks"]["AP_17"] == pytest.approx(1.0) and m["oks"]["AP_33"] == pytest.approx(1.0)
    found[0] = predictions.Prediction(1, 1, None, None, 0.0)
    m = measure.measure(predictions.pair(found, data.people), samples=10)
    assert m["oks"]["AP_17"] == pytest.approx(2 / 3, abs=0.02)  # two of three people, on COCO's 101 recall points


def test_seventeen_points_are_not_blamed_for_the_other_sixteen(data):
    found = perfect(data)
    others = np.setdiff1d(np.arange(33), topology.indices(topology.COCO_17))
    for p in found:
        p.points[others] = np.nan
    found[2].points[0] = np.nan  # a nose that was not found is a miss: the system knows noses
    seventeen = [predictions.Prediction(p.image_id, p.annotation_id, p.points, None, p.score) for p in found]
    m = measure.measure(predictions.pair(seventeen, data.people), samples=50)
    at = m["pck_torso@0.2"]
    assert at["17"] == pytest.approx(50 / 51) and at["keypoints"]["nose"] == pytest.approx(2 / 3)
    assert at["parts"]["legs"] == 1.0 and at["groups"]["17"]["a"] > 0.9
    unknown = [at["33"], at["keypoints"]["left_heel"], at["parts"]["feet"], m["pck_torso"]["33"]["0.1"]]
    unknown += [m["nme_torso"]["33"], m["nme_box"]["33"], m["oks"]["33"], m["pdj_torso@0.2"]["17"]]
    unknown += [m["visibility"]["f1"], m["visibility"]["auc"]]
    assert np.isnan(unknown).all() and "AP_33" not in m["oks"]
    run = {"label": "a", "protocol": "predictions", "metrics": m}
    (row,) = tables.keypoint_rows({"runs": [run]})[1]
    assert row[tables.keypoint_rows({"runs": [run]})[0].index("33pt")] == "-"


def test_joint_angles_of_the_run(data):
    found = perfect(data)
    knee, ankle = topology.indices(("left_knee", "left_ankle"))
    for p, person in zip(found, data.people, strict=True):  # the left shin points to the side
        p.points[ankle] = person.points[knee] + [person.torso, 0]
    m = measure.measure(predictions.pair(found, data.people), samples=50)["angles"]
    assert m["knee"]["count"] == 6 and m["elbow"]["median"] == pytest.approx(0.0, abs=1e-6)
    assert m["knee"]["bias"] < -40 and m["trunk"]["bias"] == pytest.approx(0.0)
