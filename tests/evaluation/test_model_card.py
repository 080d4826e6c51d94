"""The card's numbers are those of the files, and nothing else is a number."""

from __future__ import annotations

import copy
import json
import random
import re
from pathlib import Path

import pytest

from blazepose_tf.evaluation import annotations, evaluate, measure, model_card, model_card_text, predictions

WEIGHTS = Path(model_card.__file__).resolve().parents[1] / "weights"


@pytest.fixture
def model(tmp_path):
    """A card knows a model by its SHA-256."""
    path = tmp_path / "mine.tflite"
    path.write_bytes((WEIGHTS / "lite.tflite").read_bytes())
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
    other.write_bytes((WEIGHTS / "blazeface.tflite").read_bytes())
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


def test_damaged_files_end_in_one_line(tmp_path, model, evaluation, three_people):
    """Values of an evaluation, a configuration and annotations exchanged at random: a card, or one line."""
    root = Path(model_card.__file__).resolve().parents[2]
    source = random.Random()
    odd = [None, "text", -1, 1e300, [], {}, [1], {"a": 1}, True, "", 0.5]

    def places(value, path=()):
        inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, item in inside:
            yield (*path, key)
            yield from places(item, (*path, key))

    config = json.loads((root / "docs" / "results" / "lite" / "config.json").read_text(encoding="utf-8"))
    provenance = {"a": {"title": "Set A", "licence": "CC BY 4.0"}}
    wholes = [json.loads(p.read_text(encoding="utf-8")) for p in (evaluation, three_people)] + [config, provenance]
    names = ["evaluation", "data", "config", "provenance"]
    right, refused = 0, 0
    for _ in range(100):
        which = source.randrange(4)
        for i, (name, whole) in enumerate(zip(names, wholes, strict=True)):
            document = json.loads(json.dumps(whole))
            for _ in range(source.randint(1, 2) if i == which else 0):
                *parents, last = source.choice([*places(document)] or [("none",)])
                node = document
                for step in parents:
                    node = node[step]
                if source.random() < 0.3 and isinstance(node, dict):
                    node.pop(last, None)
                else:
                    node[last] = copy.deepcopy(source.choice(odd))  # a value set into itself would be a circle
            (tmp_path / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")
        paths = {name: str(tmp_path / f"{name}.json") for name in names}
        sources = model_card.Sources(
            str(model), (paths["evaluation"],), paths["config"], (paths["data"],), paths["provenance"]
        )
        try:
            model_card.render(model_card.collect(sources)).encode()
            right += 1
        except ValueError as error:
            assert str(tmp_path) in str(error) and "\n" not in str(error)
            refused += 1
    assert right and refused


def test_names_are_text_in_tables(model, evaluation, tmp_path, three_people):
    document = json.loads(three_people.read_text(encoding="utf-8"))
    for a in document["annotations"]:
        a["dataset"] = "a|b <script>\nc"
    three_people.write_text(json.dumps(document), encoding="utf-8")
    sources = model_card.Sources(str(model), (str(evaluation),), training_data=(str(three_people),))
    assert "| a\\|b &lt;script> c | 3 |" in model_card.render(model_card.collect(sources))
