"""What a file says about its making, from the annotations to the exported file."""

from __future__ import annotations

import json

import pytest

from blazepose_tf.export import accuracy, exporting, facts
from blazepose_tf.models import Description
from blazepose_tf.runtime.interpreter import load_model


@pytest.fixture
def annotations(tmp_path):
    """Three people of two data sets."""
    people = [{"dataset": name, "keypoints": [1, 1, 2], "image_id": 1} for name in ("coco2017", "own", "coco2017")]
    path = tmp_path / "sports" / "train.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"images": [{"id": 1}], "annotations": people}))
    return path


def test_data_sets_are_named_with_their_licences(annotations, tmp_path):
    provenance = tmp_path / "provenance.json"
    provenance.write_text(json.dumps({"coco2017": {"title": "COCO", "licence": "CC BY 4.0", "source": "a link"}}))
    assert facts.training_data([annotations, annotations], provenance) == [
        {"name": "coco2017", "people": 4, "title": "COCO", "licence": "CC BY 4.0"},
        {"name": "own", "people": 2},
    ]
    provenance.write_text("no JSON")
    with pytest.raises(ValueError, match=r"provenance\.json:1:1: not valid JSON"):
        facts.training_data([annotations], provenance)


def test_facts_travel_with_the_description_and_into_the_file(tiny, annotations, tmp_path):
    model, description = tiny
    presence = {"data": "sports/train.json", "people": 3, "recall": 0.98}
    told = description.with_facts(presence=presence)
    assert Description.from_json(told.to_json()) == told != description
    path = tmp_path / "tiny.tflite"
    exporting.export(model, told, path, exporting.Options(precision="float16", crops=1), progress=lambda _: None)
    document = load_model(path).metadata
    assert document["presence"] == presence
    assert document["quantization"] == {"weights": "float16", "biases": "float16"}


def test_the_recipe_names_what_calibrated(annotations):
    description = Description("tiny", None)
    options = exporting.Options(precision="int8", calibration=str(annotations), percentile=99.9)
    recipe = facts.of_file(description, options, pictures=7)["quantization"]
    assert recipe["calibration"] == {"data": "sports/train.json", "pictures": 7}
    assert (recipe["percentile"], recipe["float_cells"], recipe["equalized_channels"]) == (99.9, 4, True)
    rendered = facts.of_file(description, exporting.Options(precision="dynamic"), pictures=7)["quantization"]
    assert rendered["calibration"] == {"data": facts.RENDERED, "pictures": 7}
    assert "percentile" not in rendered and rendered["float_convolutions_below"] == 64
    assert facts.of_file(description, exporting.Options()) == {}
    rows = [accuracy.Row("PCK@0.2", 80.0, 78.523)]
    told = facts.accuracy(rows, exporting.Options(data=str(annotations), limit=50))
    assert told == {"data": "sports/train.json", "limit": 50, "percent": {"PCK@0.2": 78.52}}
