"""Films as cameras, editors and containers make them: time, shape, pixels, damage."""

from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from blazepose_tf.media.cameras import CameraReader
from blazepose_tf.media.videos import VideoReader

# Grey levels; the other orientations of the person differ by more than 10.
CLOSE = 5.0
UNEVEN = [0, 33, 66, 300, 333, 1000, 1040]


def _read(path, **options):
    with VideoReader(path, **options) as reader:
        return list(reader), reader


def _times(frames):
    return [round(f.timestamp_ms, 1) for f in frames]


def _off(image, expected):
    return np.abs(image.astype(int) - expected).mean()


@pytest.mark.parametrize("name", ["x.mp4", "x.mkv", "x.webm", "x.ts", "x.mov"])
def test_each_frame_has_its_own_time(tmp_path, make_film, person_frames, name):
    codec = "libvpx-vp9" if name == "x.webm" else "libx264"
    frames, reader = _read(make_film(tmp_path / name, person_frames[:7], times_ms=UNEVEN, codec=codec))
    np.testing.assert_allclose(_times(frames), UNEVEN, atol=1)
    np.testing.assert_allclose([f.duration_ms for f in frames[:-1]], np.diff(UNEVEN), atol=1)
    assert [f.index for f in frames] == list(range(7)) and 20 <= frames[-1].duration_ms <= 60
    assert reader.damage is None and reader.fps == pytest.approx(6 / 1.04, abs=0.01)
    assert max(_off(f.image, e) for f, e in zip(frames, person_frames, strict=False)) < CLOSE


def test_a_delayed_start_is_part_of_the_time(tmp_path, make_film, person_frames):
    times = [500 + 40 * i for i in range(8)]
    for name, begin in (("x.mp4", 500), ("x.mkv", 500), ("x.ts", 0)):  # a transport stream's clock starts anywhere
        path = make_film(tmp_path / name, person_frames[:8], times_ms=times)
        np.testing.assert_allclose(_times(_read(path)[0]), [begin + 40 * i for i in range(8)], atol=1)
    # Beside sound that starts at once, the delay of the picture counts in a transport stream, too.
    path = make_film(tmp_path / "sound.ts", person_frames[:8], times_ms=times, sound_seconds=1.0)
    assert _times(_read(path)[0])[0] == pytest.approx(500, abs=25)


@pytest.mark.parametrize("options", [{}, {"bf": "2"}])
def test_avi_with_times_of_packets_only(tmp_path, make_film, person_frames, options):
    """H.264 in AVI: the header claims more frames than there are, and B frames have no times of their own."""
    path = make_film(tmp_path / "x.avi", person_frames, options=options)
    with av.open(str(path)) as container:
        assert container.streams.video[0].frames != 30
    frames, reader = _read(path)
    assert len(frames) == 30 and reader.damage is None
    steps = np.diff(_times(frames))
    assert (
        np.abs(steps - 40).max() <= 1
        and max(_off(f.image, e) for f, e in zip(frames, person_frames, strict=True)) < CLOSE
    )


def test_sound_longer_than_the_picture_is_no_damage(tmp_path, make_film, person_frames):
    for name in ("x.mkv", "x.mp4", "x.avi"):
        sound = "mp3" if name.endswith("avi") else "aac"
        path = make_film(
            tmp_path / name,
            person_frames[:10],
            sound_seconds=3.0,
            sound_codec=sound if sound == "aac" else "libmp3lame",
        )
        frames, reader = _read(path)
        assert len(frames) == 10 and reader.damage is None and _times(frames)[-1] == pytest.approx(360, abs=41)


def test_streams_without_a_frame_count(tmp_path, make_film, person_frames):
    path = make_film(tmp_path / "live.mkv", person_frames, container_options={"live": "1"})
    with av.open(str(path)) as container:
        assert container.streams.video[0].frames == 0
    frames, reader = _read(path)
    assert len(frames) == 30 and reader.damage is None
    fragmented = make_film(
        tmp_path / "x.mp4", person_frames, container_options={"movflags": "frag_keyframe+empty_moov"}
    )
    frames, reader = _read(fragmented)
    assert len(frames) == 30 and reader.damage is None


