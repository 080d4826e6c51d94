"""The tiny tracker computes today what it computed when its golden file was written (tools/make_golden.py)."""

from __future__ import annotations

import numpy as np

# Relative to the largest value: float32 sums in another order, on another machine.
TOLERANCE = 1e-4


def test_tiny_tracker_computes_the_golden_outputs(testdata_dir, tool):
    results = tool("make_golden").tiny_tracker()
    with np.load(testdata_dir / "golden" / "tiny_tracker.npz") as expected:
        assert set(expected.files) == set(results)
        for name in expected.files:
            scale = float(np.abs(expected[name]).max())
            np.testing.assert_allclose(results[name], expected[name], atol=TOLERANCE * scale, err_msg=name)
    # Not the mean pose: the image has its say.
    assert np.ptp(results["landmarks"][0, :, 0]) > 50
