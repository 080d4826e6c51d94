"""Import of the published models, compared with the LiteRT interpreter on real pictures."""

from __future__ import annotations

import zipfile

import cv2
import keras
import numpy as np
import pytest

from blazepose_tf.export import mediapipe
from blazepose_tf.models import load_model, save_model, without_training_heads
from blazepose_tf.models.cost import layer_costs
from blazepose_tf.models.heads import MEDIAPIPE_VALUES
from blazepose_tf.specs import HEATMAPS, INSIDE_FRAME, LANDMARKS, LOGITS, POSE_PRESENCE, REGRESSORS, SEGMENTATION

# Crop pixels, or logits; segmentation logits reach 1,300 and are compared relative to that.
TOLERANCE = {LANDMARKS: 0.005, REGRESSORS: 0.005, LOGITS: 0.01, HEATMAPS: 0.01, POSE_PRESENCE: 1e-4}
# Depths reach 340 crop pixels; float32 sums in another order, as another processor's kernels add, move them by 2e-5.
DEPTH_TOLERANCE = 0.01
PEERS = {
    "pose_detection_2020": "det_2020",
    "pose_detection_2021": "det_2021",
    "pose_landmark_full_2021": "ghum_full",
    "pose_landmark_full_body_2020": "full_2020",
    "pose_landmark_lite_2021": "ghum_lite",
    "pose_landmark_lite_2021_03": "lite_2021_03",
}


def peer(shared_dir, name: str) -> bytes:
    return (shared_dir / "peers" / f"{name}.tflite").read_bytes()


def picture(shared_dir, size: int, value_range: tuple[float, float]) -> np.ndarray:
    """(1, size, size, 3): the middle of a real photo."""
    path = sorted((shared_dir / "data").rglob("*.jpg"))[0]
    image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    side = min(image.shape[:2])
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    image = cv2.resize(image[top : top + side, left : left + side], (size, size), interpolation=cv2.INTER_AREA)
    low, high = value_range
    return (image.astype(np.float32) / 255 * (high - low) + low)[None]


