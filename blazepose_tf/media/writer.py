"""Drawn films: H.264 in MP4 as browsers and phones play it, each frame at its own time, with the source's sound."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from blazepose_tf import files
from blazepose_tf.media.videos import THREADS, address, fit

__all__ = ["VideoWriter"]

# MPEG's clock: the frames of 24, 25, 30 and 30000/1001 a second begin on its ticks.
_CLOCK = Fraction(1, 90000)
# B frames are stored in another order than they are shown; without them a frame's duration is what the file says.
_ENCODERS = (
    ("libx264", {"preset": "ultrafast", "qp": "24", "bf": "0"}),
    ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "crf": "32", "b": "0", "lag-in-frames": "0"}),
    ("mpeg4", {"qscale": "4"}),
)
# Sound that browsers play in an MP4; all other is encoded as AAC.
_COPIED = ("aac", "mp3", "opus", "flac", "ac3", "eac3", "alac")
_BT601, _LIMITED = 6, 1


class VideoWriter:
    """Writes an .mp4 under a temporary name; `commit` gives it its final name, leaving without drops it."""

    def __init__(
        self,
        path: str | os.PathLike,
        *,
        size: tuple[int, int],
        fps: float,
        sound: str | os.PathLike | None = None,
        sound_starts_ms: float = 0.0,
    ):
        """Opens the file.

        Args:
            path: final name, ending in .mp4.
            size: width, height in pixels; odd ones get one more column or row, as the codec needs.
            fps: nominal frames per second; what counts are the times of the frames.
            sound: film whose sound is copied.
            sound_starts_ms: time in `sound` at which this film's time is 0.

        Raises:
            OSError: the folder is not writable or the encoder refuses the size.
        """
        self.path = Path(path)
        self.size = size
        self.frames = 0
        self._stack = contextlib.ExitStack()
        self._container = self._sound = None
        self._durations: dict[int, int] = {}
        self._latest = -1
        try:
            self._whole = files.atomic_path(self.path)
            temporary = self._whole.__enter__()
            self._open(temporary, fps, sound, sound_starts_ms)
        except BaseException:
            self.discard()
            raise

    def _open(self, temporary: Path, fps: float, sound, sound_starts_ms: float) -> None:
        with self._named_errors():
            # Players start before they have the whole file when its index stands first.
            self._container = av.open(address(temporary), "w", format="mp4", options={"movflags": "+faststart"})
            codec, options = next((c, o) for c, o in _ENCODERS if c in av.codecs_available)
            rate = Fraction(fps).limit_denominator(1001)
            self._stream = stream = self._container.add_stream(codec, rate=rate, options=options)
            stream.width, stream.height = self.size[0] + self.size[0] % 2, self.size[1] + self.size[1] % 2
            stream.pix_fmt = "yuv420p"
            stream.codec_context.thread_count = THREADS
            stream.codec_context.time_base = stream.time_base = _CLOCK
            stream.codec_context.colorspace, stream.codec_context.color_range = _BT601, _LIMITED
            self._container.metadata["comment"] = "blazepose_tf"
            if sound is not None:
                self._sound = _Sound(sound, self._container, sound_starts_ms)
            self._container.start_encoding()

    def write(self, image: np.ndarray, timestamp_ms: float, duration_ms: float | None = None) -> None:
        """Appends a frame.

        Args:
            image: (H, W, 3) uint8 RGB; one of another size is fitted into the film's.
            timestamp_ms: when it is shown; later than the frame before.
            duration_ms: how long the last frame is shown; those before it last until the next.

        Raises:
            OSError: the disk is full.
        """
        image = fit(image, self.size)
        right, bottom = self._stream.width - self.size[0], self._stream.height - self.size[1]
        if right or bottom:
            image = cv2.copyMakeBorder(image, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
        # OpenCV's conversion is four times as fast as FFmpeg's. The frame keeps the array, which nobody changes.
        frame = av.VideoFrame.from_numpy_buffer(cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420), "yuv420p")
        frame.pts = self._latest = max(_ticks(timestamp_ms), self._latest + 1)
        frame.time_base = _CLOCK
        self._durations[frame.pts] = _ticks(duration_ms or 0.0)
        self._mux(self._stream.encode(frame))
        self.frames += 1

    def _mux(self, packets: list[av.Packet]) -> None:
        with self._named_errors():
            for packet in packets:
                duration = self._durations.pop(packet.pts, 0)
                if duration:
                    packet.duration = duration
                if self._sound is not None:
                    self._sound.copy_until(float(packet.pts * _CLOCK))
                self._container.mux(packet)

    def commit(self, *, whole: bool = True) -> None:
        """Finishes the file and gives it its final name.

        Args:
            whole: the film goes to its source's end, so all its sound does; else sound ends with the last frame.

        Raises:
            OSError: not all frames reached the disk; nothing is left behind.
        """
        try:
            last = self._durations.get(self._latest, 0)
            self._mux(self._stream.encode(None))
            with self._named_errors():
                if self._sound is not None:
                    self._sound.finish(None if whole else float((self._latest + last) * _CLOCK))
                container, self._container = self._container, None
                container.close()
            whole_file, self._whole = self._whole, None
            whole_file.__exit__(None, None, None)
        finally:
            self.discard()

    def discard(self) -> None:
        """Drops what is not committed."""
        if self._sound is not None:
            self._sound.close()
            self._sound = None
        if self._container is not None:
            with contextlib.suppress(OSError, ValueError):
                self._container.close()
            self._container = None
        whole, self._whole = getattr(self, "_whole", None), None
        if whole is not None:
            # The block has failed, as far as the temporary file is concerned.
            dropped = GeneratorExit()
            with contextlib.suppress(GeneratorExit):
                whole.__exit__(GeneratorExit, dropped, None)

    @contextlib.contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except av.error.FFmpegError as error:
            reason = error.strerror or type(error).__name__
            raise OSError(f"{self.path}: cannot be written ({reason})") from error

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, *_) -> None:
        self.discard()


def _ticks(milliseconds: float) -> int:
    return round(milliseconds * 90)


class _Sound:
    """Copies the sound of a film beside its drawn frames, packet by packet as time goes on."""

    def __init__(self, source: str | os.PathLike, target: av.container.OutputContainer, starts_ms: float):
        self._source = self._packets = None
        try:
            self._source = av.open(address(source))
            stream = self._source.streams.best("audio")
        except (av.error.FFmpegError, OSError):
            stream = None
        if stream is None:
            return
        self._origin = starts_ms / 1e3
        self._target = target
        self._encoder = None
        if stream.codec_context.name in _COPIED:
            self._stream = target.add_stream_from_template(stream)
        else:
            self._stream = target.add_stream("aac", rate=min(stream.codec_context.sample_rate or 48000, 48000))
            self._stream.codec_context.layout = "stereo" if stream.codec_context.channels > 1 else "mono"
            self._encoder = av.AudioResampler(format="fltp", layout=self._stream.layout, rate=self._stream.rate)
        self._packets = self._timed(stream)
        self._waiting: tuple[float, object] | None = None

    def _timed(self, stream) -> Iterator[tuple[float, object]]:
        """Packets (or decoded frames where they are encoded anew) and their seconds in the drawn film."""
        try:
            for packet in self._source.demux(stream):
                for part in [packet] if self._encoder is None else packet.decode():
                    if part.pts is None or (self._encoder is None and (part.size == 0 or part.dts is None)):
                        continue
                    shift = round(self._origin / part.time_base)
                    part.pts -= shift
                    if self._encoder is None:
                        part.dts -= shift
                    yield float(part.pts * part.time_base), part
        except av.error.FFmpegError:
            return  # damaged sound ends; the picture goes on

    def copy_until(self, seconds: float) -> None:
        """Copies what is heard up to a time."""
        while self._packets is not None:
            item = self._waiting or next(self._packets, None)
            if item is None:
                self._packets = None
                return
            self._waiting = item if item[0] > seconds else None
            if self._waiting is not None:
                return
            self._put(item[1])

    def _put(self, part) -> None:
        if self._encoder is None:
            part.stream = self._stream
            self._target.mux(part)
            return
        for frame in self._encoder.resample(part):
            self._target.mux(self._stream.encode(frame))

    def finish(self, seconds: float | None) -> None:
        """Copies up to a time, or to the end (None), and empties the encoder."""
        has_sound = self._packets is not None or getattr(self, "_encoder", None) is not None
        self.copy_until(float("inf") if seconds is None else seconds)
        if has_sound and self._encoder is not None:
            for frame in self._encoder.resample(None):
                self._target.mux(self._stream.encode(frame))
            self._target.mux(self._stream.encode(None))

    def close(self) -> None:
        if self._source is not None:
            self._packets = None
            self._source.close()
            self._source = None
