"""The quick part of benchmarks/engines.py: engines that are installed open our files and compute the same."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest

from blazepose_tf.export import quantization
from blazepose_tf.runtime.weights import weight_file


@pytest.fixture(scope="module")
def adapters():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).resolve().parents[2] / "benchmarks"))
        yield importlib.import_module("engine_adapters")


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
        # Integers round elsewhere: a few steps of the largest value.
        np.testing.assert_allclose(same.reshape(value.shape), value, atol=0.1 * np.abs(value).max(), err_msg=name)
