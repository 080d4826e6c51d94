"""Videos written and read back, truncated ones, and files that are none."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from blazepose_tf.runtime.videos import VideoReader, VideoWriter

CODEC_TOLERANCE = 12  # grey levels on flat frames


def _write(path, count=12, size=(96, 64), fps=25.0):
    with VideoWriter(path, fps=fps, size=size) as writer:
        for i in range(count):
            writer.write(np.full((size[1], size[0], 3), (20 * i, 100, 200 - 10 * i), np.uint8))
        writer.commit()
    return path


def test_round_trip(tmp_path):
    path = _write(tmp_path / "x.mp4")
    assert [p.name for p in tmp_path.iterdir()] == ["x.mp4"]
    with VideoReader(path) as reader:
        assert reader.fps == 25.0 and reader.frame_count == 12
        frames = list(reader)
    assert [f.index for f in frames] == list(range(12)) and not reader.ended_early
    np.testing.assert_allclose([f.timestamp_ms for f in frames], 40.0 * np.arange(12), atol=0.5)
    for i, frame in enumerate(frames):
        assert np.abs(frame.image.mean(axis=(0, 1)) - [20 * i, 100, 200 - 10 * i]).max() < CODEC_TOLERANCE


def test_odd_sizes_and_changing_sizes(tmp_path):
    with VideoWriter(tmp_path / "x.mp4", fps=30, size=(97, 65)) as writer:
        writer.write(np.zeros((65, 97, 3), np.uint8))
        writer.write(np.zeros((130, 200, 3), np.uint8))
        writer.commit()
    with VideoReader(tmp_path / "x.mp4") as reader:
        assert len(list(reader)) == 2


def test_slow_live_frames_are_repeated_to_keep_time(tmp_path):
    """Frames at 0, 200 and 10200 ms at 20 frames/s: 1, then 4 more, then a cut after two seconds (41 frames)."""
    counts = []
    with VideoWriter(tmp_path / "x.mp4", fps=20.0, size=(64, 64)) as writer:
        for milliseconds in (0.0, 200.0, 10200.0):
            writer.write(np.zeros((64, 64, 3), np.uint8), until_ms=milliseconds)
            counts.append(writer.frames)
        writer.commit()
    assert counts == [1, 5, 46]


def test_uncommitted_leaves_nothing(tmp_path):
    with VideoWriter(tmp_path / "x.mp4", fps=30, size=(64, 64)) as writer:
        writer.write(np.zeros((64, 64, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OSError, match="cannot be written"):
        VideoWriter(tmp_path / "none" / "x.mp4", fps=30, size=(64, 64))


def test_ends_early(tmp_path):
    """An AVI with its index cut off: the header still promises all frames."""
    path = tmp_path / "x.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 20.0, (64, 64))
    for _ in range(40):
        writer.write(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    writer.release()
    with VideoReader(path) as reader:
        assert len(list(reader)) == 40 and not reader.ended_early
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with VideoReader(path) as reader:
        count = len(list(reader))
        assert 5 < count < 35 and reader.ended_early


def test_what_is_no_video(tmp_path, capfd):
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_text("nothing moves here")
    whole = _write(tmp_path / "x.mp4").read_bytes()
    (tmp_path / "half.mp4").write_bytes(whole[: len(whole) // 2])
    for name, words in (("empty.mp4", "empty"), ("text.mp4", "not a video"), ("half.mp4", "not a video")):
        with pytest.raises(ValueError, match=words) as caught:
            VideoReader(tmp_path / name)
        assert name in str(caught.value)
    with pytest.raises(FileNotFoundError, match="no such file"):
        VideoReader(tmp_path / "none.mp4")
    with pytest.raises(OSError, match="camera 97"):
        VideoReader(97)
    assert capfd.readouterr().err == ""
