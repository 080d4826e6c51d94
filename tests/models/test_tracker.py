"""Trackers: the contract, the heads' units, the stop-gradient, and transfer to other sizes and keypoints."""

from __future__ import annotations

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from blazepose_tf import topology
from blazepose_tf.models import build_tracker, without_training_heads
from blazepose_tf.models.heads import HEATMAP_BIAS
from blazepose_tf.models.mean_pose import mean_pose
from blazepose_tf.specs import ALIGNMENT, HEATMAPS, LANDMARKS, OFFSETS, POSE_PRESENCE, TrackerSpec

COCO = TrackerSpec(keypoint_names=topology.COCO_17)
GREY = np.full((1, 256, 256, 3), 0.5, np.float32)


@pytest.fixture(scope="module")
def tiny():
    return build_tracker(variant="tiny")


def test_contract_of_the_default_spec(check_contract):
    # The blocks of tiny, its heads on 24 x 4 inputs (66 + 33 + 4 + 1) and 8 inputs (33 + 66), with biases; four
    # values per normalised channel. The presence has 64 units more, on the 56 channels of three levels.
    outputs = {
        LANDMARKS: (33, 3),
        POSE_PRESENCE: (1,),
        ALIGNMENT: (2, 2),
        HEATMAPS: (64, 64, 33),
        OFFSETS: (64, 64, 66),
    }
    model = build_tracker(variant="tiny", stop_gradient=False)
    body = sum(w.shape.num_elements() for w in model.weights if w.path.split("_")[0] in ("f2", "f4", "f8", "f16", "f32",
               "decoder", "regression"))  # fmt: skip
    presence = 56 * 64 + 4 * 64 + 64 + 1
    check_contract(model, outputs, body + presence + (66 + 33 + 4 + 1) * (4 * 24 + 1) + 99 * (8 + 1))


def test_contract_with_depth_other_keypoints_world_and_segmentation(check_contract):
    spec = TrackerSpec(128, topology.COCO_17, depth=True)
    outputs = {
        LANDMARKS: (17, 4),
        POSE_PRESENCE: (1,),
        ALIGNMENT: (2, 2),
        "world_landmarks": (17, 3),
        "segmentation": (64, 64, 1),
    }
    model = build_tracker(spec, variant="tiny", training_heads=False, world=True, segmentation=True)
    check_contract(model, outputs, sum(int(np.prod(w.shape)) for w in model.weights))


def test_contract_of_the_mediapipe_head(check_contract):
    model = build_tracker(TrackerSpec(mediapipe_head=True), variant="tiny", training_heads=False)
    bias = model.get_layer("landmarks_0_conv").bias.numpy().reshape(39, 5)
    np.testing.assert_allclose(bias[33:35, :2], [[128, 128], [128, 25.6]], rtol=1e-6)
    assert (bias[:, 2:] == 0).all()
    check_contract(model, {LANDMARKS: (195,), POSE_PRESENCE: (1,)}, sum(int(np.prod(w.shape)) for w in model.weights))


def test_contract_of_the_second_family(check_contract):
    model = build_tracker(COCO, variant="ghum_lite")
    outputs = {
        LANDMARKS: (17, 3),
        POSE_PRESENCE: (1,),
        ALIGNMENT: (2, 2),
        HEATMAPS: (64, 64, 17),
        OFFSETS: (64, 64, 34),
    }
    check_contract(model, outputs, sum(int(np.prod(w.shape)) for w in model.weights))


def test_a_fresh_tracker_predicts_the_mean_pose(tiny):
    outputs = tiny(GREY, training=False)
    # Offsets are float16 pixels: an eighth apart between 128 and 256.
    np.testing.assert_allclose(outputs[LANDMARKS][0, :, :2], 256 * mean_pose(topology.KEYPOINTS), atol=1 / 16)
    np.testing.assert_allclose(outputs[ALIGNMENT][0], [[128, 128], [128, 25.6]], atol=1 / 64)
    assert outputs[POSE_PRESENCE][0, 0] == 0
    assert (outputs[LANDMARKS][0, :, 2].numpy() == 0).all()
    bias = tiny.get_layer("heatmaps_0_conv").bias.numpy()
    assert (bias == HEATMAP_BIAS).all()


def test_a_unit_of_the_coordinate_head_is_a_quarter_of_the_crop():
    model = build_tracker(COCO, variant="tiny", training_heads=False, mean_pose=np.full((17, 2), 0.25))
    head = model.get_layer("coordinates_0_conv")
    bias = np.zeros(34)
    bias[2 * topology.COCO_17.index("left_eye") + 1] = 0.5
    head.bias.assign(bias)
    points = model(GREY, training=False)[LANDMARKS][0].numpy()
    np.testing.assert_allclose(points[0, :2], [64, 64])
    np.testing.assert_allclose(points[1, :2], [64, 64 + 0.5 * 0.25 * 256])


