"""Models for other engines: the same numbers, in the same pipeline."""

from __future__ import annotations

import importlib.util
import json

import numpy as np
import pytest

from blazepose_tf.evaluation import adapters
from blazepose_tf.export import exporting
from blazepose_tf.runtime import engines
from blazepose_tf.runtime.interpreter import load_model
from blazepose_tf.runtime.pipeline import PosePipeline
from blazepose_tf.runtime.tracker import Tracker


@pytest.fixture(scope="module", params=["openvino", "ncnn"])
def folder(request, tiny, tmp_path_factory):
    """An exported tiny tracker."""
    pytest.importorskip("tf2onnx")
    pytest.importorskip(request.param)
    if request.param == "ncnn" and importlib.util.find_spec("pnnx") is None:
        pytest.skip("converting to ncnn needs pnnx: pip install --no-deps pnnx")
    path = tmp_path_factory.mktemp("folders") / f"tiny_{request.param}"
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


def test_nothing_appears_under_a_name_that_is_taken(folder, tiny):
    before = adapters.sha256(folder)
    with pytest.raises(FileExistsError, match="exists already"):
        exporting.export(*tiny, folder, exporting.Options(format="openvino", crops=1), progress=lambda _: None)
    assert adapters.sha256(folder) == before
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
