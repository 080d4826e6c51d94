"""The profile of a file by timing its parts alone."""

from __future__ import annotations

import pytest

from blazepose_tf.timing.profile import by_kind, profile_operations


def test_every_operation_is_timed_alone(tiny_file):
    result = profile_operations(tiny_file, runs=3)
    assert result["method"] == "isolated"
    assert [op["kind"] for op in result["operations"]] == ["CONV_2D", "DEPTHWISE_CONV_2D", "ADD"]
    assert all(op["ms"] > 0 for op in result["operations"])
    assert sum(op["percent"] for op in result["operations"]) == pytest.approx(100)


def test_stored_weights_follow_their_operation(tiny, tmp_path):
    path = tiny.write_tiny_model(tmp_path / "half.tflite", half=True)
    for xnnpack in (True, False):
        assert all(op["ms"] > 0 for op in profile_operations(path, xnnpack=xnnpack, runs=2)["operations"])


def test_sums_by_kind():
    rows = [
        {"kind": k, "name": "", "ms": ms, "percent": ms, "calls": 1} for k, ms in (("A", 1.0), ("B", 5.0), ("A", 2.0))
    ]
    rows.append({"kind": "A", "name": "", "ms": None, "percent": None, "calls": 1})
    assert by_kind(rows) == [
        {"kind": "B", "ms": 5.0, "percent": 5.0, "calls": 1},
        {"kind": "A", "ms": 3.0, "percent": 3.0, "calls": 3},
    ]
