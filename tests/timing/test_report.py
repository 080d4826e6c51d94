"""The document: schema, comparison, tables, accuracy and plot."""

from __future__ import annotations

import copy
import importlib.util
import json

import pytest

from blazepose_tf.timing import accuracy, compare, plot, report, schema


def row(name="lite", *, rounds=(4.0, 4.1, 3.9, 4.0), threads=1, error=None, sha="aa"):
    middle = sorted(rounds)[len(rounds) // 2]
    latency = {"median": middle, "p5": min(rounds), "p95": max(rounds), "min": min(rounds), "mean": middle, "std": 0.1}
    latency |= {"count": 10 * len(rounds), "rounds": list(rounds)}
    return {
        "model": {
            "name": name,
            "file": f"{name}.tflite",
            "sha256": sha,
            "bytes": 9,
            "precision": "int8",
            "macs": 155_400_000,
        },
        "configuration": {"threads": threads, "delegate": "xnnpack", "fp16": False},
        "latency_ms": None if error else latency,
        "init_ms": 1.0,
        "first_ms": None,
        "ratio": None,
        "peak_memory_mb": 12.5,
        "energy_mj": None,
        "partitions": {"count": 2, "left_over": {"PAD": 3}},
        "profile": None,
        "state": {"before": {}, "after": {}, "throttled": False},
        "error": error,
    }


def make(*rows, model="Pixel 2", kind="adb"):
    device = {"kind": kind, "id": "x", "model": model, "abi": "arm64-v8a", "os": "Android 11", "cores": 8}
    device |= {"affinity": [4, 5, 6, 7], "governor": None, "memory_mb": 4000}
    estimate = {
        "model": "lite",
        "sha256": "aa",
        "target": "Pixel 2",
        "latency_ms": 36.0,
        "low_ms": 30.0,
        "high_ms": 45.0,
    }
    estimate |= {"method": "cost model", "extrapolated": None}
    return {
        "schema": schema.NAME,
        "version": 1,
        "created": "2026-01-01T00:00:00Z",
        "tool": {"litert": "2.2.0"},
        "device": device,
        "settings": {},
        "results": list(rows),
        "pipeline": [],
        "estimates": [estimate],
    }


def test_document_round_trip(tmp_path):
    document = make(row())
    schema.save(document, tmp_path / "a.json")
    assert schema.load(tmp_path / "a.json") == document and [p.name for p in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(schema="other"), "expected a benchmark document.*'other'"),
        (lambda d: d.update(version=9), "version 1. Received: 9"),
        (lambda d: d.pop("device"), r"missing fields \['device'\]"),
        (lambda d: d["device"].update(colour=1), r"device: unknown fields \['colour'\]"),
        (
            lambda d: d["results"][0]["latency_ms"].update(median=-1),
            r"results\[0\]\.latency_ms\.median: expected a positive",
        ),
        (lambda d: d["results"][0]["latency_ms"].update(median=True), "expected a positive number. Received: True"),
        (
            lambda d: d["results"][0]["latency_ms"].update(p95=float("nan")),
            r"p95: expected a finite number. Received: nan",
        ),
        (lambda d: d["results"][0].update(error="broken"), r"results\[0\]: exactly one of latency_ms and error"),
        (lambda d: d.update(results={}), "results: expected a list"),
        (lambda d: d["results"][0].update(model=None), r"results\[0\]\.model: expected an object. Received: None"),
        (lambda d: d["device"].update(affinity=["a"]), r"device\.affinity\[0\]: expected a whole number >= 0"),
    ],
)
def test_wrong_documents_name_the_field(tmp_path, change, message):
    document = make(row())
    change(document)
    (tmp_path / "a.json").write_text(json.dumps(document))
    with pytest.raises(ValueError, match=rf"a\.json: .*{message}"):
        schema.load(tmp_path / "a.json")


def test_not_json(tmp_path):
    (tmp_path / "a.json").write_text("{]")
    with pytest.raises(ValueError, match=r"a\.json:1:\d+: not valid JSON: Expecting"):
        schema.load(tmp_path / "a.json")


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        ((4.0, 4.1, 3.9, 4.0), (2.0, 2.1, 1.9, 2.0), "faster"),
        ((4.0, 4.1, 3.9, 4.0), (8.0, 8.1, 7.9, 8.0), "slower"),
        ((4.0, 4.1, 3.9, 4.0), (4.1, 4.0, 4.2, 3.9), "same within the spread"),
        # 4 % on a quiet machine: surely different, yet less than two sessions differ without any change.
        ((4.0, 4.0, 4.0, 4.0), (4.16, 4.16, 4.16, 4.16), "same within the spread"),
        # 15 % more in the median, but the rounds scatter over more than that.
        ((3.0, 4.0, 5.0, 4.0), (3.2, 4.6, 5.9, 4.6), "same within the spread"),
        # Too few rounds: the ends of the runs decide.
        ((4.0,), (2.0,), "faster"),
    ],
)
def test_verdicts_respect_the_spread(old, new, verdict):
    (found,) = compare.compare(make(row(rounds=old)), make(row(rounds=new))).verdicts
    assert found.verdict == verdict and found.low <= found.ratio <= found.high


