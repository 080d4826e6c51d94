"""The estimate: what it was scaled on, its laws and its interval."""

from __future__ import annotations

import dataclasses

import pytest

from blazepose_tf.tflite import graph
from blazepose_tf.timing import cost_model
from blazepose_tf.timing.cost_model import FULL, LITE, Cost


def test_published_networks_lie_in_their_intervals():
    for known in (LITE, FULL):
        estimate = cost_model.estimate_cost(known.cost)
        assert estimate.low_ms < 1e3 / known.frames_per_second < estimate.high_ms
        assert estimate.low_ms < estimate.ms < estimate.high_ms


def test_one_published_network_from_the_other():
    """The errors that the module's docstring states, in percent."""
    found = {}
    for structure in cost_model.STRUCTURES:
        for known, other in ((LITE, FULL), (FULL, LITE)):
            seconds = other.cost.units(structure) / known.cost.units(structure) / known.frames_per_second
            found[structure, known is LITE] = round(100 * (seconds * other.frames_per_second - 1))
    assert found == {("macs", True): -15, ("macs", False): 17, ("weighted", True): -24, ("weighted", False): 32}


def test_estimate_by_hand():
    """A network of Lite's cost: 1000/31 ms from Lite twice, 100 ms x 155.4/410.6 and x 276.4/647.9 from Full."""
    by_hand = (1e3 / 31 * 1e3 / 31 * 37.8425 * 42.6575) ** 0.25
    assert cost_model.estimate_cost(LITE.cost).ms == pytest.approx(by_hand, rel=1e-4)


def test_twice_the_work_takes_twice_the_time():
    once = cost_model.estimate_cost(LITE.cost)
    twice = cost_model.estimate_cost(Cost(*(2 * v for v in dataclasses.astuple(LITE.cost))))
    assert twice.ms == pytest.approx(2 * once.ms) and twice.high_ms == pytest.approx(2 * once.high_ms)


def test_int8_is_marked_and_wider():
    whole, eighth = cost_model.estimate_cost(LITE.cost), cost_model.estimate_cost(LITE.cost, int8=True)
    assert whole.extrapolated is None and "int8" in eighth.extrapolated
    assert eighth.high_ms / eighth.low_ms == pytest.approx(2 * whole.high_ms / whole.low_ms)


def test_nothing_to_estimate():
    with pytest.raises(ValueError, match="multiply-adds is needed"):
        cost_model.estimate_cost(Cost(0, 0, 1000))


def test_calibration_constants_are_those_of_the_published_files(shared_dir):
    for name, known in (("pose_landmark_lite_2021_03", LITE), ("pose_landmark_full_body_2020", FULL)):
        contents = graph.read_graph(shared_dir / "peers" / f"{name}.tflite", outputs=[0, 1])
        assert Cost(contents.dense_macs, contents.depthwise_macs, contents.bytes) == known.cost


def test_entry_of_a_file(tiny_file):
    entry = cost_model.estimate_file(tiny_file)
    assert entry["model"] == "tiny" and entry["target"].startswith("Pixel 2")
    assert 0 < entry["low_ms"] < entry["latency_ms"] < entry["high_ms"]
