"""Runs of a real (untrained) model: resuming, several processes, protocols, sweeps, the whole document."""

from __future__ import annotations

import json

import numpy as np
import pytest

from blazepose_tf import specs
from blazepose_tf.evaluation import annotations, evaluate, report, runner, systems, tables
from blazepose_tf.evaluation.disturb import Disturbance


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A tracker whose output is the mean pose of its crop, saved as anyone would."""
    models = pytest.importorskip("blazepose_tf.models")
    model = models.build_tracker(specs.TrackerSpec(128), variant="tiny", training_heads=False)
    path = tmp_path_factory.mktemp("model") / "tiny.keras"
    model.save(path)
    return str(path)


def test_a_stopped_run_goes_on(tmp_path, three_people, tiny):
    data = annotations.load(three_people)
    run = runner.Run(systems.System(tiny))
    steps: list[int] = []
    whole = runner.execute(run, data, data.people, folder=tmp_path / "p", progress=steps.append)
    assert sum(steps) == 3 and [p.annotation_id for p in whole] == [1, 2, 3]
    (file,) = (tmp_path / "p").glob("*.jsonl")
    lines = file.read_bytes().split(b"\n")
    file.write_bytes(b"\n".join(lines[:2]) + b"\n" + lines[2][:40])  # stopped in the middle of the second person
    steps.clear()
    again = runner.execute(run, data, data.people, folder=tmp_path / "p", progress=steps.append)
    assert steps == [1, 2]  # one was there, two were done now
    for a, b in zip(whole, sorted(again, key=lambda p: p.annotation_id), strict=True):
        np.testing.assert_allclose(a.points, b.points)


def test_other_settings_are_another_run(tmp_path, three_people, tiny):
    data = annotations.load(three_people)
    for run in (
        runner.Run(systems.System(tiny)),
        runner.Run(systems.System(tiny, roi_scale=1.5)),
        runner.Run(systems.System(tiny), disturbance=Disturbance("roll", 15)),
    ):
        runner.execute(run, data, data.people, folder=tmp_path)
    assert len(list(tmp_path.glob("*.jsonl"))) == 3


def test_the_roi_is_the_truth_and_moves_with_the_disturbance(tmp_path, three_people, tiny):
    """The mean pose stands upright in its crop: rolled by 90 degrees it lies in the picture."""
    data = annotations.load(three_people)
    upright, lying = (
        runner.execute(runner.Run(systems.System(tiny), disturbance=d), data, data.people, folder=tmp_path)
        for d in (None, Disturbance("roll", 90))
    )
    for a, b, person in zip(upright, lying, data.people, strict=True):
        np.testing.assert_allclose(a.alignment[0], person.alignment[0], atol=3)  # centred on mid-hip
        up, side = a.alignment[1] - a.alignment[0], b.alignment[1] - b.alignment[0]
        assert abs(up[0]) < 0.1 * abs(up[1]) and abs(side[1]) < 0.1 * abs(side[0])


def test_a_missing_picture_is_named(tmp_path, three_people, tiny):
    data = annotations.load(three_people)
    (three_people.parent / "images" / "2.png").unlink()
    with pytest.raises(OSError, match=r"2\.png: no such file"):
        runner.execute(runner.Run(systems.System(tiny)), data, data.people, folder=tmp_path)


def test_the_whole_document(tmp_path, three_people, tiny):
    options = evaluate.Options(
        data=str(three_people),
        systems=tuple(systems.parse([tiny, f"{tiny}@1.5"], [])),
        sweeps=("brightness",),
        folder=str(tmp_path),
    )
    result = evaluate.evaluate(options)
    document = json.loads(evaluate.to_json(result.document))
    assert [r["label"] for r in document["runs"]] == ["tiny", "tiny@1.5"]
    assert document["runs"][0]["tracker"]["sha256"] != ""
    assert document["runs"][0]["metrics"]["people"] == 3
    assert [c["run"] for c in document["comparisons"]] == ["tiny@1.5"]
    levels = document["sweeps"][0]["levels"]
    assert [r["level"] for r in levels] == [-3, -2, -1, None, 1, 2]  # undisturbed in its place
    text = tables.terminal(document)
    assert "tiny@1.5" in text and "brightness" in text and "PCK_torso@0.2" in text
    page = report.render(document, result.pairs, result.data)
    assert page.count("<figure>") >= 12  # worst, best and side by side
    # A second evaluation takes everything over.
    steps: list[int] = []
    evaluate.evaluate(options, progress=lambda title, total: steps.append)
    assert steps[0] == 3


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"protocols": ("sideways",)}, "protocols"),
        ({"sweeps": ("rain",)}, "sweeps"),
        ({"sources": "x"}, "sources"),
        ({"limit": 0}, "limit"),
    ],
)
def test_bad_options(fields, message):
    with pytest.raises(ValueError, match=message):
        evaluate.Options(data="x", **fields)


def test_systems_from_text():
    a, b = systems.parse(["a.tflite@1.5", "b.tflite"], ["d.tflite"], roi_scale=1.3, names=["one", "two"])
    assert (a.tracker, a.roi_scale, a.detector, a.label) == ("a.tflite", 1.5, "d.tflite", "one")
    assert (b.roi_scale, b.label) == (1.3, "two")
    with pytest.raises(ValueError, match="roi scale"):
        systems.parse(["a.tflite@x"], [])
    with pytest.raises(ValueError, match="detectors"):
        systems.parse(["a.tflite"] * 3, ["d.tflite"] * 2)
    with pytest.raises(ValueError, match="names"):
        systems.parse(["a.tflite"], [], names=["x", "y"])


def test_several_processes_agree_with_one(tmp_path, three_people, real_tracker):
    data = annotations.load(three_people)
    run = runner.Run(systems.System(real_tracker))
    alone = runner.execute(run, data, data.people, folder=tmp_path / "one")
    pool = runner.workers(2)
    try:
        both = runner.execute(run, data, data.people, folder=tmp_path / "two", pool=pool)
    finally:
        pool.shutdown()
    for a, b in zip(alone, sorted(both, key=lambda p: p.annotation_id), strict=True):
        np.testing.assert_allclose(a.points, b.points, atol=0.02)
