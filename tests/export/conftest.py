"""A small tracker with weights that do something, and pictures for it."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture(scope="session")
def tiny():
    """(model, description) of the tiny tracker without training heads; every kernel is random, heads too."""
    from blazepose_tf.models import Description, build_tracker
    from blazepose_tf.specs import TrackerSpec

    spec = TrackerSpec(input_size=128)
    model = build_tracker(spec, variant="tiny", training_heads=False)
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            fan_in = np.prod(layer.kernel.shape[:-1])
            layer.kernel.assign(rng.normal(0, 1 / np.sqrt(fan_in), layer.kernel.shape))
    return model, Description("tiny", spec)


@pytest.fixture(scope="session")
def tiny_file(tiny):
    """Its float32 LiteRT file."""
    from blazepose_tf.export import litert

    model, description = tiny
    return litert.to_litert(model, description.spec, name="tiny")


@pytest.fixture(scope="session")
def pictures():
    """Four smooth (1, 128, 128, 3) pictures in [0, 1]."""
    rng = np.random.default_rng(1)
    coarse = rng.uniform(size=(4, 1, 8, 8, 3))
    return [np.kron(c, np.ones((1, 16, 16, 1))).astype(np.float32) for c in coarse]
