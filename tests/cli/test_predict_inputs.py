"""`blazepose predict` on what people own: moving pictures, odd films, folders of everything, pipes, full disks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from blazepose_tf.runtime.weights import FOLDER

pytestmark = pytest.mark.skipif(
    not ((FOLDER / "blazeface.tflite").is_file() and (FOLDER / "lite.tflite").is_file()), reason="no shipped models"
)
MODELS = ["--detector=blazeface", "--tracker=lite"]


@pytest.fixture(scope="module")
def person(testdata_dir):
    """(480, 360, 3) uint8 RGB, a rendered person who fills the picture."""
    picture = Image.open(testdata_dir / "people" / "images" / "people_000000.jpg").convert("RGB")
    return np.asarray(picture.resize((360, 480)))


def _run(*arguments, **options):
    command = [sys.executable, "-m", "blazepose_tf", "predict", *map(str, arguments), *MODELS]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, **options)


def _poses(folder, stem):
    return json.loads((Path(folder) / f"{stem}_pose.json").read_text(encoding="utf-8"))


def _film(path, frames, times_ms, *, aspect=None, **options):
    with av.open(str(path), "w") as target:
        stream = target.add_stream("libx264", rate=25, options={"bf": "0", "crf": "12"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.codec_context.time_base = "yuv420p", Fraction(1, 1000)
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        for image, milliseconds in zip(frames, times_ms, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), "rgb24")
            frame.pts, frame.time_base = milliseconds, Fraction(1, 1000)
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return path


def _points(document, index):
    return np.array(document["frames"][index]["landmarks"])[:, :2]


def test_moving_pictures_are_films(person, tmp_path):
    frames = [Image.fromarray(np.roll(person, 4 * i, axis=1)) for i in range(4)]
    for suffix in ("gif", "webp", "png", "avif"):
        frames[0].save(
            tmp_path / f"{suffix}.{suffix}", save_all=True, append_images=frames[1:], duration=[100, 50, 200, 80]
        )
    frames[0].save(tmp_path / "pages.tiff", save_all=True, append_images=frames[1:])
    done = _run(f"--input={tmp_path}", f"--output={tmp_path / 'out'}")
    assert done.returncode == 0 and "5 of 5 inputs, 17 frames, 17 with a person" in done.stdout
    assert done.stderr.count("note:") == 2 and "not read: 1 subfolders (out)" in done.stderr
    assert "pages.tiff: the first of 4 pages is read" in done.stderr
    for suffix in ("gif", "webp", "png", "avif"):
        document = _poses(tmp_path / "out", suffix)
        assert [f["timestamp_ms"] for f in document["frames"]] == [0, 100, 150, 350]
        assert [f["duration_ms"] for f in document["frames"]] == [100, 50, 200, 80] and document["complete"]
        with av.open(str(tmp_path / "out" / f"{suffix}_pose.mp4")) as drawn:
            assert [round(1e3 * f.time) for f in drawn.decode(video=0)] == [0, 100, 150, 350]
    assert len(_poses(tmp_path / "out", "pages")["frames"]) == 1


def test_film_with_narrow_pixels_is_read_and_drawn_square(person, tmp_path):
    """The same film with square pixels and with pixels 4:3 wide: the same size, and the same person to a few pixels."""
    times = [40 * i for i in range(4)]
    _film(tmp_path / "square.mp4", [person] * 4, times)
    narrow = cv2.resize(person, (270, 480), interpolation=cv2.INTER_AREA)
    _film(tmp_path / "narrow.mp4", [narrow] * 4, times, aspect=Fraction(4, 3))
    assert _run(f"--input={tmp_path}", f"--output={tmp_path / 'out'}").returncode == 0
    square, found = _poses(tmp_path / "out", "square"), _poses(tmp_path / "out", "narrow")
    assert square["pixel_aspect"] == 1 and found["pixel_aspect"] == pytest.approx(4 / 3, abs=1e-4)
    assert (found["width"], found["height"]) == (360, 480)
    assert np.median(np.abs(_points(square, 3) - _points(found, 3))) < 4
    with av.open(str(tmp_path / "out" / "narrow_pose.mp4")) as drawn:
        stream = drawn.streams.video[0]
        assert (stream.width, stream.height, stream.sample_aspect_ratio or 1) == (360, 480, 1)


def test_a_folder_of_everything(person, tmp_path):
    """Names do not decide, nothing is skipped in silence, and a second run does not read the first one's drawings."""
    jpeg = cv2.imencode(".jpg", person[..., ::-1])[1].tobytes()
    for name in ("a.jpg", "b", "c.HEIC", "hidden/d.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(jpeg)
    (tmp_path / "notes.txt").write_text("not for the eye", encoding="utf-8")
    for _ in range(2):
        done = _run(f"--input={tmp_path}", f"--output={tmp_path}")
        assert done.returncode == 0 and "3 of 3 inputs, 3 frames, 3 with a person" in done.stdout
        assert "1 neither pictures nor videos (notes.txt)" in done.stderr and "1 subfolders (hidden)" in done.stderr
    assert "6 results of an earlier run" in done.stderr
    only = tmp_path / "only"
    only.mkdir()
    (only / "c.HEIC").write_bytes(jpeg)
    assert _run(f"--input={only}", f"--output={tmp_path / 'x'}").returncode == 0
    (only / "c.HEIC").write_text("nothing", encoding="utf-8")
    (only / "c.HEIC").rename(only / "c.txt")
    done = _run(f"--input={only}", f"--output={tmp_path / 'x'}")
    assert done.returncode == 1 and "no pictures or videos, only 1 neither pictures nor videos (c.txt)" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="names of other systems are text")
