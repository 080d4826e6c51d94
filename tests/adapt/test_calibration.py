"""blazepose calibrate: whose share of people lies above 0.5 afterwards, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from blazepose_tf.adapt import calibration
from blazepose_tf.evaluation import annotations
from blazepose_tf.models import Description, build_detector, build_tracker
from blazepose_tf.models.saving import load_model, save_model
from blazepose_tf.runtime.keras_model import KerasModel
from blazepose_tf.runtime.tracker import Tracker
from blazepose_tf.specs import DetectorSpec, TrackerSpec

PEOPLE = Path(__file__).resolve().parents[2] / "testdata" / "people" / "people.json"
SPEC = TrackerSpec(input_size=128)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A tiny tracker that is sure of everybody, more of some than of others."""
    folder = tmp_path_factory.mktemp("run")
    keras.utils.set_random_seed(1)
    model = build_tracker(SPEC, variant="tiny")
    rng = np.random.default_rng(1)
    for variable in model.weights:
        # Features are in the hundreds here: small enough that no probability is rounded to 1.
        if variable.path == "presence_0_conv/kernel":
            variable.assign(rng.normal(0.0, 1e-3, variable.shape))
        if variable.path == "presence_0_conv/bias":
            variable.assign([2.0])
    save_model(model, folder / "model.keras", description=Description("tiny", SPEC))
    (folder / "config.json").write_text('{"name": "own"}')
    return folder


def logits(path: Path) -> np.ndarray:
    model, description = load_model(path)
    tracker = Tracker(KerasModel(model, description=json.loads(description.to_json())))
    return calibration.logits_of_people(tracker, annotations.load(PEOPLE), 100)


def test_the_wanted_share_of_people_lies_above_a_half(blazepose, run, tmp_path, capsys):
    output = tmp_path / "calibrated"
    arguments = [f"--model={run / 'model.keras'}", f"--data={PEOPLE}", f"--output={output}"]
    arguments += ["--recall=0.75", "--own_recall=0.75"]
    assert blazepose("calibrate", *arguments) == 0
    both = logits(run / "model.keras")
    before, own = both.T
    after = logits(output / "model.keras")[:, 0]
    assert len(before) > 3 and before.std() > 1e-3
    np.testing.assert_allclose(before - after, np.quantile(before, 0.25), atol=1e-3)
    assert np.mean(after > 0) == pytest.approx(0.75, abs=1.0 / len(after))
    facts = load_model(output / "model.keras")[1].facts
    higher = max(np.nanquantile(own, 0.25) - np.quantile(before, 0.25), 0.0)
    assert facts["presence"]["own_region"] == pytest.approx(higher, abs=1e-3)
    facts = facts["error"]
    assert facts["people"] == len(before) and facts["within"] == 0.9
    assert isinstance(facts["angles"], dict) and isinstance(facts["table"], dict)
    assert json.loads((output / "config.json").read_text()) == {"name": "own"}
    assert f"{np.quantile(before, 0.25):.2f}" in capsys.readouterr().out
    # Never over a model that is there.
    assert blazepose("calibrate", *arguments) == 1
    assert "exists already" in capsys.readouterr().err


def test_refuses_what_has_no_presence_or_no_sense(blazepose, run, tmp_path, capsys):
    detector = tmp_path / "det.keras"
    save_model(build_detector(DetectorSpec(128)), detector, description=Description("blazeface", DetectorSpec(128)))
    common = [f"--data={PEOPLE}", f"--output={tmp_path / 'out'}"]
    assert blazepose(*["calibrate", f"--model={detector}", *common]) == 1
    assert "only a tracker" in capsys.readouterr().err
    assert blazepose(*["calibrate", f"--model={run / 'model.keras'}", "--recall=1.5", *common]) == 1
    assert "--recall and --own_recall must lie in (0, 1)" in capsys.readouterr().err
    nobody = tmp_path / "nobody.json"
    nobody.write_text(json.dumps({"images": [], "annotations": [], "categories": []}))
    assert blazepose(*["calibrate", f"--model={run / 'model.keras'}", f"--data={nobody}", common[1]]) == 1
    assert "nobody" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
