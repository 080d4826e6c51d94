"""What is saved computes in float32, whatever precision it was trained in."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from blazepose_tf.models import build_detector, build_tracker
from blazepose_tf.models.saving import Description, in_float32, load_model, save_model
from blazepose_tf.specs import DetectorSpec, TrackerSpec


def tracker():
    spec = TrackerSpec(input_size=128)
    return build_tracker(spec, variant="tiny"), Description("tiny", spec)


def detector():
    spec = DetectorSpec(input_size=128)
    return build_detector(spec), Description("blazeface", spec)


@pytest.fixture(params=[tracker, detector])
def pair(request):
    """The same weights in float32 and in mixed precision, and their description."""
    plain, description = request.param()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed, _ = request.param()
    finally:
        keras.config.set_dtype_policy("float32")
    mixed.set_weights(plain.get_weights())
    assert any(layer.compute_dtype == "bfloat16" for layer in mixed.layers if isinstance(layer, keras.Layer))
    return plain, mixed, description


def test_a_mixed_model_is_saved_in_float32(pair, tmp_path):
    plain, mixed, description = pair
    save_model(mixed, tmp_path / "m.keras", description)
    loaded, read = load_model(tmp_path / "m.keras")
    assert read == description
    assert [w.path for w in loaded.weights] == [w.path for w in plain.weights]
    assert {layer.compute_dtype for layer in loaded.layers if isinstance(layer, keras.Layer)} == {"float32"}
    images = np.random.default_rng(0).uniform(0, 1, (2, 128, 128, 3)).astype(np.float32)
    for name, expected in plain(images).items():
        # The same operations on the same numbers.
        np.testing.assert_allclose(loaded(images)[name], expected, rtol=1e-6, atol=1e-6)


def test_a_float32_model_is_saved_as_it_is(pair):
    plain, _, _ = pair
    assert in_float32(plain) is plain


def test_a_detectors_threshold_can_be_chosen():
    description = Description("blazeface", DetectorSpec(input_size=128)).with_score_threshold(0.4)
    assert description.spec == DetectorSpec(input_size=128, score_threshold=0.4)
    assert Description.from_json(description.to_json()) == description
    with pytest.raises(ValueError, match=r"score_threshold must lie in \(0, 1\)"):
        description.with_score_threshold(1.0)
    with pytest.raises(ValueError, match="only a detector has a score_threshold"):
        Description("tiny", TrackerSpec()).with_score_threshold(0.4)
