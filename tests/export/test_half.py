"""Float16 files with float32 biases."""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf.export import exporting, half, litert
from blazepose_tf.export.inspection import inspect
from blazepose_tf.runtime.interpreter import load_model
from blazepose_tf.specs import LANDMARKS


@pytest.fixture(scope="module")
def contents(tiny):
    """(float16, float32, float16 with float32 biases) of a tracker whose biases are as large as trained ones."""
    model, description = tiny
    rng = np.random.default_rng(5)
    kept = model.get_weights()
    for weight in model.weights:
        # Landmarks know nothing of the presence.
        if weight.path.endswith(("bias", "beta")) and not weight.path.startswith("presence"):
            weight.assign(rng.normal(0, 1, weight.shape))
    try:
        full = litert.to_litert(model, description.spec, name="tiny")
        stored = litert.to_litert(model, description.spec, name="tiny", precision="float16")
        options = exporting.Options(precision="float16", float_biases=True)
        mixed = exporting.convert(model, description, options, progress=lambda _: None)
    finally:
        model.set_weights(kept)
    return stored, full, mixed


def test_what_half_precision_costs_is_mostly_its_biases(contents, pictures):
    stored, full, mixed = contents
    expected = [load_model(full).infer(p)[LANDMARKS] for p in pictures]
    plain, float_biases = (
        np.mean([np.abs(load_model(c).infer(p)[LANDMARKS] - e) for p, e in zip(pictures, expected, strict=True)])
        for c in (stored, mixed)
    )
    assert float_biases < 0.8 * plain
    found = inspect(mixed)
    assert found.partitions.fully_delegated and not found.faults and found.precision == "float16"
    assert len(stored) < len(mixed) < 1.1 * len(stored)
    assert found.metadata["quantization"] == {"weights": "float16", "biases": "float32"}


def test_files_of_different_models_are_refused(contents, tiny_file):
    stored, full, _ = contents
    with pytest.raises(ValueError, match="the biases of the float16 file are not those of the float32 file"):
        half.with_float_biases(stored, tiny_file)
    with pytest.raises(ValueError, match="float_biases is for float16 LiteRT files"):
        exporting.Options(precision="int8", float_biases=True)
    # Nothing to exchange: the float32 file stays what it is.
    assert len(half.with_float_biases(full, full)) == len(full)
