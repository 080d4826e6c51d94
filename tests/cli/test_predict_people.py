"""`blazepose predict --max_people`: a film of two, both drawn, with their ids in every format."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from blazepose_tf.runtime import Recording


def _predict(*arguments):
    command = [sys.executable, "-m", "blazepose_tf", "predict", "--max_people=4", "--max_frames=14", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("draw", ["--draw", "--nodraw"])
def test_native(testdata_dir, tmp_path, draw):
    _predict(f"--input={testdata_dir / 'crossing.mp4'}", f"--output={tmp_path}", draw)
    recording = Recording.read(tmp_path / "crossing_pose.json")
    assert recording.ids == (1, 2) and len(recording) == 14
    first, second = (recording.landmarks(person)[-1] for person in recording.ids)
    assert np.linalg.norm(first.mean(axis=0) - second.mean(axis=0)) > 50
    assert (tmp_path / "crossing_pose.mp4").exists() == (draw == "--draw")


def test_coco(testdata_dir, tmp_path):
    _predict(f"--input={testdata_dir / 'crossing.mp4'}", f"--output={tmp_path}", "--format=coco17", "--nodraw")
    entries = json.loads((tmp_path / "results.json").read_text())
    last = [entry["track_id"] for entry in entries if entry["frame"] == 13]
    assert last == [1, 2]
