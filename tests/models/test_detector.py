"""Detectors: the contract, anchor order, units, and what a cell sees."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest

from blazepose_tf.models import build_detector
from blazepose_tf.models.presets import DETECTORS
from blazepose_tf.specs import DETECTOR_2020, LOGITS, REGRESSORS, DetectorSpec


@pytest.fixture(scope="module")
def blazeface():
    return build_detector(DetectorSpec(128))


def test_contract_of_blazeface(blazeface, check_contract):
    outputs = {REGRESSORS: (256, 8), LOGITS: (256, 1)}
    check_contract(build_detector(DetectorSpec(128)), outputs, blazeface.count_params())


def test_contract_of_the_published_detectors(check_contract):
    model = build_detector(variant="det_2020")
    outputs = {REGRESSORS: (896, 12), LOGITS: (896, 1)}
    # 763,288 of the file, less 3,680 zero biases, and three more values per normalised channel (3,704 of them).
    channels = sum(w.shape[0] for w in model.weights if w.path.endswith("gamma"))
    check_contract(model, outputs, 763_288 - 3_680 + 3 * channels)
    shapes = {k: v.shape[1:] for k, v in build_detector(variant="det_2021").output.items()}
    assert shapes == {REGRESSORS: (2254, 12), LOGITS: (2254, 1)}


@pytest.mark.parametrize("size", [128, 160, 192, 224])
def test_number_of_anchors_follows_the_spec(size):
    model = build_detector(DetectorSpec(size))
    assert model.output[REGRESSORS].shape[1:] == (DetectorSpec(size).num_anchors, 8)


def test_what_the_backbone_saw_is_said_to_every_anchor():
    """Zero to begin with, so that older weights say what they said; then a picture's own nats for all of its anchors,
    in a batch of as many pictures as a cell has anchors, too."""
    model = build_detector(dataclasses.replace(DETECTORS["blazeface"].spec, input_size=128))
    pictures = np.random.default_rng(0).uniform(size=(2, 128, 128, 3)).astype(np.float32)
    before = model(pictures, training=False)[LOGITS].numpy()
    layer = model.get_layer("presence_2_0_conv")
    assert not layer.kernel.numpy().any()
    layer.kernel.assign(np.ones(layer.kernel.shape))
    said = model.get_layer("presence_2_0_conv").output
    said = keras.Model(model.input, said)(pictures, training=False).numpy().reshape(2, 1, 1)
    assert abs(said[0] - said[1]) > 1e-3
    after = model(pictures, training=False)[LOGITS].numpy()
    np.testing.assert_allclose(after - before, np.broadcast_to(said, after.shape), rtol=1e-3, atol=1e-4)


def test_a_fresh_detector_believes_in_few_persons(blazeface):
    logits = blazeface(np.zeros((1, 128, 128, 3), np.float32), training=False)[LOGITS]
    np.testing.assert_allclose(logits, -np.log(99), atol=0.5)


def test_anchors_run_row_major_and_values_are_pixels():
    model = build_detector(DetectorSpec(128))
    # Only the bias of the box centre's x speaks: 0.5 of a unit of a quarter of the side.
    for layer in model.layers:
        if layer.name == "regressors_0_conv":
            layer.kernel.assign(np.zeros(layer.kernel.shape))
            layer.bias.assign([0.5, 0, 0, 0, 0, 0, 0, 0])
    values = model(np.zeros((1, 128, 128, 3), np.float32), training=False)[REGRESSORS][0].numpy()
    np.testing.assert_allclose(values[:, 0], 0.5 * 0.25 * 128)
    assert (values[:, 1:] == 0).all()


def test_every_cell_sees_the_whole_body(blazeface):
    import tensorflow as tf

    rng = np.random.default_rng(0)
    image = tf.constant(rng.uniform(size=(1, 128, 128, 3)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(image)
        # Cell in row 1, column 8: top middle, where a face is.
        value = tf.reduce_sum(blazeface(image, training=False)[REGRESSORS][0, 1 * 16 + 8])
    gradient = np.abs(tape.gradient(value, image).numpy())[0].sum(-1)
    assert (gradient[-16:, 32:96] > 0).mean() > 0.9


@pytest.mark.parametrize(
    ("spec", "variant", "message"),
    [
        (None, "blaze", "variant='blaze'"),
        (DETECTOR_2020, "blazeface", "strides"),
        (DetectorSpec(136), "blazeface", "multiple of 32"),
    ],
)
def test_wrong_arguments(spec, variant, message):
    with pytest.raises(ValueError, match=message):
        build_detector(spec, variant=variant)
