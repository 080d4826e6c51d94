"""Exports prove themselves; nothing is written when they fail."""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf.export import accuracy, crops, exporting, litert
from blazepose_tf.export.engine_inspection import inspect_engine
from blazepose_tf.export.inspection import inspect
from blazepose_tf.models import Description, build_tracker
from blazepose_tf.runtime.interpreter import load_model
from blazepose_tf.runtime.tracker import Tracker
from blazepose_tf.specs import ALIGNMENT, LANDMARKS, POSE_PRESENCE, TrackerSpec


def quiet(_: str) -> None:
    """No progress."""


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_litert_files_carry_their_contract(precision, tiny, tmp_path):
    model, description = tiny
    path = tmp_path / "tiny.tflite"
    options = exporting.Options(precision=precision, crops=2)
    proof = exporting.export(model, description, path, options, progress=quiet)
    assert [p.name for p in tmp_path.iterdir()] == ["tiny.tflite"]
    assert {p.name for p in proof.parities} == {LANDMARKS, POSE_PRESENCE, ALIGNMENT}
    assert max(p.max for p in proof.parities) < (1e-3 if precision == "float32" else 5.0)
    assert proof.inspection.partitions.fully_delegated
    assert proof.size == path.stat().st_size
    assert Tracker(path).spec == description.spec
    assert load_model(path).metadata["precision"] == precision


def test_chosen_outputs_only(tiny):
    model, _ = tiny
    assert set(litert.deployed(model, [LANDMARKS]).output) == {LANDMARKS}
    with pytest.raises(ValueError, match="outputs must be among"):
        litert.deployed(model, ["elbow"])


@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_refined_files_need_no_heatmaps_and_stay_one_partition(precision, tmp_path):
    spec = TrackerSpec(input_size=128)
    model = build_tracker(spec, variant="tiny", training_heads=True)
    path = tmp_path / "refined.tflite"
    options = exporting.Options(precision=precision, refine=True, crops=2, calibration_crops=2)
    proof = exporting.export(model, Description("tiny", spec), path, options, progress=quiet)
    assert proof.inspection.partitions.fully_delegated
    assert {p.name for p in proof.parities} == {LANDMARKS, POSE_PRESENCE, ALIGNMENT}
    assert not Tracker(path).refine


