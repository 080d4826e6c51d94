"""MATLAB files: what SciPy cannot read is one line."""

from __future__ import annotations

import os

import numpy as np
import pytest

from blazepose_tf.converters import matlab

scipy_io = pytest.importorskip("scipy.io")


def test_whole_and_damaged_files(tmp_path):
    """Fresh damage at every run; the seed is in the message of a failure."""
    path = tmp_path / "joints.mat"
    scipy_io.savemat(path, {"joints": np.arange(12.0).reshape(3, 4)}, do_compression=True)
    assert np.array_equal(matlab.load(path, "joints"), np.arange(12.0).reshape(3, 4))
    with pytest.raises(ValueError, match="no variable 'release'"):
        matlab.load(path, "release")
    content = path.read_bytes()
    seed = int.from_bytes(os.urandom(4), "little")
    numbers = np.random.default_rng(seed)
    path.write_bytes(content[: numbers.integers(1, len(content) - 1)])
    with pytest.raises(ValueError, match=r"joints\.mat: ") as caught:
        matlab.load(path, "joints")
    assert "\n" not in str(caught.value), f"seed {seed}"
