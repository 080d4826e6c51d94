"""The quick part of benchmarks/engines.py: engines that are installed open our files and compute the same."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest

from blazepose_tf.export import quantization
from blazepose_tf.runtime.weights import weight_file


@pytest.fixture(scope="module")
def benchmarks():
    """Imports a module of benchmarks/ by name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).resolve().parents[2] / "benchmarks"))
        yield importlib.import_module


@pytest.fixture(scope="module")
def adapters(benchmarks):
    return benchmarks("engine_adapters")


def opened(adapters, name: str, path: Path):
    """(run of LiteRT's interpreter, run of the engine); skips when the engine is not installed."""
    adapter = getattr(adapters, name)()
    if reason := adapter.missing():
        pytest.skip(f"{adapter.name}: {reason}")
    return adapters.Interpreter().open(path), adapter.open(path)


@pytest.mark.parametrize("name", ["CompiledModel", "OpenVino", "OpenCv"])
def test_shipped_detector_in_other_engines(adapters, name):
    path = weight_file("blazeface.tflite")
    litert, other = opened(adapters, name, path)
    size, _ = adapters.Interpreter().describe(path)
    picture = np.random.default_rng(0).uniform(size=(1, size, size, 3)).astype(np.float32)
    found = other(picture)
    arrays = list(found.values()) if isinstance(found, dict) else found
    expected = litert(picture)
    # OpenCV's reader names the last outputs alone.
    assert len(arrays) == len(expected) if name != "OpenCv" else arrays
    for key, value in expected.items():
        same = [a for a in arrays if np.size(a) == value.size]
        if not same and name == "OpenCv":
            continue
        np.testing.assert_allclose(np.reshape(same[0], value.shape), value, atol=2e-3, err_msg=key)


@pytest.mark.parametrize("precision", ["dynamic", "int8"])
def test_openvino_reads_what_the_quantizer_wrote(adapters, precision, tiny_file, pictures, tmp_path):
    pytest.importorskip("ai_edge_quantizer")
    path = tmp_path / f"tiny_{precision}.tflite"
    ranges = quantization.calibrate(tiny_file, pictures)
    path.write_bytes(quantization.quantize(tiny_file, precision, ranges=ranges))
    litert, openvino = opened(adapters, "OpenVino", path)
    picture = pictures[0] if precision == "dynamic" else np.round(pictures[0] * 255 - 128).astype(np.int8)
    expected = litert(picture)
    found = openvino(picture)
    for name, value in expected.items():
        (same,) = [a for a in found if np.size(a) == value.size]
        # Integers round elsewhere: a few steps of the largest value, or of a logit (more on processors without VNNI).
        limit = 0.1 * max(np.abs(value).max(), 1.0)
        np.testing.assert_allclose(same.reshape(value.shape), value, atol=limit, err_msg=name)


def test_a_cell_says_what_happened_and_whether_anybody_knows_why(benchmarks, adapters):
    engines, notes = benchmarks("engines"), []
    opencv, openvino = adapters.OpenCv(), adapters.OpenVino()
    good = {"text": "1.10 x, 2.0e-05", "wrong": False}
    assert engines._cell(openvino, "float32", good, notes) == ("1.10 x, 2.0e-05", "")
    assert engines._cell(openvino, "float32", good | {"wrong": True}, notes)[1] == "other numbers: 1.10 x, 2.0e-05"
    known = {"stage": "running", "refused": "no such thing"}
    assert engines._cell(opencv, "int8", known, notes) == ("no (1)", "")
    # Even one with a known limit is told apart when it takes the process with it.
    assert engines._cell(opencv, "dynamic", {"stage": "opening", "died": "SIGSEGV"}, notes) == ("died (2)", "")
    cell, fault = engines._cell(openvino, "int8", {"stage": "opening", "died": "SIGABRT"}, notes)
    assert cell == "died (3)"
    assert fault == "not explained: the process ends (SIGABRT) while opening"
    assert notes[2] == "OpenVINO, int8: not explained (the process ends (SIGABRT) while opening)."
    assert engines._cell(opencv, "int8", known, notes)[0] == "no (1)", "one note for one reason"


def test_a_file_that_cannot_be_opened_costs_a_record(benchmarks, tmp_path):
    """By the real program: the Interpreter refuses it, and the next trial runs."""
    engines = benchmarks("engines")
    path = tmp_path / "float32.tflite"
    path.write_bytes(b"no model at all")
    options = engines.argparse.Namespace(picture=engines.PICTURE, rounds=1)
    record = engines._try(path, benchmarks("engine_adapters").Interpreter(), options)
    assert record["stage"] == "LiteRT"
    assert "refused" in record
    path.write_bytes(weight_file("blazeface.tflite").read_bytes())
    record = engines._try(path, benchmarks("engine_adapters").Interpreter(), options)
    assert record["difference"] == 0.0
    assert not record["wrong"]


def test_blocks_of_documents(benchmarks, tmp_path):
    blocks, document = benchmarks("blocks"), tmp_path / "a.md"
    document.write_text("before\n<!-- table: python x.py -->\nold\n<!-- end of table -->\nafter\n")
    blocks.replace(document, "table", "| new |\n")
    expected = "before\n<!-- table: python x.py -->\n\n| new |\n\n<!-- end of table -->\nafter\n"
    assert document.read_text() == expected
    blocks.replace(document, "table", r"| new |")
    assert document.read_text() == expected, "a second run changes nothing"
    with pytest.raises(SystemExit, match="expected one block between"):
        blocks.replace(document, "tables", "| new |")
    assert document.read_text() == expected