def test_mean_pose_is_an_upright_person_facing_the_camera():
    pose = dict(zip(topology.KEYPOINTS, mean_pose(topology.KEYPOINTS), strict=True))
    np.testing.assert_allclose((pose["left_hip"] + pose["right_hip"]) / 2, 0.5)
    assert pose["nose"][1] < pose["left_shoulder"][1] < pose["left_hip"][1] < pose["left_knee"][1]
    for name in topology.KEYPOINTS:
        mirrored = pose[topology.mirrored_name(name)]
        np.testing.assert_allclose(mirrored, [1 - pose[name][0], pose[name][1]], atol=1e-6)
        assert ("left" in name) <= (pose[name][0] > 0.5)
        assert np.hypot(*(pose[name] - 0.5)) <= 0.4
    np.testing.assert_array_equal(mean_pose(["keypoint_7"]), [[0.5, 0.5]])


@pytest.mark.parametrize("stop", [True, False])
def test_stop_gradient_shields_the_heatmap_features(stop, tmp_path):
    import tensorflow as tf

    model = build_tracker(TrackerSpec(128), variant="tiny", stop_gradient=stop)
    for name in ("coordinates_0_conv", "visibility_0_conv"):
        kernel = model.get_layer(name).kernel
        kernel.assign(np.random.default_rng(0).normal(size=kernel.shape))
    model.save(tmp_path / "m.keras")
    batch = np.random.default_rng(0).uniform(size=(2, 128, 128, 3)).astype(np.float32)
    for candidate in (model, keras.models.load_model(tmp_path / "m.keras")):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(candidate(batch, training=True)[LANDMARKS] ** 2)
        gradients = tape.gradient(loss, [w.value for w in candidate.trainable_variables])
        reached = {w.path.split("_")[0] for w, g in zip(candidate.trainable_variables, gradients, strict=True)
                   if g is not None and np.any(g.numpy())}  # fmt: skip
        features = {"f2", "f4", "f8", "f16", "f32", "decoder"}
        assert "regression" in reached
        assert features & reached == (set() if stop else features)


def test_without_training_heads_keeps_the_landmarks(tiny):
    image = np.random.default_rng(0).uniform(size=(1, 256, 256, 3)).astype(np.float32)
    cut = without_training_heads(tiny)
    assert set(cut.output) == {LANDMARKS, POSE_PRESENCE, ALIGNMENT}
    np.testing.assert_array_equal(cut(image)[LANDMARKS], tiny(image)[LANDMARKS])
    with pytest.raises(ValueError, match="training heads only"):
        without_training_heads(build_tracker(TrackerSpec(128), variant="tiny", regression=False))


def test_low_resolution_pretraining_model_has_the_same_layer_names(tiny):
    small = build_tracker(TrackerSpec(128), variant="tiny", regression=False)
    assert {k: v.shape[1:] for k, v in small.output.items()} == {HEATMAPS: (32, 32, 33), OFFSETS: (32, 32, 66)}
    shapes = {w.path: tuple(w.shape) for w in tiny.weights}
    assert {w.path: tuple(w.shape) for w in small.weights}.items() <= shapes.items()


def test_mixed_precision_computes_heads_in_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = build_tracker(TrackerSpec(128), variant="tiny")
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.get_layer("f8_0_project").compute_dtype == "bfloat16"
    outputs = model(np.zeros((1, 128, 128, 3), np.float32), training=True)
    assert {v.dtype.name for v in outputs.values()} == {"float32"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"variant": "ful"}, "variant='ful'"),
        ({"training_heads": False, "regression": False}, "no output"),
        ({"world": True, "regression": False}, "need regression"),
        ({"mean_pose": np.zeros((3, 2))}, r"\(33, 2\)"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        build_tracker(TrackerSpec(128), **({"variant": "tiny"} | arguments))


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_compute_the_same(backend, tiny, tmp_path):
    pytest.importorskip(backend)
    image = np.random.default_rng(0).uniform(size=(1, 256, 256, 3)).astype(np.float32)
    tiny.save(tmp_path / "m.keras")
    np.save(tmp_path / "image.npy", image)
    code = (
        "import sys, keras, numpy as np; from blazepose_tf.models import build_tracker; build_tracker(variant='tiny')\n"
        f"model = keras.models.load_model(r'{tmp_path}/m.keras')\n"
        f"np.savez(r'{tmp_path}/y.npz', **model.predict(np.load(r'{tmp_path}/image.npy'), verbose=0))\n"
        "print('tensorflow' in sys.modules)"
    )
    environment = {"KERAS_BACKEND": backend}
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split()[-1] == "False"
    with np.load(tmp_path / "y.npz") as result:
        for name, value in tiny(image, training=False).items():
            np.testing.assert_allclose(result[name], value, rtol=1e-4, atol=1e-3)