@pytest.mark.parametrize("name", ["x.avi", "x.mkv", "x.mp4"])
def test_a_cut_file_ends_early(tmp_path, make_film, person_frames, name):
    options = {"movflags": "faststart"} if name == "x.mp4" else None
    codec = "mjpeg" if name == "x.avi" else "libx264"
    pixels = "yuvj420p" if name == "x.avi" else "yuv420p"
    path = make_film(tmp_path / name, person_frames, container_options=options, codec=codec, pixels=pixels)
    content = path.read_bytes()
    assert len(_read(path)[0]) == 30 and _read(path)[1].damage is None
    path.write_bytes(content[: len(content) * 6 // 10])
    frames, reader = _read(path)
    assert 5 < len(frames) < 28 and reader.damage == f"the video ends early, after {len(frames)} frames"


def test_damage_in_the_middle_is_told_and_the_rest_is_read(tmp_path, make_film, person_frames):
    path = make_film(tmp_path / "x.avi", person_frames, codec="mjpeg", pixels="yuvj420p")
    with av.open(str(path)) as container:
        third = [packet for packet in container.demux(video=0) if packet.size][2]
        content = bytearray(path.read_bytes())
        content[third.pos + 8 : third.pos + 8 + third.size] = bytes(third.size)
    path.write_bytes(bytes(content))
    frames, reader = _read(path)
    assert len(frames) == 29 and reader.damage == "the video is damaged in 1 place"
    np.testing.assert_allclose(_times(frames), [40 * i for i in range(30) if i != 2], atol=2)


MATRICES = {  # a, b, c, d of x' = a x + c y, y' = b x + d y
    "as it is": ((1, 0, 0, 1), lambda i: i),
    "quarter to the right": ((0, 1, -1, 0), lambda i: np.rot90(i, -1)),
    "half": ((-1, 0, 0, -1), lambda i: np.rot90(i, 2)),
    "quarter to the left": ((0, -1, 1, 0), lambda i: np.rot90(i, 1)),
    "mirrored": ((-1, 0, 0, 1), np.fliplr),
    "upside down": ((1, 0, 0, -1), np.flipud),
    "transposed": ((0, 1, 1, 0), lambda i: i.swapaxes(0, 1)),
    "transposed the other way": ((0, -1, -1, 0), lambda i: np.rot90(i, 2).swapaxes(0, 1)),
}


@pytest.mark.parametrize("kind", MATRICES)
def test_display_matrices(tmp_path, make_film, person_frames, kind):
    (a, b, c, d), expected = MATRICES[kind]

    def set_up(stream):
        one = 1 << 16
        stream.set_display_matrix([a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30])

    for name in ("x.mp4", "x.mkv"):
        if name == "x.mkv" and kind not in ("as it is", "quarter to the right", "half", "quarter to the left"):
            continue  # Matroska knows turns only
        frames, _ = _read(make_film(tmp_path / name, person_frames[:3], set_up=set_up))
        shown = expected(person_frames[1])
        assert frames[1].image.shape == shown.shape and _off(frames[1].image, shown) < CLOSE


@pytest.mark.parametrize("aspect, size", [((4, 3), (213, 120)), ((8, 9), (160, 135)), ((1000, 1001), (160, 120))])
def test_pixels_become_square(tmp_path, make_film, person_frames, aspect, size):
    def set_up(stream):
        stream.codec_context.sample_aspect_ratio = Fraction(*aspect)

    frames, reader = _read(make_film(tmp_path / "x.mp4", person_frames[:2], set_up=set_up))
    wide = cv2.resize(person_frames[0], size, interpolation=cv2.INTER_LINEAR)
    assert frames[0].image.shape[1::-1] == size and _off(frames[0].image, wide) < CLOSE
    assert reader.pixel_aspect == (pytest.approx(aspect[0] / aspect[1]) if size != (160, 120) else 1.0)


def test_interlaced_film_is_deinterlaced(tmp_path, make_film, person_frames):
    """Two moments woven into the lines of one frame: no comb is left, and every frame is there at its time."""
    moving = [np.roll(person_frames[0], 6 * i, axis=1) for i in range(24)]
    woven = []
    for early, late in zip(moving[::2], moving[1::2], strict=True):
        frame = early.copy()
        frame[1::2] = late[1::2]
        woven.append(frame)

    def comb(image):
        rows = image.astype(int)
        return np.abs(2 * rows[1:-1] - rows[:-2] - rows[2:]).mean()

    for name, codec, options in (
        ("x.mp4", "libx264", {"flags": "+ildct+ilme", "x264-params": "tff=1", "crf": "10"}),
        ("x.mpg", "mpeg2video", {"flags": "+ildct+ilme", "qscale": "2"}),
    ):
        clock = Fraction(1, 25)
        path = make_film(tmp_path / name, woven, codec=codec, options=options, clock=clock, times_ms=range(12))
        frames, reader = _read(path)
        assert len(frames) == 12 and reader.damage is None
        np.testing.assert_allclose(np.diff(_times(frames)), 40, atol=1)
        assert comb(woven[5]) > 2 * comb(moving[10])
        for i in range(2, 10):
            assert comb(frames[i].image) < 1.3 * comb(moving[0])
            # Which of the two moments comes first is the encoder's choice.
            assert min(_off(frames[i].image, moving[2 * i]), _off(frames[i].image, moving[2 * i + 1])) < 2 * CLOSE


def test_odd_sizes(tmp_path, make_film, person_frames):
    odd = [f[:97, :141] for f in person_frames[:3]]
    frames, _ = _read(make_film(tmp_path / "x.mkv", odd, codec="ffv1", pixels="bgr0"))
    assert frames[0].image.shape == (97, 141, 3) and _off(frames[0].image, odd[0]) < 1


def test_a_size_that_changes_on_the_way(tmp_path, make_film, person_frames):
    """Two streams in one file, as a broadcast or a phone that is turned writes them: one size, nothing squeezed."""
    first = make_film(tmp_path / "a.ts", person_frames[:5], times_ms=[40 * i for i in range(5)])
    tall = [np.ascontiguousarray(np.rot90(f)) for f in person_frames[5:10]]
    second = make_film(tmp_path / "b.ts", tall, times_ms=[200 + 40 * i for i in range(5)])
    (tmp_path / "x.ts").write_bytes(first.read_bytes() + second.read_bytes())
    frames, _ = _read(tmp_path / "x.ts")
    assert len(frames) >= 9 and {f.image.shape for f in frames} == {(120, 160, 3)}
    inner = cv2.resize(tall[-1], (90, 120), interpolation=cv2.INTER_AREA)
    assert _off(frames[-1].image[:, 35:125], inner) < CLOSE and frames[-1].image[:, :30].max() < 8


@pytest.mark.parametrize("pixels", ["yuv420p10le", "yuv444p", "yuv422p10le", "gray"])
def test_depths_and_samplings(tmp_path, make_film, person_frames, pixels):
    frames, _ = _read(make_film(tmp_path / "x.mkv", person_frames[:2], pixels=pixels, codec="libx264"))
    expected = person_frames[0]
    if pixels == "gray":
        expected = cv2.cvtColor(cv2.cvtColor(expected, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    assert _off(frames[0].image, expected) < CLOSE


def test_high_dynamic_range_is_shown_in_ordinary_brightness(tmp_path, make_film):
    """A grey of 50 cd/m2 and the reference white of 203 coded in PQ (0.44 and 0.58 of the range, BT.2408)."""
    ramp = np.zeros((64, 96, 3), np.uint8)
    ramp[:, :32], ramp[:, 32:64], ramp[:, 64:] = 0, round(0.44 * 255), round(0.58 * 255)

    def set_up(stream):
        stream.codec_context.color_trc, stream.codec_context.color_primaries, stream.codec_context.colorspace = 16, 9, 9

    frames, _ = _read(make_film(tmp_path / "x.mp4", [ramp] * 2, pixels="yuv420p10le", set_up=set_up))
    black, grey, white = (int(frames[0].image[:, at].mean()) for at in (16, 48, 80))
    assert black < 6 and 95 < grey < 150 and 165 < white < 215


@pytest.mark.parametrize("name", ["2026-11-28T12:30:00.mp4", "a%03d.mp4", "file:x.mp4", "ü ß.mp4"])
def test_names_that_look_like_something_else(tmp_path, make_film, person_frames, name):
    made = make_film(tmp_path / "x.mp4", person_frames[:3])
    made.rename(tmp_path / name)
    assert len(_read(tmp_path / name)[0]) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="names of other systems are text")
def test_a_name_that_is_no_utf8(tmp_path, make_film, person_frames):
    name = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4")
    os.rename(make_film(tmp_path / "x.mp4", person_frames[:3]), name)
    assert len(_read(name)[0]) == 3


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe(tmp_path, make_film, person_frames):
    film, pipe = make_film(tmp_path / "x.ts", person_frames), tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["sh", "-c", f"cat '{film}' > '{pipe}'"]):
        frames, reader = _read(pipe)
    assert len(frames) == 30 and reader.damage is None


def test_what_is_no_film(tmp_path, make_film, person_frames, capfd):
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_text("nothing moves here", encoding="utf-8")
    whole = make_film(tmp_path / "x.mp4", person_frames[:5]).read_bytes()
    (tmp_path / "half.mp4").write_bytes(whole[: len(whole) // 2])
    for name, words in (("empty.mp4", "empty"), ("text.mp4", "not a video"), ("half.mp4", "not a video")):
        with pytest.raises(ValueError, match=words) as caught:
            VideoReader(tmp_path / name)
        assert name in str(caught.value)
    with av.open(str(tmp_path / "song.m4a"), "w", format="mp4") as target:
        sound = target.add_stream("aac", rate=48000, layout="mono")
        part = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.int16), format="s16", layout="mono")
        part.sample_rate = 48000
        target.mux(sound.encode(part))
        target.mux(sound.encode(None))
    with pytest.raises(ValueError, match="holds no moving picture"):
        VideoReader(tmp_path / "song.m4a")
    with pytest.raises(FileNotFoundError, match="no such file"):
        VideoReader(tmp_path / "none.mp4")
    with pytest.raises(OSError, match="camera 97"):
        CameraReader(97)
    assert capfd.readouterr().err == ""


def test_a_frame_size_beyond_the_limit(tmp_path, make_film, person_frames):
    path = make_film(tmp_path / "x.mp4", person_frames[:2])
    assert len(_read(path, max_megapixels=0.0192)[0]) == 2
    with pytest.raises(ValueError, match=r"x\.mp4: declares 160x120 pixels"):
        VideoReader(path, max_megapixels=0.0191)


def test_a_streams_password_stays_out_of_its_errors():
    with pytest.raises(OSError, match="door: does not answer") as caught:
        VideoReader("rtsp://user:sesame@127.0.0.1:9/door", label="rtsp://user:***@127.0.0.1:9/door")
    assert "sesame" not in str(caught.value)
