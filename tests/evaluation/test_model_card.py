"""The card's numbers are those of the files, and nothing else is a number."""

from __future__ import annotations

import json
import re

import pytest

from blazepose_tf.evaluation import annotations, evaluate, measure, model_card, model_card_text, predictions


@pytest.fixture
def model(tmp_path):
    """A file whose content does not matter here: a card knows a model by its SHA-256."""
    path = tmp_path / "mine.tflite"
    path.write_bytes(b"\x1c\x00\x00\x00TFL3" + b"\x00" * 100)
    return path


@pytest.fixture
def evaluation(tmp_path, three_people, model):
    data = annotations.load(three_people)
    result = evaluate.evaluate(evaluate.Options(data=str(three_people), protocols=()))
    found = [predictions.Prediction(p.image_id, p.id, p.points, None, 1.0) for p in data.people[:2]]
    paired = predictions.pair(found, data.people)
    entry = evaluate.model_entry(model)
    result.document["runs"] = [
        {
            "label": "mine",
            "protocol": "aligned",
            "tracker": entry,
            "detector": None,
            "metrics": measure.measure(paired, samples=20),
        }
    ]
    path = tmp_path / "evaluation.json"
    path.write_text(evaluate.to_json(result.document), encoding="utf-8")
    return path


def test_figures_come_from_the_files(tmp_path, model, evaluation, three_people):
    provenance = tmp_path / "provenance.json"
    provenance.write_text(json.dumps({"a": {"title": "Set A", "licence": "CC BY 4.0"}}), encoding="utf-8")
    document = json.loads(three_people.read_text(encoding="utf-8"))
    document["info"] = {"labels": "Of 12 points, 3 were moved."}
    (tmp_path / "moved.json").write_text(json.dumps(document), encoding="utf-8")
    empty = {"info": {"sources": "Clocks, CC0."}, "images": [{}, {}], "annotations": []}
    (tmp_path / "empty.json").write_text(json.dumps(empty), encoding="utf-8")
    training = tuple(str(tmp_path / f"{name}.json") for name in ("moved", "empty"))
    sources = model_card.Sources(str(model), (str(evaluation),), training_data=training, provenance=str(provenance))
    card = model_card.render(model_card.collect(sources))
    assert "Of 12 points, 3 were moved." in card
    assert "`empty.json`: 0 people in 2 pictures.\n\nClocks, CC0." in card
    assert "| mine | aligned | 3 | 33.3 | 66.7 |" in card  # two of three people, all their points
    assert "| Set A | 1 | 100.0 | 0.0 | CC BY 4.0 |" in card
    assert "| b | 2 | 100.0 | 0.0 | not stated |" in card
    assert evaluate.model_entry(model)["sha256"] in card
    assert "No benchmark was given." in card and "No training configuration was given." in card
    for heading, _ in model_card_text.SECTIONS:
        assert heading in card


def test_what_two_evaluations_both_measured_is_told_once(model, evaluation):
    once, twice = (
        model_card.render(model_card.collect(model_card.Sources(str(model), (str(evaluation),) * n))) for n in (1, 2)
    )
    assert twice == once
    document = json.loads(evaluation.read_text(encoding="utf-8"))
    document["data"] |= {"file": "elsewhere.json", "sha256": "0" * 64}
    other = evaluation.with_name("other.json")
    other.write_text(evaluate.to_json(document), encoding="utf-8")
    both = model_card.render(model_card.collect(model_card.Sources(str(model), (str(evaluation), str(other)))))
    assert both.count("| mine | aligned |") == 2 and "elsewhere.json" in both


def test_another_models_evaluation_is_refused(tmp_path, model, evaluation):
    other = tmp_path / "other.tflite"
    other.write_bytes(model.read_bytes() + b"\x00")
    with pytest.raises(ValueError, match="no result of this model"):
        model_card.collect(model_card.Sources(str(other), (str(evaluation),)))
    wrong = tmp_path / "wrong.json"
    wrong.write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError, match="not an evaluation"):
        model_card.collect(model_card.Sources(str(model), (str(wrong),)))


def test_no_number_is_typed_into_the_text():
    for text in (model_card_text.TRACKER_TEXT, model_card_text.DETECTOR_TEXT):
        for key, words in text.items():
            # Addresses of papers and the licence's version are names, not results.
            words = re.sub(r"arXiv:[\d.]+|CV4ARVR|Version 2\.0", "", words)
            assert not re.search(r"\d", words), key
