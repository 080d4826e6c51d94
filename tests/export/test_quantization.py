"""Quantised files: structure, ranges, and that equalisation changes nothing but the ranges."""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf.export import equalization, quantization
from blazepose_tf.export.inspection import inspect
from blazepose_tf.runtime.interpreter import load_model
from blazepose_tf.tflite import graph, packing

pytest.importorskip("ai_edge_quantizer")


@pytest.fixture(scope="module")
def ranges(tiny_file, pictures):
    return quantization.calibrate(tiny_file, pictures, percentile=100.0)


def test_ranges_are_those_of_the_tensors(tiny_file, pictures, ranges):
    lowest, highest = ranges["serving_default_image:0"]
    assert (lowest, highest) == (
        pytest.approx(min(p.min() for p in pictures)),
        pytest.approx(max(p.max() for p in pictures)),
    )
    outputs = [load_model(tiny_file).infer(p)["pose_presence"].item() for p in pictures]
    found = [r for r in ranges.values() if r == (pytest.approx(min(outputs)), pytest.approx(max(outputs)))]
    assert found


def test_percentiles_cut_activations_but_neither_picture_nor_outputs(tiny_file, pictures, ranges):
    cut = quantization.calibrate(tiny_file, pictures, percentile=90.0)
    assert cut["serving_default_image:0"] == ranges["serving_default_image:0"]
    narrower = sum(cut[name][1] < ranges[name][1] for name in ranges)
    assert narrower > len(ranges) / 2


@pytest.mark.parametrize("precision", quantization.QUANTIZED)
def test_one_partition_and_the_promised_types(precision, tiny_file, ranges):
    content = quantization.quantize(tiny_file, precision, ranges=ranges)
    found = inspect(content)
    assert found.partitions.fully_delegated
    assert not found.unlisted
    assert not found.faults
    assert {t.dtype for t in found.outputs} == {"float32"}
    assert [t.dtype for t in found.inputs] == ["int8" if precision == "int8" else "float32"]
    if precision == "int8":  # 0 and 1 are exact: the quantised picture is the uint8 picture, shifted
        assert found.inputs[0].zero_point == -128
    assert found.precision.startswith("int8")


def test_bodies_are_integer_and_heads_float(tiny_file, ranges):
    model = packing.unpack(quantization.quantize(tiny_file, "int8", ranges=ranges, float_cells=0))
    name, tensors = packing.names(model), model.subgraphs[0].tensors
    kinds = {}
    for operator in model.subgraphs[0].operators:
        if graph.kind_of(model, operator) == "CONV_2D":
            kinds[name(int(operator.outputs[0]))] = tensors[int(operator.outputs[0])].type
    heads = ("coordinates", "visibility", "alignment_", "presence_0_conv", "presence_2_0_conv")
    floats = [n for n, kind in kinds.items() if kind == 0]
    assert len(floats) == len(heads)
    assert all(any(h in n for n in floats) for h in heads)


def test_small_features_stay_float(tiny_file):
    convolutions, _ = quantization.float_operations(tiny_file, 4)
    heads, _ = quantization.float_operations(tiny_file, 0)
    assert set(heads) < set(convolutions)
    model = packing.unpack(tiny_file)
    name = packing.names(model)
    shapes = {name(i): t.shape for i, t in enumerate(model.subgraphs[0].tensors) if t.shape is not None}
    sides = {key: shape[1] for key, shape in shapes.items() if len(shape) == 4}
    assert max(sides[c] for c in convolutions) <= 4


def test_integers_follow_the_float_file(tiny_file, pictures, ranges):
    """On the pictures it was calibrated on; an untrained network amplifies rounding, hence the wide limit."""
    exact, coarse = load_model(tiny_file), load_model(quantization.quantize(tiny_file, "int8", ranges=ranges))
    for picture in pictures:
        a, b = exact.infer(picture)["landmarks"], coarse.infer(picture)["landmarks"]
        assert np.abs(a - b)[..., :2].mean() < 0.15 * np.abs(a[..., :2] - a[..., :2].mean(axis=1)).mean()


def test_wrong_requests_are_refused(tiny_file, pictures):
    with pytest.raises(ValueError, match="int8 needs the ranges"):
        quantization.quantize(tiny_file, "int8")
    with pytest.raises(ValueError, match="precision must be one of"):
        quantization.quantize(tiny_file, "int4")
    with pytest.raises(ValueError, match="percentile must be within"):
        quantization.calibrate(tiny_file, pictures, percentile=0.0)
    with pytest.raises(ValueError, match="at least one picture"):
        quantization.calibrate(tiny_file, [])


def test_equalisation_keeps_the_function_and_evens_the_channels(tiny_file, pictures):
    equalized = equalization.equalize(tiny_file, pictures)
    before, after = load_model(tiny_file), load_model(equalized)
    for picture in pictures:
        a, b = before.infer(picture), after.infer(picture)
        for name in a:
            np.testing.assert_allclose(b[name], a[name], rtol=1e-4, atol=1e-3)

    def spread(content: bytes) -> float:
        model = packing.unpack(content)
        pairs = equalization._pairs(model)
        assert pairs
        largest = equalization._largest(content, [int(f.outputs[0]) for f, _ in pairs], pictures)
        return float(np.mean([np.log(np.maximum(v, 1e-6)).std() for v in largest.values()]))

    assert spread(equalized) < 0.8 * spread(tiny_file)


def test_factors_by_hand():
    """Activations 1 and 4 read by equal weights: factors 0.5 and 2 over their mean logarithm, i.e. sqrt(1), sqrt(4)."""
    factor = equalization._factors(np.array([1.0, 4.0]), np.ones((3, 1, 1, 2)))
    np.testing.assert_allclose(factor, [np.sqrt(0.5), np.sqrt(2.0)], rtol=1e-6)


def test_packing_is_lossless_and_names_what_is_no_model(tiny_file, pictures):
    again = packing.pack(packing.unpack(tiny_file))
    for picture in pictures[:1]:
        a, b = load_model(tiny_file).infer(picture), load_model(again).infer(picture)
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])
    assert load_model(again).metadata == load_model(tiny_file).metadata
    with pytest.raises(ValueError, match="TFL3"):
        packing.unpack(b"no model at all")
