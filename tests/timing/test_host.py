"""Measuring in this process: rows, settings, memory, energy, duty cycle."""

from __future__ import annotations

import json
import os

import pytest

from blazepose_tf.timing import document, duty_cycle, host, schema
from blazepose_tf.timing.energy import EnergyMeter
from blazepose_tf.timing.host import Configuration, Plan

PLAN = Plan(rounds=4, runs=3, warmup=1)


@pytest.fixture(scope="module")
def measured(tiny, tiny_file, tmp_path_factory):
    half = tiny.write_tiny_model(tmp_path_factory.mktemp("half") / "half.tflite", half=True)
    settings = [Configuration(1), Configuration(1, "none")]
    return document.measure_host([tiny_file, half], settings, plan=PLAN, profile=True)


def test_rows_are_models_by_settings(measured):
    assert schema.validate(measured) is measured
    found = [(r["model"]["name"], r["configuration"]["delegate"], r["model"]["precision"]) for r in measured["results"]]
    assert found == [
        ("tiny", "xnnpack", "float32"),
        ("tiny", "none", "float32"),
        ("half", "xnnpack", "float16"),
        ("half", "none", "float16"),
    ]


def test_columns_of_a_row(measured):
    row = measured["results"][1]
    assert row["latency_ms"]["count"] == 12 and len(row["latency_ms"]["rounds"]) == 4
    assert row["ratio"]["p5"] <= row["ratio"]["median"] <= row["ratio"]["p95"]
    assert measured["results"][0]["ratio"] == {"median": 1.0, "p5": 1.0, "p95": 1.0}
    assert measured["results"][0]["partitions"] == {"count": 1, "left_over": {}}
    assert row["partitions"] == {"count": 0, "left_over": None}
    assert row["peak_memory_mb"] >= 0 and row["first_ms"] > 0 and row["init_ms"] > 0
    assert len(row["profile"]["operations"]) == 3
    assert measured["device"]["kind"] == "host" and measured["tool"]["litert"]


def test_estimates_stand_apart(measured):
    assert [e["model"] for e in measured["estimates"]] == ["tiny", "half"]
    assert all("estimate" not in str(row) for row in measured["results"])


@pytest.mark.parametrize("configuration", [Configuration(1, "gpu"), Configuration(1, "xnnpack", True)])
def test_what_only_a_phone_has(tiny_file, configuration):
    with pytest.raises(ValueError, match="the host runs the CPU kernels"):
        host.Runner(tiny_file, configuration)


def test_impossible_settings():
    with pytest.raises(ValueError, match="threads must be at least 1"):
        Configuration(0)
    with pytest.raises(ValueError, match="delegate must be"):
        Configuration(1, "npu")
    with pytest.raises(ValueError, match="rounds must be at least 1"):
        Plan(rounds=0)
    with pytest.raises(ValueError, match="at least one model"):
        host.run_host([], [Configuration()])


def test_expand():
    found = document.expand([1, 2], xnnpack="both", gpu=True, fp16=True)
    assert [(c.threads, c.delegate, c.fp16) for c in found] == [
        (1, "xnnpack", False),
        (2, "xnnpack", False),
        (1, "none", False),
        (2, "none", False),
        (1, "xnnpack", True),
        (2, "xnnpack", True),
        (1, "gpu", False),
        (1, "gpu", True),
    ]


def test_a_broken_file_is_a_clear_error(tiny_file, tmp_path):
    broken = tmp_path / "broken.tflite"
    data = bytearray(tiny_file.read_bytes())
    broken.write_bytes(data[:8] + bytes(len(data) - 8))
    with pytest.raises(ValueError, match=r"broken\.tflite"):
        document.measure_host([broken], [Configuration()], plan=PLAN)