def test_comparison_tells_what_else_changed():
    old, new = make(row(), row("only")), make(row(sha="bb"), row(threads=2))
    new["device"]["governor"], new["tool"]["litert"] = "performance", "2.3.0"
    new["results"][0]["state"]["throttled"] = True
    found = compare.compare(old, new)
    assert found.verdicts[0].notes == ("another file", "new measured while throttled") and not found.slower
    assert found.only_old == ("only, 1 thread, xnnpack",) and found.only_new == ("lite, 2 threads, xnnpack",)
    text = report.comparison_table(found)
    assert "governor differs: None -> 'performance'" in text and "litert differs: '2.2.0' -> '2.3.0'" in text


def test_other_devices_and_other_rows_are_not_compared():
    with pytest.raises(ValueError, match=r"one device can be compared.*Pixel 2.*Pixel 3"):
        compare.compare(make(row()), make(row(), model="Pixel 3"))
    with pytest.raises(ValueError, match="share no row"):
        compare.compare(make(row("a")), make(row("b")))


def test_table_with_errors_and_estimates_apart():
    text = report.results_table(make(row(), row("gpu", error="refused")))
    measured, estimated = text.split("ESTIMATED, not measured")
    assert "| lite  | int8" in measured and "2 + 3 ops" in measured and "155.4" in measured
    assert "gpu, 1 thread, xnnpack: refused" in measured
    assert "36.00" in estimated and "30.0..45.0" in estimated and "36.00" not in measured


def test_aligned_table():
    assert report.table(("name", "n"), [("a|b", 1.5), ("c", None)]).splitlines() == [
        "| name |    n |",
        "|------|-----:|",
        "| a/b  | 1.50 |",
        "| c    |    - |",
    ]


def test_table_1_has_the_papers_rows_and_ours():
    lines = report.table1(make(row(), row(threads=4)), {"lite": ("pck_torso@0.2", 0.801)}).splitlines()
    assert any("BlazePose Lite" in line and "31.00" in line and "79.60" in line and "77.60" in line for line in lines)
    ours = [line for line in lines if line.startswith("| lite")]
    assert len(ours) == 1 and "250.0" in ours[0] and "80.10" in ours[0] and "22..33" in ours[0]


MODELS = [row()["model"], row("full", sha="bb")["model"]]


def test_accuracy_finds_its_model_and_figure(tmp_path):
    by_hash = tmp_path / "a.json"
    by_hash.write_text(json.dumps({"model": {"sha256": "bb"}, "metrics": {"pck_torso@0.2": 0.8, "n": 3}}))
    assert accuracy.load_accuracy([str(by_hash)], MODELS) == {"full": ("metrics.pck_torso@0.2", 0.8)}
    assert accuracy.load_accuracy([str(by_hash)], MODELS, key="n") == {"full": ("metrics.n", 3.0)}
    by_file = tmp_path / "b.json"
    by_file.write_text(json.dumps({"tracker": "/somewhere/lite.tflite", "pck@0.2": 0.7}))
    assert accuracy.load_accuracy([str(by_file)], MODELS) == {"lite": ("pck@0.2", 0.7)}
    assert accuracy.load_accuracy([f"full={by_file}"], MODELS) == {"full": ("pck@0.2", 0.7)}


def test_accuracy_of_several_systems_in_one_file(tmp_path):
    def run(tracker, detector, value):
        breakdown = {"keypoints": {"nose": 0.1}, "interval": {"17": [0, 1]}, "17": value, "33": 0.2}
        parts = {"tracker": {"sha256": tracker}, "detector": detector and {"sha256": detector}}
        return parts | {"metrics": {"pck_torso@0.2": breakdown}}

    path = tmp_path / "a.json"
    path.write_text(json.dumps({"runs": [run("aa", "bb", 0.8), run("bb", None, 0.9)]}))
    name = "metrics.pck_torso@0.2.17"
    assert accuracy.load_accuracy([str(path)], MODELS) == {"lite": (name, 0.8), "full": (name, 0.9)}


def test_accuracy_that_fits_nothing(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"ap": 0.5, "broken": float("nan")}))
    with pytest.raises(ValueError, match="names none of the measured models"):
        accuracy.load_accuracy([str(path)], MODELS, key="ap")
    with pytest.raises(ValueError, match=r"has no figure 'PCK@0\.2'\. It has: ap$"):
        accuracy.load_accuracy([f"lite={path}"], MODELS)
    with pytest.raises(ValueError, match="no model of that name"):
        accuracy.load_accuracy([f"heavy={path}"], MODELS)


def test_plot(tmp_path):
    path, figures = tmp_path / "plot.svg", {"lite": ("pck@0.2", 0.7)}
    if importlib.util.find_spec("matplotlib") is None:
        with pytest.raises(ImportError, match=r"pip install 'blazepose_tf\[report\]'"):
            plot.save_plot(make(row()), figures, path)
        return
    plot.save_plot(make(row(), row("full")), figures, path)
    assert path.read_text().lstrip().startswith("<?xml") and [p.name for p in tmp_path.iterdir()] == ["plot.svg"]
    plot.save_plot(copy.deepcopy(make(row())), {}, tmp_path / "alone.png")
    assert (tmp_path / "alone.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="no measured row"):
        plot.save_plot(make(row(error="x")), {}, path)
