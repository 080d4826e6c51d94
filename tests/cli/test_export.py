"""`blazepose export` and `blazepose inspect`, as real processes."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest


def blazepose(*arguments: object):
    return subprocess.run(
        [sys.executable, "-m", "blazepose_tf", *map(str, arguments)], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    from blazepose_tf.models import Description, build_tracker, save_weights
    from blazepose_tf.specs import TrackerSpec

    spec = TrackerSpec(input_size=128)
    path = tmp_path_factory.mktemp("weights") / "tiny.npz"
    save_weights(build_tracker(spec, variant="tiny"), path, description=Description("tiny", spec))
    return path


def test_export_and_inspect(weights, tmp_path):
    output = tmp_path / "tiny.tflite"
    result = blazepose("export", f"--model={weights}", f"--output={output}", "--crops=2")
    assert result.returncode == 0, result.stderr
    assert "partitions: 1 (XNNPACK), nothing left over" in result.stdout
    assert "parity landmarks: max" in result.stdout
    result = blazepose("inspect", "--json", output)
    assert result.returncode == 0, result.stderr
    (found,) = json.loads(result.stdout)
    assert found["size"] == output.stat().st_size
    assert found["metadata"]["model"] == "tiny"
    assert found["partitions"] == {"count": 1, "left_over": {}}
    assert [t["name"] for t in found["outputs"]] == ["alignment", "heatmaps", "landmarks", "pose_presence"]


def test_a_files_detections_begin_where_it_was_told(tmp_path):
    from blazepose_tf.runtime.detector import Detector

    output = tmp_path / "detector.tflite"
    result = blazepose("export", "--model=blazeface", f"--output={output}", "--score_threshold=0.37", "--crops=2")
    assert result.returncode == 0, result.stderr
    assert Detector(output).threshold == 0.37


def test_a_bundle_takes_the_threshold_for_its_detector(tmp_path):
    import keras

    from blazepose_tf.export import sources, task_bundle
    from blazepose_tf.runtime.interpreter import load_model

    output = tmp_path / "pose.task"
    flags = ["--model=lite", "--detector=blazeface", f"--output={output}", "--score_threshold=0.37"]
    result = blazepose("export", *flags)
    assert result.returncode == 0, result.stderr
    with zipfile.ZipFile(output) as archive:
        written = load_model(archive.read(task_bundle.DETECTOR_MEMBER))
    model, description = sources.open_source("blazeface")
    fitted, _ = task_bundle.task_detector(model, description.with_score_threshold(0.37))
    image = np.full((224, 224, 3), 96, np.uint8)
    found = written(image, (-1.0, 1.0), ("logits",))["logits"].ravel()
    expected = fitted(image[None] / np.float32(127.5) - 1.0, training=False)["logits"]
    np.testing.assert_allclose(found, keras.ops.convert_to_numpy(expected).ravel(), atol=0.05)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--output=x.tflite"], "no folder"),
        (["--output={folder}/x.abc"], "names no format"),
        (["--output={folder}/x.task"], "--format=task needs --detector"),
        (["--output={folder}/x.tflite", "--score_threshold=0.4"], "only a detector has a score_threshold"),
    ],
)
def test_mistakes_are_one_line(arguments, message, weights, tmp_path):
    arguments = [a.format(folder=tmp_path) for a in arguments]
    if message == "no folder":
        arguments = [f"--output={tmp_path}/nowhere/x.tflite"]
    result = blazepose("export", f"--model={weights}", *arguments)
    assert result.returncode == 1
    (line,) = [text for text in result.stderr.splitlines() if text.startswith("error:")]
    assert message in line
    assert not list(tmp_path.iterdir())


def test_inspect_takes_shipped_names_and_open_shapes(tiny_file, tmp_path):
    from blazepose_tf.tflite import packing

    model = packing.unpack(tiny_file.read_bytes())
    image = model.subgraphs[0].tensors[model.subgraphs[0].inputs[0]]
    image.shapeSignature = np.array([-1, *image.shape[1:]], np.int32)
    (tmp_path / "open.tflite").write_bytes(packing.pack(model))
    result = blazepose("inspect", "blazeface", tmp_path / "open.tflite")
    assert result.returncode == 0, result.stderr
    shipped, open_shape = result.stdout.split("\n\n")
    assert shipped.startswith("blazeface: ") and "M MACs" in shipped
    assert "dynamic shape, no cost" in open_shape and "MACs" not in open_shape


def test_inspect_tells_how_a_file_was_made(tiny_file, tmp_path):
    from blazepose_tf.runtime.metadata import write_metadata

    document = {
        "model": "tiny",
        "quantization": {"weights": "int8", "calibration": {"data": "rendered people", "pictures": 7}},
        "training_data": [{"name": "coco2017", "people": 4, "licence": "CC BY 4.0"}, {"name": "own", "people": 2}],
    }
    (tmp_path / "told.tflite").write_bytes(write_metadata(tiny_file.read_bytes(), document))
    lines = blazepose("inspect", tmp_path / "told.tflite").stdout.splitlines()
    assert "  quantization: calibration (data rendered people, pictures 7), weights int8" in lines
    assert "  training data: name coco2017, people 4, licence CC BY 4.0" in lines
    assert "  training data: name own, people 2" in lines


def test_inspect_takes_the_name_of_a_shipped_model():
    result = blazepose("inspect", "lite")
    assert result.returncode == 0 and "lite: 2.68 MB" in result.stdout and result.stderr == ""


def test_inspect_of_what_is_no_model(tmp_path):
    (tmp_path / "x.tflite").write_bytes(b"nothing of the kind")
    result = blazepose("inspect", tmp_path / "x.tflite")
    assert result.returncode == 1
    assert "error: " in result.stderr
    assert "x.tflite: not a LiteRT model" in result.stderr
    assert blazepose("inspect").returncode == 1
