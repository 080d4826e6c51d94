"""Films made by the tests themselves, of the rendered people in testdata/."""

from __future__ import annotations

from fractions import Fraction

import av
import cv2
import numpy as np
import pytest


@pytest.fixture(scope="session")
def person_frames(testdata_dir):
    """30 frames (120, 160, 3) uint8 RGB of the rendered, moving person."""
    capture, frames = cv2.VideoCapture(str(testdata_dir / "person.mp4")), []
    while len(frames) < 30:
        ok, frame = capture.read()
        assert ok
        frames.append(cv2.resize(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), (160, 120), interpolation=cv2.INTER_AREA))
    return frames


@pytest.fixture(scope="session")
def make_film():
    """Writes a film with PyAV."""

    def make(
        path, frames, *, times_ms=None, codec="libx264", pixels="yuv420p", options=None, sound_seconds=0.0, set_up=None,
        container=None, container_options=None, sound_codec="aac", clock=Fraction(1, 1000),
    ):  # fmt: skip
        times_ms = times_ms or [round(1000 * i / 25) for i in range(len(frames))]
        with av.open(str(path), "w", format=container, options=container_options or {}) as target:
            stream = target.add_stream(codec, rate=25, options={"bf": "0", **(options or {})})
            stream.height, stream.width = frames[0].shape[:2]
            stream.pix_fmt = pixels
            stream.codec_context.time_base = stream.time_base = clock
            if set_up is not None:
                set_up(stream)
            sound = target.add_stream(sound_codec, rate=48000, layout="mono") if sound_seconds else None
            for image, milliseconds in zip(frames, times_ms, strict=True):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), "rgb24")
                frame.pts, frame.time_base = milliseconds, clock
                target.mux(stream.encode(frame))
            target.mux(stream.encode(None))
            if sound is not None:
                for start in range(0, int(48000 * sound_seconds), 1024):
                    tone = 0.1 * np.sin(2 * np.pi * 440 / 48000 * np.arange(start, start + 1024))
                    part = av.AudioFrame.from_ndarray(np.int16(32767 * tone)[None], format="s16", layout="mono")
                    part.sample_rate, part.pts, part.time_base = 48000, start, Fraction(1, 48000)
                    target.mux(sound.encode(part))
                target.mux(sound.encode(None))
        return path

    return make
