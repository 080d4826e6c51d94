"""Models for other engines: the same numbers, in the same pipeline."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from blazepose_tf import files
from blazepose_tf.export import exporting
from blazepose_tf.export.engine_inspection import inspect_engine
from blazepose_tf.export.inspection import inspect
from blazepose_tf.runtime import engines
from blazepose_tf.runtime.interpreter import load_model
from blazepose_tf.runtime.pipeline import PosePipeline
from blazepose_tf.runtime.tracker import Tracker
from blazepose_tf.timing import document, report
from blazepose_tf.timing.host import Configuration, Plan


@pytest.fixture(scope="module", params=["openvino", "ncnn"])
def folder(request, tiny, tmp_path_factory):
    """An exported tiny tracker."""
    pytest.importorskip("tf2onnx")
    pytest.importorskip(request.param)
    if request.param == "ncnn" and importlib.util.find_spec("pnnx") is None:
        pytest.skip("converting to ncnn needs pnnx: pip install --no-deps pnnx")
    path = Path(os.path.relpath(tmp_path_factory.mktemp("folders"))) / f"tiny_{request.param}"
    options = exporting.Options(format=request.param, precision="float16", crops=2)
    proof = exporting.export(*tiny, path, options, progress=lambda _: None)
    assert max(p.max for p in proof.parities) < 5.0  # crop pixels; weights in half precision
    assert proof.size == sum(f.stat().st_size for f in path.iterdir())
    return path


def test_same_numbers_as_litert(folder, tiny_file, pictures):
    expected, found = load_model(tiny_file), load_model(folder)
    assert found.metadata["precision"] == "float16" and found.output_shapes == expected.output_shapes
    for picture in pictures:
        ours = found.infer(picture)
        for name, value in expected.infer(picture).items():
            scale = max(np.abs(value).max(), 1.0)
            np.testing.assert_allclose(ours[name], value, atol=0.01 * scale, err_msg=name)
    assert set(found.infer(pictures[0], ("landmarks",))) == {"landmarks"}


def test_runs_in_the_pipeline(folder, tiny_file, testdata_dir):
    import cv2

    image = cv2.imread(str(testdata_dir / "people" / "images" / "people_000000.jpg"))[..., ::-1]
    region = np.float32([image.shape[1] / 2, image.shape[0] / 2, image.shape[0], 0.2])
    ours, theirs = (Tracker(source)(image, region).points for source in (folder, tiny_file))
    assert np.abs(ours - theirs).max() < 0.02 * image.shape[0]
    PosePipeline("blazeface", folder)(np.ascontiguousarray(image))


_SIGNAL = """
import faulthandler, gc, os, signal, sys
from blazepose_tf.runtime.interpreter import load_model
faulthandler.enable()  # it has an alternate signal stack that others can take away
first, second = load_model(sys.argv[1]), load_model(sys.argv[1])
del first
gc.collect()
del second
gc.collect()
signal.signal(signal.SIGTERM, lambda number, frame: print("handled"))
os.kill(os.getpid(), signal.SIGTERM)
"""


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_leaves_signals_as_they_were(folder):
    """A signal is handled after models have come and gone."""
    done = subprocess.run([sys.executable, "-c", _SIGNAL, folder], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "handled\n"), done.stderr


def test_is_inspected_as_it_runs(folder, tiny_file):
    found, expected = inspect_engine(folder), inspect(tiny_file)
    assert found.engine == load_model(folder).engine and found.precision == "float16"
    assert found.outputs == load_model(folder).output_shapes and found.metadata["model"] == "tiny"
    # Engines fold and pad on their own: a few numbers more or less, of tens of thousands.
    assert found.weights == pytest.approx(expected.weights, rel=0.02)
    convolutions = sum(n for kind, n in found.operations.items() if "Convolution" in kind)
    assert convolutions == sum(n for kind, n in expected.operations.items() if "CONV_2D" in kind)


def test_is_timed_beside_litert(folder, tiny_file, tmp_path):
    (tmp_path / "tiny.tflite").write_bytes(tiny_file)
    settings = [Configuration(1), Configuration(1, "none")]
    measured = document.measure_host([tmp_path / "tiny.tflite", folder], settings, plan=Plan(2, 2, 1), profile=True)
    rows = measured["results"]
    # What XNNPACK does is LiteRT's: another engine has one row for each number of threads.
    assert [r["configuration"]["delegate"] for r in rows] == ["xnnpack", "none", load_model(folder).engine]
    assert rows[2]["model"] | {"macs": None, "precision": "float16", "sha256": files.sha256(folder)} == rows[2]["model"]
    assert rows[2]["latency_ms"]["median"] > 0 and rows[2]["peak_memory_mb"] > 0
    assert rows[2]["profile"] is None and rows[2]["partitions"] is None and rows[0]["profile"] is not None
    assert load_model(folder).engine in report.results_table(measured)
    with pytest.raises(ValueError, match="a phone runs LiteRT files"):
        document.measure_phone([folder], settings, options=None, plan=Plan())


def test_nothing_appears_under_a_name_that_is_taken(folder, tiny):
    before = files.sha256(folder)
    with pytest.raises(FileExistsError, match="exists already"):
        exporting.export(*tiny, folder, exporting.Options(format="openvino", crops=1), progress=lambda _: None)
    assert files.sha256(folder) == before
    assert [p.name for p in folder.parent.iterdir()] == [folder.name]


def test_folders_that_are_no_models(tmp_path):
    with pytest.raises(IsADirectoryError, match=r"expected a \.tflite or \.onnx model file, or an exported folder"):
        load_model(tmp_path)
    for name in engines.OPENVINO_FILES:
        (tmp_path / name).write_text("nothing of the kind")
    (tmp_path / engines.DOCUMENT).write_text(json.dumps({"metadata": {}, "outputs": {}}))
    with pytest.raises(ValueError, match=r"blazepose_tf\.json.*input_size"):
        load_model(tmp_path)
    pytest.importorskip("openvino")
    (tmp_path / engines.DOCUMENT).write_text(engines.document_of({}, 64, {"logits": (1, 4, 1)}))
    with pytest.raises(ValueError, match="damaged OpenVINO model"):
        load_model(tmp_path)