def interpret(content: bytes, image: np.ndarray) -> list[np.ndarray]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    return [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.fixture(scope="module")
def lite(shared_dir):
    return mediapipe.import_model(peer(shared_dir, "pose_landmark_lite_2021_03"))


@pytest.mark.parametrize("name", PEERS)
def test_imported_models_compute_what_the_files_compute(name, shared_dir):
    content = peer(shared_dir, name)
    imported = mediapipe.import_model(content)
    assert imported.name == PEERS[name]
    spec = imported.description.spec
    image = picture(shared_dir, spec.input_size, spec.value_range)
    expected = interpret(content, image)
    results = {k: keras.ops.convert_to_numpy(v) for k, v in imported.model(image, training=False).items()}
    assert len(results) == len(expected)
    for output, value in results.items():
        if output == POSE_PRESENCE:
            value = sigmoid(value)
        reference = next(e for e in expected if e.shape == value.shape)
        scale = max(1.0, np.abs(reference).max()) if output == SEGMENTATION else 1.0
        allowed = np.full(value.shape, TOLERANCE.get(output, 1e-3) * scale)
        if output == LANDMARKS:
            allowed.reshape(-1, MEDIAPIPE_VALUES)[:, 2] = DEPTH_TOLERANCE
        off = np.abs(value - reference)
        assert (off <= allowed).all(), f"{output}: {off.max()}"


def test_an_imported_model_is_saved_with_its_contract(lite, shared_dir, tmp_path):
    assert lite.description.spec.mediapipe_head
    assert lite.description.spec.visibility == INSIDE_FRAME
    save_model(lite.model, tmp_path / "m.keras", lite.description)
    model, description = load_model(tmp_path / "m.keras")
    assert description == lite.description
    image = picture(shared_dir, 256, (0.0, 1.0))
    np.testing.assert_array_equal(model(image)[LANDMARKS], lite.model(image)[LANDMARKS])


def test_an_imported_model_can_be_cut_and_tuned(lite, shared_dir):
    import tensorflow as tf

    image = picture(shared_dir, 256, (0.0, 1.0))
    cut = without_training_heads(lite.model)
    assert HEATMAPS not in cut.output
    np.testing.assert_array_equal(cut(image)[LANDMARKS], lite.model(image)[LANDMARKS])
    with tf.GradientTape() as tape:
        # One picture's statistics would replace the imported ones: tuning runs with frozen normalisation.
        loss = tf.reduce_sum(cut(image, training=False)[LANDMARKS])
    gradients = tape.gradient(loss, cut.trainable_variables)
    heads = [
        g for w, g in zip(cut.trainable_variables, gradients, strict=True) if w.path.startswith("regression_r128_5")
    ]
    assert heads
    assert all(np.any(g.numpy()) for g in heads)


def test_heavy_is_expected_as_its_table_says():
    heavy = next(o for o in mediapipe.OFFICIAL if o.name == "ghum_heavy")
    model, _ = heavy.build()
    names = [c.name for c in layer_costs(model)]
    depthwise = sum(name.endswith("_depthwise") for name in names)
    assert (sum(name.endswith(("_conv", "_expand", "_project")) for name in names), depthwise) == heavy.convolutions
    assert tuple(sorted(int(np.prod(t.shape[1:])) for t in model.output.values())) == heavy.outputs


def test_bundles_and_wheels(shared_dir, tmp_path):
    small = peer(shared_dir, "pose_landmark_lite_2021")
    bundle = tmp_path / "pose_landmarker_lite.task"
    with zipfile.ZipFile(bundle, "w") as archive:
        archive.writestr("pose_landmarks_detector.tflite", small)
    assert mediapipe.find_models(bundle) == {"pose_landmarks_detector.tflite": small}
    wheel = tmp_path / "mediapipe-0.10.21-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("mediapipe/modules/face_detection/face.tflite", b"face")
        archive.writestr("mediapipe/modules/pose_landmark/pose_landmark_lite.tflite", small)
    assert list(mediapipe.find_models(wheel)) == ["mediapipe/modules/pose_landmark/pose_landmark_lite.tflite"]
    with zipfile.ZipFile(tmp_path / "none.task", "w") as archive:
        archive.writestr("a.txt", "a")
    with pytest.raises(ValueError, match="without pose models"):
        mediapipe.find_models(tmp_path / "none.task")


def test_installed_package_is_found_without_importing_it(tmp_path, monkeypatch):
    folder = tmp_path / "mediapipe" / "modules" / "pose_detection"
    folder.mkdir(parents=True)
    (tmp_path / "mediapipe" / "__init__.py").write_text("raise RuntimeError('imported')")
    (folder / "pose_detection.tflite").write_bytes(b"content")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert mediapipe.installed_models() == {"pose_detection.tflite": b"content"}
    (folder / "pose_detection.tflite").unlink()
    with pytest.raises(ImportError, match=r"pip install mediapipe==0\.10\.21"):
        mediapipe.installed_models()


@pytest.mark.parametrize(
    "damage",
    [lambda b: b"", lambda b: b"no model", lambda b: b[: len(b) // 2], lambda b: b[:8] + bytes(200)],
    ids=["empty", "text", "truncated", "zeros"],
)
def test_damaged_files_name_what_is_supported(damage, shared_dir):
    content = damage(peer(shared_dir, "pose_landmark_lite_2021"))
    with pytest.raises(ValueError, match=r"Supported are .*ghum_lite"):
        mediapipe.import_model(content)


def test_a_model_of_something_else_is_refused():
    import tensorflow as tf

    x = keras.Input((8, 8, 3), batch_size=1)
    model = keras.Model(x, keras.layers.Conv2D(200, 3)(x))
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    content = converter.convert()
    with pytest.raises(ValueError, match=r"not one of the published pose models.*\(1, 8, 8, 3\).*det_2020"):
        mediapipe.import_model(content)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    with pytest.raises(ValueError, match=r"float32 and float16 are supported\. Supported are"):
        mediapipe.import_model(converter.convert())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pose_detection_2021", "pose_landmark_full_body_2020"])
def test_an_imported_model_is_exported_again(name, shared_dir):
    from blazepose_tf.export.litert import parity, require_one_partition, to_litert

    imported = mediapipe.import_model(peer(shared_dir, name))
    spec = imported.description.spec
    content = to_litert(imported.model, spec, name=imported.name, precision="float16")
    require_one_partition(content)
    image = picture(shared_dir, spec.input_size, spec.value_range)[0]
    differences = {p.name: p.max for p in parity(imported.model, content, [image])}
    assert max(differences.get(n, 0.0) for n in (LANDMARKS, REGRESSORS)) <= TOLERANCE[LANDMARKS]
