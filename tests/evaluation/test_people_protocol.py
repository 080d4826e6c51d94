"""Several people in a picture: average precision and counts against pictures worked out by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from blazepose_tf.evaluation import annotations, evaluate, people_protocol, predictions, tables


@pytest.fixture
def crowd(write_dataset, standing, annotation):
    """Two people and an ignored one in the first picture, one in the second; torsos of 40 px."""
    boxes = [standing(60, 100), standing(160, 100), standing(260, 100), standing(80, 100)]
    entries = [annotation(n, points, image_id=1 if n < 4 else 2) for n, points in enumerate(boxes, 1)]
    entries[2]["ignore"] = 1
    return annotations.load(write_dataset(entries, pictures=2))


def seen(data, number, *, shift=0.0, score=0.9):
    person = next(p for p in data.people if p.id == number)
    return predictions.Prediction(person.image_id, None, person.points + np.array([shift, 0.0]), None, score)


def test_everybody_found(crowd):
    m = people_protocol.measure([seen(crowd, n) for n in (1, 2, 3, 4)], crowd, [1, 2])
    assert (m["pictures"], m["people"], m["found"], m["false_per_picture"]) == (2, 3, 1.0, 0.0)
    pytest.importorskip("pycocotools")
    assert m["AP_17"] == pytest.approx(1.0) and m["AR_17"] == pytest.approx(1.0)


def test_misses_doubles_and_inventions(crowd):
    found = [seen(crowd, 1), seen(crowd, 1, shift=3.0, score=0.8), seen(crowd, 4, shift=22.0, score=0.7)]
    found += [seen(crowd, 2, shift=-500.0, score=0.3)]  # not sure enough to count as false
    m = people_protocol.measure(found, crowd, [1, 2])
    assert m["found"] == pytest.approx(1 / 3)  # the second look at person 1 finds nobody, 22 px are beyond half a torso
    assert m["false_per_picture"] == pytest.approx(2 / 2)
    pytest.importorskip("pycocotools")
    assert 0.2 < m["AP50_17"] < 0.7


def test_predictions_of_any_number_per_picture(tmp_path, crowd):
    records = []
    for prediction in (seen(crowd, 1), seen(crowd, 2), seen(crowd, 4)):
        flat = np.concatenate([prediction.points, np.ones((33, 1))], axis=1).ravel().tolist()
        records.append({"image_id": prediction.image_id, "score": prediction.score, "keypoints": flat})
    path = tmp_path / "theirs.json"
    path.write_text(json.dumps(records), encoding="utf-8")
    options = evaluate.Options(data=str(crowd.path), prediction_files={"theirs": str(path)}, protocols=("people",))
    document = evaluate.evaluate(options).document
    ((label, pictures, people, *_),) = tables.people_rows(document)[1]
    assert (label, pictures, people) == ("theirs", "2", "3") and document["runs"] == []
    assert "all labelled people" in tables.terminal(document)


def test_the_pipeline_is_asked_for_several(shared_dir):
    """Two photographs side by side: both people are found, by one call."""
    import cv2

    from blazepose_tf.evaluation import systems
    from blazepose_tf.runtime.weights import model_file

    data = annotations.load(shared_dir / "data/tracker/val.json")
    two = [p for p in data.people if p.fields["dataset"] == "yoga_web"][:2]
    pictures = [cv2.resize(data.picture(p.image_id), (320, 320)) for p in two]
    joined = np.concatenate(pictures, axis=1)

    class Joined:
        def picture(self, image_id):
            return joined

    system = systems.System(str(model_file("lite")), str(model_file("blazeface")))
    found = people_protocol.predict(system, Joined(), [1])
    middles = sorted(float(p.points[[23, 24], 0].mean()) for p in found)
    assert len(found) >= 2 and middles[0] < 320 < middles[-1]
