"""Two processes on the loopback interface are one computation; they need JAX."""

from __future__ import annotations

import importlib.util
import os
import re
import socket
import subprocess
import sys

import numpy as np
import pytest

from blazepose_tf.training.distributed import Group, join

# Sums over two halves of a batch are rounded differently from one sum, and Adam's first steps amplify the difference.
TOLERANCE = 1e-4
SETTINGS = (
    "keypoints=coco_17", "data.synthetic_examples=24", "stages.heatmaps.steps=3", "stages.joint.steps=3",
    "stages.heatmaps.batch_size=8", "stages.joint.batch_size=8", "log_every=1", "validate_examples=4",
)  # fmt: skip


def test_rows_share_the_batch():
    rows = [Group(i, 4).rows(32) for i in range(4)]
    assert np.concatenate([np.arange(32)[r] for r in rows]).tolist() == list(range(32))
    with pytest.raises(ValueError, match=r"multiple of the number of processes\. Received: 30 and 4"):
        Group(0, 4).rows(30)


def test_other_backends_are_refused():
    with pytest.raises(ValueError, match="needs KERAS_BACKEND=jax"):
        join("localhost:1", processes=2, process=0)


def start(workdir, cache, *more: str) -> subprocess.Popen:
    command = [
        sys.executable, "-m", "blazepose_tf", "train", "--experiment=smoke", "--data=synthetic",
        f"--workdir={workdir}", f"--cache={cache}", *(f"--set={s}" for s in SETTINGS), *more,
    ]  # fmt: skip
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
def test_two_processes_equal_one_with_the_same_global_batch(tmp_path):
    alone = start(tmp_path / "one", tmp_path / "cache")
    assert alone.communicate(timeout=900)[1] is not None and alone.returncode == 0
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = [f"--coordinator=127.0.0.1:{port}", "--processes=2"]
    pair = [start(tmp_path / "two", tmp_path / "cache", *shared, f"--process={i}") for i in range(2)]
    errors = [process.communicate(timeout=900)[1] for process in pair]
    assert [process.returncode for process in pair] == [0, 0], errors
    digests = [re.search(r"ends with weights (\w+)", text).group(1) for text in errors]
    assert digests[0] == digests[1]
    with np.load(tmp_path / "one" / "last.npz") as one, np.load(tmp_path / "two" / "last.npz") as two:
        assert set(one.files) == set(two.files)
        for key in one.files:
            if key.startswith("weights/"):
                np.testing.assert_allclose(one[key], two[key], atol=TOLERANCE, err_msg=key)
