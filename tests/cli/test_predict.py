"""`blazepose predict` as its user meets it: real processes, real pictures, broken ones, and Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from blazepose_tf.runtime.weights import FOLDER


@pytest.fixture(scope="module")
def models(request):
    """Flags that name a detector and a tracker: the shipped ones, else the official files."""
    if (FOLDER / "blazeface.tflite").is_file() and (FOLDER / "lite.tflite").is_file():
        return ["--detector=blazeface", "--tracker=lite"]
    peers = request.getfixturevalue("shared_dir") / "peers"
    return [f"--detector={peers}/pose_detection_2021.tflite", f"--tracker={peers}/pose_landmark_lite_2021.tflite"]


@pytest.fixture(scope="module")
def clip(shared_dir):
    path = shared_dir / "data" / "videos" / "golf_swing.mp4"
    if not path.is_file():
        pytest.skip("no clips in shared/data/videos")
    return path


@pytest.fixture(scope="module")
def photo(clip, tmp_path_factory):
    """A frame of the clip as a PNG, RGB."""
    frame = cv2.VideoCapture(str(clip)).read()[1]
    path = tmp_path_factory.mktemp("photo") / "golfer.png"
    cv2.imwrite(str(path), frame)
    return path


def _command(*arguments):
    return [sys.executable, "-m", "blazepose_tf", "predict", *map(str, arguments)]


def _run(*arguments, **options):
    return subprocess.run(_command(*arguments), capture_output=True, text=True, timeout=120, **options)


def _files(folder):
    return sorted(p.name for p in Path(folder).iterdir())


def test_photo_and_clip_native(models, photo, clip, tmp_path):
    done = _run(f"--input={photo}", clip, f"--output={tmp_path}", "--max_frames=12", *models)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert "2 of 2 inputs, 13 frames, 13 with a person, 2 detector runs" in done.stdout
    assert _files(tmp_path) == ["golf_swing_pose.json", "golf_swing_pose.mp4", "golfer_pose.json", "golfer_pose.png"]
    document = json.loads((tmp_path / "golf_swing_pose.json").read_text())
    assert (document["width"], document["height"], len(document["frames"])) == (346, 480, 12)
    assert [f["source"] for f in document["frames"]] == ["detected"] + ["tracked"] * 11
    ankles = [document["keypoints"].index(f"{side}_ankle") for side in ("left", "right")]
    for frame in document["frames"]:
        # Read off the clip: the golfer's feet stand at about (150, 435); head and feet are far apart.
        for ankle in ankles:
            assert np.abs(np.array(frame["landmarks"][ankle][:2]) - [150, 435]).max() < 30
        assert abs(frame["landmarks"][0][1] - 170) < 30
    drawn, plain = cv2.imread(str(tmp_path / "golfer_pose.png")), cv2.imread(str(photo))
    changed = (np.abs(drawn.astype(int) - plain).max(axis=-1) > 60).nonzero()
    assert drawn.shape == plain.shape and 200 < len(changed[0]) < 0.1 * plain.shape[0] * plain.shape[1]
    capture = cv2.VideoCapture(str(tmp_path / "golf_swing_pose.mp4"))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 12


def test_coco_results_of_a_folder(models, photo, tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    picture = photo.read_bytes()
    (source / "000000000139.png").write_bytes(picture)
    (source / "blank.png").write_bytes(cv2.imencode(".png", np.full((80, 80, 3), 99, np.uint8))[1].tobytes())
    (source / "zoe.png").write_bytes(picture)
    done = _run(f"--input={source}", f"--output={tmp_path / 'out'}", "--format=coco17", "--nodraw", *models)
    assert done.returncode == 0, done.stderr
    assert _files(tmp_path / "out") == ["results.json"]
    entries = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [e["image_id"] for e in entries] == [139, 141] and {len(e["keypoints"]) for e in entries} == {51}
    assert entries[0]["keypoints"] == entries[1]["keypoints"] and entries[0]["category_id"] == 1


def test_bad_inputs_get_a_line_each_and_the_good_ones_results(models, photo, tmp_path):
    source, output = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    good = photo.read_bytes()
    for name, content in {
        "good.png": good,
        "empty.jpg": b"",
        "cut.png": good[: len(good) // 2],
        "text.jpg": b"hello, I am text",
        "text.mp4": b"hello, I am text",
        "dot.png": cv2.imencode(".png", np.zeros((1, 1, 3), np.uint8))[1].tobytes(),
        "strip.png": cv2.imencode(".png", np.zeros((10, 30000, 3), np.uint8))[1].tobytes(),
    }.items():
        (source / name).write_bytes(content)
    done = _run(f"--input={source}", f"--input={tmp_path}/none.jpg", f"--output={output}", *models)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    expected = {
        "none.jpg": "no such file",
        "cut.png": "truncated",
        "dot.png": "1x1 pixels",
        "empty.jpg": "empty",
        "strip.png": "30000x10 pixels",
        "text.jpg": "not a picture",
        "text.mp4": "not a video",
    }
    assert len(lines) == len(expected) + 1 and lines[-1] == "7 errors"
    for line, (name, words) in zip(lines, expected.items(), strict=False):
        assert line.startswith("error: ") and name in line and words in line
    assert _files(output) == ["good_pose.json", "good_pose.png"]


def test_a_video_that_ends_early_keeps_what_it_had(models, clip, tmp_path):
    """A Motion-JPEG AVI cut in half: half of the frames are there, the header promises all."""
    capture, path = cv2.VideoCapture(str(clip)), tmp_path / "half.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 30.0, (346, 480))
    for _ in range(20):
        writer.write(capture.read()[1])
    writer.release()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    done = _run(f"--input={path}", f"--output={tmp_path / 'out'}", *models)
    assert done.returncode == 1 and "ends early, after" in done.stderr
    document = json.loads((tmp_path / "out" / "half_pose.json").read_text())
    assert document["complete"] is False and 5 < len(document["frames"]) < 15
    drawn = cv2.VideoCapture(str(tmp_path / "out" / "half_pose.mp4"))
    assert drawn.get(cv2.CAP_PROP_FRAME_COUNT) == len(document["frames"])


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_interruption_leaves_a_playable_video_and_the_json(models, clip, tmp_path, sign):
    long = tmp_path / "long.mp4"
    capture = cv2.VideoCapture(str(clip))
    frames = [capture.read()[1] for _ in range(30)]
    writer = cv2.VideoWriter(str(long), cv2.VideoWriter_fourcc(*"mp4v"), 30.0, (346, 480))
    for i in range(1500):
        writer.write(frames[min(i % 60, 59 - i % 60)])
    writer.release()
    output = tmp_path / "out"
    process = subprocess.Popen(
        _command(f"--input={long}", f"--output={output}", *models),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    # Well inside the video: as soon as the encoder has put a few frames into its temporary file.
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not any(p.stat().st_size > 20000 for p in output.glob(".long_pose*")):
        time.sleep(0.05)
    os.kill(process.pid, sign)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130 and "interrupted" in stderr and "Traceback" not in stderr
    assert "frames" in stdout
    assert _files(output) == ["long_pose.json", "long_pose.mp4"]
    document = json.loads((output / "long_pose.json").read_text())
    assert document["complete"] is False and 3 < len(document["frames"]) < 1500
    drawn, count = cv2.VideoCapture(str(output / "long_pose.mp4")), 0
    while drawn.read()[0]:
        count += 1
    assert count == len(document["frames"])


def test_wrong_models_and_folders(models, photo, tmp_path):
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(b"no model")
    (tmp_path / "file").write_text("in the way")
    detector = models[0]
    for arguments, words in (
        ((f"--tracker={broken}", detector), "broken.tflite: not a LiteRT model"),
        ((f"--tracker={tmp_path}/gone.tflite", detector), "no such model file"),
        (("--tracker=nonesuch", detector), "no shipped file 'nonesuch.tflite'"),
        ((f"--output={tmp_path}/file/x", *models), "cannot be made an output folder"),
    ):
        done = _run(f"--input={photo}", *arguments, cwd=tmp_path)
        assert done.returncode == 1 and words in done.stderr and len(done.stderr.splitlines()) == 1
    assert _run(*models).returncode == 1
    assert _files(tmp_path) == ["broken.tflite", "file"]


def test_an_output_that_means_a_file_is_refused(tmp_path):
    result = _run("--input=x.png", f"--output={tmp_path / 'poses.json'}")
    assert result.returncode == 1 and "--output takes a folder" in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_no_half_file(models, clip, photo, tmp_path):
    """A limit on file sizes stands for the full disk: writes fail in the middle."""
    resource = pytest.importorskip("resource")

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    done = _run(f"--input={clip}", photo, "--max_frames=30", f"--output={tmp_path / 'out'}", *models, preexec_fn=limit)
    assert done.returncode == 1 and "cannot be written" in done.stderr and "Traceback" not in done.stderr
    for path in (tmp_path / "out").iterdir():
        # The JSON files may be small enough, and are whole then; nothing else may be there, hidden files included.
        assert path.name in ("golfer_pose.json", f"{clip.stem}_pose.json") and json.loads(path.read_text())


def test_same_names_do_not_overwrite_each_other(models, photo, tmp_path):
    """Nor do names that differ in case, for many disks see none in it."""
    other, shouting = tmp_path / "golfer.png", tmp_path / "GOLFER.jpg"
    for path in (other, shouting):
        path.write_bytes(photo.read_bytes())
    done = _run(photo, other, shouting, f"--output={tmp_path}", *models)
    assert done.returncode == 0
    assert _files(tmp_path) == [
        "GOLFER.jpg",
        "GOLFER_3_pose.jpg",
        "GOLFER_3_pose.json",
        "golfer.png",
        "golfer_2_pose.json",
        "golfer_2_pose.png",
        "golfer_pose.json",
        "golfer_pose.png",
    ]
    assert other.read_bytes() == photo.read_bytes()
