"""The tiny tracker computes today what it computed when its golden file was written (tools/make_golden.py)."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from blazepose_tf.models import build_tracker

TOOL = Path(__file__).resolve().parents[2] / "tools" / "make_golden.py"
# Relative to the largest value: float32 sums in another order, on another machine.
TOLERANCE = 1e-4


def test_tiny_tracker_computes_the_golden_outputs(testdata_dir):
    module = importlib.util.spec_from_file_location("make_golden", TOOL)
    golden = importlib.util.module_from_spec(module)
    module.loader.exec_module(golden)
    model = build_tracker(variant="tiny")
    golden.fill(model)
    results = golden.outputs(model)
    with np.load(testdata_dir / "golden" / "tiny_tracker.npz") as expected:
        assert set(expected.files) == set(results)
        for name in expected.files:
            scale = float(np.abs(expected[name]).max())
            np.testing.assert_allclose(results[name], expected[name], atol=TOLERANCE * scale, err_msg=name)
    # Not the mean pose: the image has its say.
    assert np.ptp(results["landmarks"][0, :, 0]) > 50