def test_energy_of_packages_with_wrap_around(tmp_path):
    for name, value, limit in (("intel-rapl:0", 900, 1000), ("intel-rapl:1", 500, 1000), ("intel-rapl:0:0", 7, 1000)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "energy_uj").write_text(f"{value}\n")
        (tmp_path / name / "max_energy_range_uj").write_text(f"{limit}\n")
    meter = EnergyMeter(tmp_path)
    before = meter.read()
    assert meter.available and before == [900, 500]
    # 900 -> 100 wrapped at 1000: 200 uJ; 500 -> 800: 300 uJ.
    assert meter.joules(before, [100, 800]) == pytest.approx(500e-6)
    assert not EnergyMeter(tmp_path / "absent").available


TRACE = duty_cycle.Trace(((True, True), (False, True), (False, True), (True, False)), 0.5, "a test")


def test_composed_pipeline_by_hand():
    entry = duty_cycle.compose(TRACE, detector_ms=10.0, tracker_ms=4.0)
    # (2 x 10 + 3 x 4 + 4 x 0.5) / 4 = 8.5 ms
    assert entry["frame_ms"] == pytest.approx(8.5) and entry["frames_per_second"] == pytest.approx(1000 / 8.5)


def test_replayed_pipeline(tiny_file):
    plan = document.Pipeline(TRACE, tiny_file, tiny_file)
    (entry,) = document.measure_host([tiny_file], [Configuration()], plan=Plan(1, 1, 0), pipeline=plan)["pipeline"]
    assert entry["method"] == "replayed" and entry["latency_ms"]["count"] == 12
    assert entry["frame_ms"] > 0.5 and (entry["detector_runs"], entry["tracker_runs"]) == (2, 3)


def test_poses_of_predict_are_a_trace(tmp_path):
    def frame(detector, tracker, total):
        return {"frame": 0, "milliseconds": {"warp": 0.5, "detector": detector, "tracker": tracker, "total": total}}

    path = tmp_path / "poses.json"
    frames = [frame(6.0, 8.0, 16.0), frame(0.0, 8.0, 9.0), frame(0.0, 8.0, 12.0)]
    path.write_text(json.dumps({"format": "blazepose_tf", "source": "a.mp4", "frames": frames}))
    assert duty_cycle.load_trace(path) == duty_cycle.Trace(((True, True), (False, True), (False, True)), 2.0, "a.mp4")
    del frames[1]["milliseconds"]["total"]
    path.write_text(json.dumps({"format": "blazepose_tf", "frames": frames}))
    with pytest.raises(ValueError, match=r"frames\[1\]\.milliseconds must have"):
        duty_cycle.load_trace(path)


def test_pinned_to_a_core(tiny_file):
    before = os.sched_getaffinity(0)
    core = min(before)
    found = document.measure_host([tiny_file], [Configuration()], plan=Plan(1, 1, 0), cores=f"{1 << core:x}")
    assert found["device"]["affinity"] == [core] and os.sched_getaffinity(0) == before
    with pytest.raises(ValueError, match="cores must be among"):
        document.measure_host([tiny_file], [Configuration()], plan=Plan(1, 1, 0), cores="8" + 40 * "0")


def test_trace_round_trip(tmp_path):
    duty_cycle.save_trace(TRACE, tmp_path / "trace.json")
    assert duty_cycle.load_trace(tmp_path / "trace.json") == TRACE


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", "is no trace: expected format 'blazepose-trace', version 1"),
        ('{"format": "blazepose-trace", "version": 2}', "is no trace"),
        ('{"format": "blazepose-trace", "version": 1, "frames": 3}', "frames must be a list"),
        (
            '{"format": "blazepose-trace", "version": 1, "frames": [{"detector": 1, "tracker": true}]}',
            r"frames\[0\] must",
        ),
        ('{"format": "blazepose-trace", "version": 1, "frames": []}', "at least one frame"),
        ('{"format": "blazepose-trace", "version": 1, "frames": [], "overhead_ms": "x"}', "overhead_ms must be"),
    ],
)
def test_wrong_traces(tmp_path, text, message):
    path = tmp_path / "trace.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        duty_cycle.load_trace(path)
