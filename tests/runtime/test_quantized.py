"""Files with int8 or uint8 inputs and outputs: quantized on the way in, dequantized on the way out."""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf import specs
from blazepose_tf.runtime import metadata
from blazepose_tf.runtime.interpreter import load_model
from blazepose_tf.runtime.tracker import Tracker

SIZE = 128


@pytest.fixture(scope="module")
def converted():
    """A small network with our outputs, as float and as fully quantized files with int8 and uint8 tensors."""
    tf = pytest.importorskip("tensorflow")
    rng = np.random.default_rng(0)
    kernel = tf.constant(rng.normal(0, 0.1, (8, 8, 3, 4)), tf.float32)
    heads = {
        specs.LANDMARKS: ((1, 33, 3), 40.0),
        specs.POSE_PRESENCE: ((1, 1), 1.0),
        specs.ALIGNMENT: ((1, 2, 2), 30.0),
    }
    matrices = {
        name: tf.constant(rng.normal(0, scale, (256, int(np.prod(shape)))), tf.float32)
        for name, (shape, scale) in heads.items()
    }

    @tf.function(input_signature=[tf.TensorSpec((1, SIZE, SIZE, 3), tf.float32, name="image")])
    def network(image):
        feature = tf.nn.relu6(tf.nn.conv2d(image, kernel, 8, "VALID"))
        flat = tf.reshape(tf.nn.avg_pool2d(feature, 2, 2, "VALID"), (1, 256))
        return {name: tf.reshape(tf.matmul(flat, matrices[name]), shape) for name, (shape, _) in heads.items()}

    module = tf.Module()
    module.network = network
    pictures = [np.clip(rng.normal(0.5, 0.3, (1, SIZE, SIZE, 3)), 0, 1).astype(np.float32) for _ in range(8)]

    def convert(dtype=None):
        converter = tf.lite.TFLiteConverter.from_concrete_functions([network.get_concrete_function()], module)
        if dtype is not None:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: ([p] for p in pictures)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = dtype
        document = metadata.metadata_of(specs.TrackerSpec(input_size=SIZE), model="small")
        return metadata.write_metadata(converter.convert(), document)

    return convert(), {"int8": convert(tf.int8), "uint8": convert(tf.uint8)}, pictures


@pytest.mark.parametrize("kind", ["int8", "uint8"])
def test_quantized_outputs_are_close_to_float(converted, kind):
    plain, quantized, pictures = converted
    a, b = load_model(plain), load_model(quantized[kind])
    assert b.output_shapes == a.output_shapes and b.metadata["model"] == "small"
    for picture in pictures:
        crop = np.round(picture[0] * 255).astype(np.uint8)
        exact, coarse = a(crop), b(crop)
        for name, value in exact.items():
            assert coarse[name].dtype == np.float32
            # One step of int8 over the whole range is 0.8 %; input, weights and output each add some.
            assert np.abs(coarse[name] - value).max() < 0.05 * max(np.abs(exact[name]).max(), 1.0), name
        # The table for pictures and the quantizer for float input agree exactly.
        same = b.infer(crop[None].astype(np.float32) / 255.0)
        for name, value in coarse.items():
            assert np.abs(same[name] - value).max() <= 0.02 * np.abs(value).max(), name


def test_a_quantized_tracker_runs_in_the_runtime(converted):
    plain, quantized, pictures = converted
    image = np.round(pictures[0][0] * 255).astype(np.uint8)
    region = np.array([64.0, 64.0, 128.0, 0.0])
    a, b = Tracker(plain)(image, region), Tracker(quantized["int8"])(image, region)
    assert np.abs(a.points - b.points).max() < 0.05 * np.abs(a.points).max()
    assert abs(a.pose_presence - b.pose_presence) < 0.05