def test_onnx_runs_in_the_runtime_at_any_batch(tiny, tiny_file, tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("tf2onnx")
    model, description = tiny
    path = tmp_path / "tiny.onnx"
    options = exporting.Options(format="onnx", dynamic_batch=True, crops=2)
    proof = exporting.export(model, description, path, options, progress=quiet)
    assert max(p.max for p in proof.parities) < 1e-3
    document = onnx.load(path)
    assert [(i.domain, i.version) for i in document.opset_import] == [("", 17)]
    found = inspect_engine(path)
    assert (found.engine, found.precision, found.input_size) == ("onnxruntime", "float32", 128)
    assert found.operations["Conv"] == sum(n for k, n in inspect(tiny_file).operations.items() if "CONV_2D" in k)
    opened = load_model(path)
    batch = np.random.default_rng(0).uniform(size=(3, 128, 128, 3)).astype(np.float32)
    expected = model(batch, training=False)
    for name, value in opened.infer(batch).items():
        np.testing.assert_allclose(value, expected[name], atol=1e-3)
    assert Tracker(path).spec == description.spec


def test_saved_models_go_to_a_new_folder(tiny, tmp_path):
    model, description = tiny
    options = exporting.Options(format="saved_model", crops=1)
    proof = exporting.export(model, description, tmp_path / "saved", options, progress=quiet)
    assert (tmp_path / "saved" / "saved_model.pb").is_file()
    assert max(p.max for p in proof.parities) < 1e-3
    with pytest.raises(FileExistsError):
        exporting.export(model, description, tmp_path / "saved", options, progress=quiet)


def test_operations_off_the_list_are_named(tmp_path):
    import keras

    from blazepose_tf.models import Description
    from blazepose_tf.specs import DetectorSpec

    image = keras.Input((64, 64, 3), name="image")
    x = keras.layers.Conv2D(8, 3, strides=8, padding="same")(image)
    x = keras.ops.cumsum(x, axis=1)  # CUMSUM: XNNPACK does not take it
    model = keras.Model(image, {"logits": keras.layers.Reshape((64, 8))(x)})
    description = Description("odd", DetectorSpec(64, (8,), (1,)))
    with pytest.raises(ValueError, match="CUMSUM"):
        exporting.export(model, description, tmp_path / "x.tflite", exporting.Options(crops=1), progress=quiet)
    assert not list(tmp_path.iterdir())


def test_options_that_contradict_each_other():
    with pytest.raises(ValueError, match="onnx files are float32"):
        exporting.Options(format="onnx", precision="int8")
    with pytest.raises(ValueError, match="max_drop needs"):
        exporting.Options(max_drop=1.0)
    with pytest.raises(ValueError, match="dynamic_batch is for ONNX"):
        exporting.Options(dynamic_batch=True)
    with pytest.raises(ValueError, match="precision must be one of"):
        exporting.Options(precision="int4")


def test_a_drop_beyond_the_limit_is_an_error_that_says_what_fell():
    rows = [accuracy.Row("PCK@0.2", 80.0, 78.5), accuracy.Row("visibility F1", 90.0, 90.2)]
    assert [row.drop for row in rows] == pytest.approx([1.5, -0.2])
    accuracy.require_drop(rows, 1.5)
    with pytest.raises(ValueError, match=r"PCK@0.2 80.00 -> 78.50 \(-1.50\); nothing was written"):
        accuracy.require_drop(rows, 1.0)


def test_accuracy_of_float16_equals_float32(tiny, testdata_dir):
    """Rendered people: the tiny network is untrained, so only the difference of the two files is meaningful."""
    model, description = tiny
    content = litert.to_litert(model, description.spec, name="tiny")
    rows = accuracy.compare(content, content, description.spec, testdata_dir / "people" / "people.json", limit=4)
    assert {r.metric for r in rows} == {accuracy.PCK, accuracy.PCK_33, accuracy.VISIBILITY}
    assert all(row.drop == 0 for row in rows)


def test_inspection_of_official_files(shared_dir):
    found = inspect(shared_dir / "peers" / "pose_landmark_full_body_2020.tflite")
    assert (found.precision, found.weights, found.metadata) == ("float16", pytest.approx(3_457_636, rel=0.01), None)
    assert found.signatures == ()
    assert found.partitions.fully_delegated
    assert [t.shape for t in found.inputs] == [(1, 256, 256, 3)]


@pytest.mark.parametrize("damage", ["head", "text"])
def test_inspection_of_damaged_files(damage, tiny_file, tmp_path):
    path = tmp_path / "x.tflite"
    path.write_bytes(tiny_file[: len(tiny_file) // 3] if damage == "head" else b"x" * 100)
    with pytest.raises(ValueError, match=r"x\.tflite: (damaged or unsupported|not a) LiteRT model"):
        inspect(path)


@pytest.mark.slow
def test_imported_tracker_keeps_its_accuracy_in_integers(shared_dir):
    """The whole way on real crops: published weights, calibrated on people other than those that are measured."""
    pytest.importorskip("ai_edge_quantizer")
    from blazepose_tf.export import sources

    data = shared_dir / "data" / "tracker"
    model, description = sources.open_source(shared_dir / "peers" / "pose_landmark_lite_2021_03.tflite")
    kept = (LANDMARKS, POSE_PRESENCE)
    options = exporting.Options(
        precision="int8", outputs=kept, calibration=str(data / "train.json"), calibration_crops=40
    )
    model = litert.deployed(model, kept)
    content = exporting.convert(model, description, options, progress=quiet)
    assert len(content) <= 1.8e6
    reference = litert.to_litert(model, description.spec, name="lite")
    picture = next(crops.crops(description.spec, count=1, data=data / "val.json"))
    values = crops.to_inputs(picture, description.spec)
    a, b = (load_model(c).infer(values)[LANDMARKS].reshape(39, 5)[:33, :2] for c in (reference, content))
    assert np.abs(a - b).mean() < 6.0  # crop pixels of 256
    rows = accuracy.compare(content, reference, description.spec, data / "val.json", limit=60)
    assert all(row.drop < 4.0 for row in rows), rows  # 60 people: a point is worth 0.1 %
