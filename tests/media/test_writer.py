"""Drawn films: what browsers play, the rhythm and sound of the source, whole or absent."""

from __future__ import annotations

import av
import numpy as np
import pytest

from blazepose_tf.media.videos import VideoReader
from blazepose_tf.media.writer import VideoWriter

UNEVEN = [0.0, 33.0, 66.0, 300.0, 333.0, 1000.0]
CODEC_TOLERANCE = 12  # grey levels on flat frames


def _flat(i, size=(96, 64)):
    return np.full((size[1], size[0], 3), (20 * i, 100, 200 - 10 * i), np.uint8)


def _write(path, times, last_ms=120.0, **options):
    with VideoWriter(path, size=(96, 64), fps=25.0, **options) as writer:
        for i, milliseconds in enumerate(times):
            following = times[i + 1] if i + 1 < len(times) else milliseconds + last_ms
            writer.write(_flat(i), milliseconds, following - milliseconds)
        writer.commit()
    return path


@pytest.mark.parametrize("begin", [0.0, 500.0])
def test_times_durations_and_colours_come_back(tmp_path, begin):
    path = _write(tmp_path / "x.mp4", [begin + t for t in UNEVEN])
    assert [p.name for p in tmp_path.iterdir()] == ["x.mp4"]
    with VideoReader(path) as reader:
        frames = list(reader)
    np.testing.assert_allclose([f.timestamp_ms for f in frames], np.array(UNEVEN) + begin, atol=0.1)
    np.testing.assert_allclose([f.duration_ms for f in frames], [*np.diff(UNEVEN), 120.0], atol=0.1)
    for i, frame in enumerate(frames):
        assert np.abs(frame.image.mean(axis=(0, 1)) - [20 * i, 100, 200 - 10 * i]).max() < CODEC_TOLERANCE


def test_browsers_and_phones_play_it(tmp_path):
    content = _write(tmp_path / "x.mp4", UNEVEN).read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")  # the index stands first
    with av.open(str(tmp_path / "x.mp4")) as film:
        stream = film.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert film.duration == pytest.approx(1.12e6, abs=2000)


def test_odd_sizes_get_one_more_line(tmp_path):
    with VideoWriter(tmp_path / "x.mp4", fps=30, size=(97, 65)) as writer:
        image = np.zeros((65, 97, 3), np.uint8)
        image[:, -1] = 255
        writer.write(image, 0.0, 40.0)
        writer.write(np.zeros((130, 194, 3), np.uint8), 40.0, 40.0)
        writer.commit()
    with VideoReader(tmp_path / "x.mp4") as reader:
        frames = list(reader)
    assert [f.image.shape for f in frames] == [(66, 98, 3)] * 2 and frames[0].image[:, 97].mean() > 180


@pytest.mark.parametrize("name, sound", [("x.mp4", "aac"), ("x.mkv", "libopus"), ("x.avi", "pcm_s16le")])
def test_the_sources_sound_is_kept(tmp_path, make_film, person_frames, name, sound):
    """Copied where browsers know it (the same packets), encoded as AAC where not; it may be longer than the picture."""
    source = make_film(tmp_path / name, person_frames[:10], sound_seconds=2.0, sound_codec=sound)
    _write(tmp_path / "out.mp4", [40.0 * i for i in range(10)], last_ms=40.0, sound=source)
    with av.open(str(source)) as a, av.open(str(tmp_path / "out.mp4")) as b:
        kept = "aac" if sound == "pcm_s16le" else sound.removeprefix("lib")
        assert b.streams.audio[0].codec_context.name == kept
        assert float(b.streams.audio[0].duration * b.streams.audio[0].time_base) == pytest.approx(2.0, abs=0.05)
        if sound != "pcm_s16le":
            packets = [[bytes(p) for p in c.demux(audio=0) if p.size] for c in (a, b)]
            assert packets[0] == packets[1]
        else:
            heard = np.concatenate([f.to_ndarray()[0] for f in b.decode(audio=0)])
            spectrum = np.abs(np.fft.rfft(heard[4800:52800]))
            assert np.argmax(spectrum) == 440


def test_sound_of_a_shortened_film_ends_with_it(tmp_path, make_film, person_frames):
    source = make_film(tmp_path / "x.mp4", person_frames, sound_seconds=1.2)
    with VideoWriter(tmp_path / "out.mp4", size=(96, 64), fps=25.0, sound=source) as writer:
        for i in range(10):
            writer.write(_flat(i), 40.0 * i, 40.0)
        writer.commit(whole=False)
    with av.open(str(tmp_path / "out.mp4")) as film:
        assert float(film.streams.audio[0].duration * film.streams.audio[0].time_base) == pytest.approx(0.4, abs=0.03)


def test_late_and_repeated_times_stay_in_order(tmp_path):
    with VideoWriter(tmp_path / "x.mp4", size=(96, 64), fps=25.0) as writer:
        for i, milliseconds in enumerate((0.0, 40.0, 40.0, 20.0, 120.0)):
            writer.write(_flat(i), milliseconds)
        writer.commit()
    with VideoReader(tmp_path / "x.mp4") as reader:
        times = [f.timestamp_ms for f in reader]
    assert len(times) == 5 and (np.diff(times) > 0).all() and times[-1] == pytest.approx(120, abs=0.1)


def test_uncommitted_leaves_nothing(tmp_path):
    with VideoWriter(tmp_path / "x.mp4", fps=30, size=(64, 64)) as writer:
        writer.write(_flat(0, (64, 64)), 0.0)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OSError, match="none"):
        VideoWriter(tmp_path / "none" / "x.mp4", fps=30, size=(64, 64))
