"""`blazepose train` as a user runs it: real processes, killed, stopped and taken up again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from blazepose_tf.models import Description, build_tracker, save_model
from blazepose_tf.specs import TrackerSpec
from blazepose_tf.training.checkpoint import read_state

SETTINGS = (
    "keypoints=coco_17", "stages.heatmaps.steps=4", "stages.joint.steps=6", "stages.heatmaps.batch_size=4",
    "stages.joint.batch_size=4", "data.synthetic_examples=24", "checkpoint_every=2", "log_every=4",
    "validate_examples=4", "validate_every=100",
)  # fmt: skip


def command(workdir, cache, *more: str) -> list[str]:
    return [
        sys.executable, "-m", "blazepose_tf", "train", "--experiment=smoke", "--data=synthetic", "--threads=1",
        f"--workdir={workdir}", f"--cache={cache}", *(f"--set={s}" for s in SETTINGS), *more,
    ]  # fmt: skip


def run(*arguments, **options):
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=500, **options)


def wait_for_step(process, path, step: int) -> None:
    while process.poll() is None:
        if path.exists() and read_state(path).total_step >= step:
            return
        time.sleep(0.05)
    raise AssertionError(f"the run ended early: {process.communicate()}")


@pytest.mark.slow
def test_a_killed_run_ends_like_an_undisturbed_one(tmp_path):
    straight, killed, cache = tmp_path / "straight", tmp_path / "killed", tmp_path / "cache"
    done = run(straight, cache)
    assert done.returncode == 0 and "finished after 10 steps" in done.stdout, done.stderr
    process = subprocess.Popen(
        command(killed, cache, "--resume"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_for_step(process, killed / "last.npz", 6)  # in the second stage
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (killed / "model.keras").exists()
    assert run(killed, cache, "--resume").returncode == 0
    with np.load(straight / "last.npz") as a, np.load(killed / "last.npz") as b:
        for key in a.files:
            np.testing.assert_array_equal(a[key], b[key], err_msg=key)
    assert (straight / "train.csv").read_text().count("\n") == (killed / "train.csv").read_text().count("\n")


@pytest.mark.slow
def test_sigterm_saves_and_ends_well(tmp_path):
    process = subprocess.Popen(
        command(tmp_path / "run", tmp_path / "cache"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_for_step(process, tmp_path / "run" / "last.npz", 2)
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert "the same command with --resume goes on" in output
    assert read_state(tmp_path / "run" / "last.npz").total_step >= 2


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--experiment=tracker_light", "--workdir=x"], 1, "did you mean 'tracker_lite'"),
        (["--workdir=x", "--set=stages.joint.step=3"], 1, "did you mean 'stages.joint.steps'"),
        (["--workdir=x", "--experiment=finetune"], 1, "give --init_from="),
        (["--workdir=x", "--experiment=finetune", "--init_from=blazeface", "--keypoints=nose"], 1, "a detector has no"),
        (["--workdir=x", "--stages=settle"], 1, "'smoke' has no stage settle (it has heatmaps, joint)"),
        (["--workdir=x", "--data=/nowhere/a.json"], 1, "/nowhere/a.json"),
        (["--experiment=smoke"], 2, "--workdir"),
        (
            ["--workdir=x", "--batch_size=3"],
            2,
            "--batch_size; did you mean --set=stages.joint.batch_size=...?",
        ),
        (["--workdir=x", "--resum"], 2, "did you mean --resume?"),
    ],
)
def test_mistakes_end_in_one_line(arguments, code, message, tmp_path):
    result = subprocess.run(
        [sys.executable, "-m", "blazepose_tf", "train", *arguments],
        capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}, timeout=200,
    )  # fmt: skip
    assert result.returncode == code
    lines = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    assert len(lines) == 1 and message in lines[0], result.stderr
    assert "Traceback" not in result.stderr
    assert not list(tmp_path.glob("x/*.npz"))


def test_threads_are_limited_before_a_model_is_read(tmp_path):
    """TensorFlow refuses it afterwards."""
    spec = TrackerSpec(128)
    save_model(build_tracker(spec, variant="tiny"), tmp_path / "own.keras", Description("tiny", spec))
    arguments = ("--experiment=finetune", "--init_from=own.keras", "--workdir=x", "--threads=1", "--data=nowhere.json")
    result = subprocess.run(
        [sys.executable, "-m", "blazepose_tf", "train", *arguments],
        capture_output=True, text=True, cwd=tmp_path, timeout=200,
    )  # fmt: skip
    assert result.returncode == 1 and "error: nowhere.json: No such file" in result.stderr, result.stderr
