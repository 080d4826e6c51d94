"""A finished run into the package's files, with what is known about its making."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import numpy as np

from blazepose_tf.models import save_model
from blazepose_tf.models.weights import load_described
from blazepose_tf.runtime.interpreter import load_model
from blazepose_tf.runtime.metadata import read_metadata
from blazepose_tf.runtime.weights import shipped_names, weight_file


def test_shipped_files_are_one_model_and_say_how_it_was_made(tiny, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2] / "tools"))
    ship_weights = importlib.import_module("ship_weights")
    model, description = tiny
    run, weights = tmp_path / "run", tmp_path / "weights"
    run.mkdir()
    weights.mkdir()
    presence = {"data": "a/train.json", "people": 3, "recall": 0.98}
    save_model(model, run / "model.keras", description.with_facts(presence=presence))
    for name in ship_weights.RECORDS:
        (run / name).write_text(json.dumps({"name": name}))
    sources = [{"name": "coco2017", "people": 4, "licence": "CC BY 4.0"}]
    assert ship_weights.ship(run, weights, tmp_path / "records", None, training_data=sources) == "tiny"
    ship_weights.write_sums(weights)
    document = read_metadata(weight_file("tiny.tflite", folder=weights))
    assert (document["presence"], document["training_data"]) == (presence, sources)
    assert document["quantization"] == {"weights": "float16", "biases": "float16"}
    again, told = load_described(weight_file("tiny.npz", folder=weights))
    assert told.facts == {"presence": presence, "training_data": sources}
    image = np.random.default_rng(3).uniform(size=(1, 128, 128, 3)).astype(np.float32)
    expected = model(image, training=False)["landmarks"]
    np.testing.assert_allclose(again(image, training=False)["landmarks"], expected, atol=5.0)  # half precision
    assert (tmp_path / "records" / "tiny" / "config.json").is_file()
    assert ship_weights.ship(run, weights, tmp_path / "records", None, name="tiny_own") == "tiny_own"
    ship_weights.write_sums(weights)
    assert shipped_names(folder=weights) == ["tiny", "tiny_own"]
    # A shipped model is told more about: its weights stay.
    before = load_model(weights / "tiny.tflite").infer(image)
    more = [*sources, {"name": "own", "people": 2}]
    ship_weights.tell("tiny", weights, training_data=more)
    ship_weights.write_sums(weights)
    document = read_metadata(weight_file("tiny.tflite", folder=weights))
    assert (document["presence"], document["training_data"]) == (presence, more)
    for name, value in load_model(weights / "tiny.tflite").infer(image).items():
        np.testing.assert_array_equal(value, before[name])
    same, told = load_described(weight_file("tiny.npz", folder=weights))
    assert told.facts == {"presence": presence, "training_data": more}
    for ours, theirs in zip(same.weights, again.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)  # kernels lie in the LiteRT file, scaled