@pytest.mark.parametrize("form", ["native", "coco17"])
def test_a_name_that_is_no_utf8_loses_nothing(person, tmp_path, form):
    jpeg = cv2.imencode(".jpg", person[..., ::-1])[1].tobytes()
    (tmp_path / "a.jpg").write_bytes(jpeg)
    (tmp_path / os.fsdecode(b"caf\xe9.jpg")).write_bytes(jpeg)
    done = _run(f"--input={tmp_path}", f"--output={tmp_path / 'out'}", f"--format={form}", "--nodraw")
    assert done.returncode == 0 and "2 of 2 inputs, 2 frames, 2 with a person" in done.stdout, done.stderr
    if form == "native":
        sources = [json.loads(p.read_bytes())["source"] for p in (tmp_path / "out").iterdir()]
    else:
        sources = [e["file_name"] for e in json.loads((tmp_path / "out" / "results.json").read_bytes())]
    assert sorted(Path(s).name for s in sources) == ["a.jpg", "caf\ufffd.jpg"]


def test_several_workers_give_what_one_gives(person, testdata_dir, tmp_path):
    for i in range(7):
        picture = np.roll(person, 9 * i, axis=1)
        (tmp_path / f"{i}.jpg").write_bytes(cv2.imencode(".jpg", picture[..., ::-1])[1].tobytes())
    (tmp_path / "3.jpg").write_bytes(b"nothing")
    results = []
    for workers in (1, 3):
        out = tmp_path / f"out{workers}"
        done = _run(f"--input={tmp_path}/*.jpg", f"--output={out}", f"--workers={workers}", "--format=coco33")
        assert done.returncode == 1 and "6 of 7 inputs" in done.stdout and done.stderr.count("error") == 2
        results.append((json.loads((out / "results.json").read_bytes()), sorted(p.name for p in out.iterdir())))
    assert results[0] == results[1] and len(results[0][0]) == 6


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_says_that_it_waits(person, tmp_path):
    film, pipe = _film(tmp_path / "x.ts", [person] * 5, [40 * i for i in range(5)]), tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["sh", "-c", f"cat '{film}' > '{pipe}'"]):
        done = _run(f"--input={pipe}", f"--output={tmp_path / 'out'}")
    assert done.returncode == 0 and "pipe: a named pipe; waiting until something is written into it" in done.stderr
    assert len(_poses(tmp_path / "out", "pipe")["frames"]) == 5


def test_passwords_stay_out_of_everything(tmp_path):
    for address in (
        "rtsp://user:sesame@127.0.0.1:9/door",
        "http://user:sesame@127.0.0.1:9/x.jpg",
        "gopher://u:sesame@x/",
    ):
        done = _run(f"--input={address}", f"--output={tmp_path / 'out'}", "--format=coco17")
        assert done.returncode == 1 and ":***@" in done.stderr
        written = "".join(p.read_text(encoding="utf-8") for p in (tmp_path / "out").iterdir())
        assert "sesame" not in done.stderr + done.stdout + written


def test_a_size_beyond_the_limit_costs_a_line(person, tmp_path):
    (tmp_path / "a.jpg").write_bytes(cv2.imencode(".jpg", person[..., ::-1])[1].tobytes())
    done = _run(f"--input={tmp_path}", f"--output={tmp_path / 'out'}", "--max_megapixels=0.1")
    assert done.returncode == 1 and "a.jpg: declares 360x480 pixels; at most 0.1 megapixels are read" in done.stderr


def test_a_full_disk_is_told_once_with_the_files_name(person, tmp_path):
    """A limit on file sizes stands for the full disk; the film is random dots, which no encoder makes small."""
    resource = pytest.importorskip("resource")
    rng = np.random.default_rng(0)
    noise = [np.where(rng.random((480, 360, 1)) < 0.5, person, 255 - person) for _ in range(12)]
    _film(tmp_path / "x.mp4", noise, [40 * i for i in range(12)])

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    done = _run(f"--input={tmp_path / 'x.mp4'}", f"--output={tmp_path / 'out'}", preexec_fn=limit)
    lines = done.stderr.splitlines()
    assert done.returncode == 1 and len(lines) == 2 and lines[1] == "1 error"
    assert "x_pose.mp4: cannot be written (File too large)" in lines[0]
    # The numbers of all frames are small enough, and whole.
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["x_pose.json"]
    assert len(_poses(tmp_path / "out", "x")["frames"]) == 12


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have a screen")
def test_a_window_without_a_screen_is_refused(tmp_path):
    plain = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    done = _run("--input=0", "--show", f"--output={tmp_path}", env=plain)
    assert (
        done.returncode == 1
        and done.stderr == "error: no window can be shown: there is no screen (DISPLAY is not set)\n"
    )


@pytest.mark.parametrize("wish, words", [("depth=3", "--camera takes"), ("width=wide", "--camera takes")])
def test_wrong_wishes_of_a_camera(tmp_path, wish, words):
    done = _run("--input=0", f"--camera={wish}", f"--output={tmp_path}")
    assert done.returncode == 1 and words in done.stderr
