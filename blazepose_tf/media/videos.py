"""Films: files and streams frame by frame, upright, with square pixels, deinterlaced, each frame at its own time."""

from __future__ import annotations

import math
import os
import struct
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np
from av.sidedata.sidedata import Type as SideData

from blazepose_tf.media import containers
from blazepose_tf.media.headers import MAX_MEGAPIXELS, check_size

__all__ = ["Frame", "VideoReader"]

NOMINAL_FPS = 30.0
_TIMEOUT_SECONDS = 30.0
# Their clocks start anywhere; the other containers' times count from the beginning of the film.
_FREE_CLOCKS = ("mpegts", "mpeg", "rtsp", "hls", "rtp", "sdp")
# A clock that jumps back by more starts anew; by less, one frame came late.
_JUMP_SECONDS = 1.0
# Beyond it a declared pixel aspect is a mistake; within a hundredth of 1 it is a rounding.
_ASPECTS = (0.25, 4.0)
# Of a decoder or an encoder: the other half of the cores is for whoever looks at the frames.
THREADS = max(1, min(4, (os.cpu_count() or 1) // 2))
_PQ = 16


class Frame(NamedTuple):
    """One frame of a film.

    Attributes:
        index: its number from 0.
        timestamp_ms: when it is shown, from the film's beginning.
        image: (H, W, 3) uint8 RGB.
        duration_ms: how long it is shown; None where frames come live.
    """

    index: int
    timestamp_ms: float
    image: np.ndarray
    duration_ms: float | None = None


class VideoReader:
    """Frames of a file or stream. All have the size of the first: a later one of another size is fitted into it.

    Attributes:
        label: name for messages.
        live: a stream: frames come when they come, and have no duration.
        pixel_aspect: width / height of a stored pixel; frames are delivered with square ones.
        frames_read: frames delivered so far.
        starts_ms: the file's own time at which the film begins.
    """

    def __init__(self, source: str | os.PathLike, *, label: str | None = None, max_megapixels: float = MAX_MEGAPIXELS):
        """Opens the source.

        Args:
            source: a path, a named pipe, or a URL.
            label: what messages call it; the source itself by default.
            max_megapixels: a film that declares more per frame is refused before it is decoded.

        Raises:
            OSError: no such file, or the stream does not answer.
            ValueError: nothing that can be read as a film.
        """
        self.label = str(source) if label is None else label
        self.live = "://" in str(source)
        self.frames_read = 0
        self.pixel_aspect = 1.0
        self.starts_ms = 0.0
        self._path = None if self.live else Path(source)
        self._max_megapixels = max_megapixels
        self._damaged, self._begun = 0, False
        self._size: tuple[int, int] | None = None
        self._first_ms = self._last_ms = 0.0
        self._graph: av.filter.Graph | None = None
        self._graph_format: tuple | None = None
        self._container = self._open(str(source))
        try:
            self._stream = _picture_stream(self._container)
            if self._stream is None:
                raise ValueError(f"{self.label}: holds no moving picture")
            self._check_size(self._stream.codec_context.width, self._stream.codec_context.height)
            if any(name in _FREE_CLOCKS for name in self._container.format.name.split(",")):
                self.starts_ms = 1e3 * (self._container.start_time or 0) / av.time_base
            # A stream must not be asked after its container is closed.
            self._declared = _declared_rate(self._stream)
            self.pixel_aspect = _pixel_aspect(self._stream)
            self._stream.thread_type = "AUTO"
            self._stream.codec_context.thread_count = THREADS
        except BaseException:
            self._container.close()
            raise

    def _open(self, source: str) -> av.container.InputContainer:
        if not self.live:
            path = Path(source)
            if not path.exists() or path.is_dir():
                raise FileNotFoundError(f"{self.label}: no such file")
            if path.is_file() and path.stat().st_size == 0:
                raise ValueError(f"{self.label}: the file is empty")
        try:
            if self.live:
                return av.open(source, timeout=_TIMEOUT_SECONDS)
            return av.open(address(source))
        except (av.error.PermissionError, PermissionError) as error:
            raise OSError(f"{self.label}: cannot be read ({os.strerror(error.errno)})") from error
        except av.error.FFmpegError as error:
            if self.live:
                raise OSError(f"{self.label}: does not answer as a stream ({_reason(error)})") from error
            raise ValueError(
                f"{self.label}: not a video that can be read (unknown format, damaged or truncated)"
            ) from error

    def __iter__(self) -> Iterator[Frame]:
        waiting: Frame | None = None
        for milliseconds, image, own in self._timed():
            if self.frames_read == 0 and waiting is None:
                self._first_ms = milliseconds
            self._last_ms = milliseconds
            if self.live:
                self.frames_read += 1
                yield Frame(self.frames_read - 1, milliseconds, image)
                continue
            if waiting is not None:
                self.frames_read += 1
                yield waiting._replace(duration_ms=milliseconds - waiting.timestamp_ms)
            waiting = Frame(self.frames_read, milliseconds, image, own)
        if waiting is not None:
            self.frames_read += 1
            yield waiting._replace(duration_ms=waiting.duration_ms or 1e3 / self._declared)

    @property
    def fps(self) -> float:
        """Frames per second: as the file says where its frames agree, else the mean of those read."""
        spans = self.frames_read - 1
        if spans < 2 or self._last_ms <= self._first_ms:
            return self._declared
        measured = 1e3 * spans / (self._last_ms - self._first_ms)
        return self._declared if abs(measured / self._declared - 1) < 0.02 else round(measured, 3)

    @property
    def damage(self) -> str | None:
        """What is wrong with a film that was read to its end; None when it is whole."""
        if self._path is not None and self._path.is_file() and containers.is_cut(self._path):
            return f"the video ends early, after {self.frames_read} frames"
        if self._damaged:
            return f"the video is damaged in {self._damaged} place{'s' if self._damaged > 1 else ''}"
        return None

    def _timed(self) -> Iterator[tuple[float, np.ndarray, float | None]]:
        """Time in milliseconds, picture, and the duration that the file gives it, of each frame."""
        container, latest, shift = self._container, -math.inf, 0.0
        origin = self.starts_ms / 1e3
        step, lasting = 1.0 / self._declared, container.format.name != "avi"
        for frame, seconds in self._decoded():
            count = 0 if latest == -math.inf else latest + step
            seconds = count if seconds is None else seconds - origin + shift
            if seconds <= latest:
                shift += latest + step - seconds if seconds < latest - _JUMP_SECONDS else 0.0
                seconds = latest + step
            try:
                image = self._picture(frame)
            except av.error.FFmpegError:
                self._damaged += 1
                continue
            latest = seconds
            known = lasting and frame.duration and frame.time_base
            yield 1e3 * seconds, image, 1e3 * float(frame.duration * frame.time_base) if known else None

    def _decoded(self) -> Iterator[tuple[av.VideoFrame, float | None]]:
        """Frames in the order in which they are shown, and their times in seconds where the file gives them."""
        # AVI has times for packets only, in the order of the file: the frames take them in turn.
        by_packet = self._container.format.name == "avi"
        times: deque[float] = deque()
        for packet in self._packets():
            try:
                frames = self._stream.decode(packet)
            except av.error.FFmpegError:
                self._damaged += self._begun
                continue
            if by_packet and packet is not None and packet.size and packet.dts is not None:
                times.append(float(packet.dts * packet.time_base))
            for frame in frames:
                # What was cut out of a broadcast begins in the middle of a group of pictures; that is no damage.
                self._damaged += self._begun and frame.is_corrupt
                self._begun |= not frame.is_corrupt
                seconds = times.popleft() if by_packet and times else None if by_packet else frame.time
                yield from self._deinterlaced(frame, seconds)
        yield from self._drained()

    def _packets(self) -> Iterator[av.Packet | None]:
        """The film's packets; None where the demuxer gives up, for what the decoder still holds."""
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.error.FFmpegError:
                self._damaged += 1
                yield None
                return
            yield packet

    def _deinterlaced(
        self, frame: av.VideoFrame, seconds: float | None
    ) -> Iterator[tuple[av.VideoFrame, float | None]]:
        kind = (frame.width, frame.height, frame.format.name)
        if self._graph is not None and kind != self._graph_format:
            yield from self._drained()
        if self._graph is None and not frame.interlaced_frame:
            yield frame, seconds
            return
        if self._graph is None:
            self._graph, self._graph_format, self._graph_times = _deinterlacer(frame), kind, deque()
        self._graph_times.append(seconds)
        try:
            self._graph.vpush(frame)
        except av.error.FFmpegError:
            self._damaged, self._graph = self._damaged + 1, None
            return
        yield from self._pulled()

    def _pulled(self) -> Iterator[tuple[av.VideoFrame, float | None]]:
        while True:
            try:
                frame = self._graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            yield frame, self._graph_times.popleft() if self._graph_times else None

    def _drained(self) -> Iterator[tuple[av.VideoFrame, float | None]]:
        if self._graph is not None:
            self._graph.vpush(None)
            yield from self._pulled()
            self._graph = None

    def _picture(self, frame: av.VideoFrame) -> np.ndarray:
        self._check_size(frame.width, frame.height)
        wide, high, aspect = frame.width, frame.height, self.pixel_aspect
        if aspect != 1:
            wide, high = (round(wide * aspect), high) if aspect > 1 else (wide, round(high / aspect))
        if frame.color_trc == _PQ:
            image = _TONES[frame.to_ndarray(format="rgb48le", width=wide, height=high) >> 4]
        else:
            image = frame.to_ndarray(format="rgb24", width=wide, height=high)
        image = _turned(image, frame)
        if self._size is None:
            self._size = (image.shape[1], image.shape[0])
        return fit(image, self._size)

    def _check_size(self, width: int, height: int) -> None:
        try:
            check_size(width, height, max_megapixels=self._max_megapixels)
        except ValueError as error:
            raise ValueError(f"{self.label}: {error}") from error

    def close(self) -> None:
        """Releases the source."""
        self._container.close()

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *_) -> None:
        self.close()


def address(path: str | os.PathLike) -> str:
    """A file's name for FFmpeg, which takes "12:30.mp4" for an address."""
    return f"file:{os.fspath(path)}"


def _reason(error: Exception) -> str:
    """What went wrong, without the address, which may hold a password."""
    return getattr(error, "strerror", None) or type(error).__name__


def _picture_stream(container) -> av.video.stream.VideoStream | None:
    """The film's picture; the cover of a song is none."""
    moving = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
    best = container.streams.best("video")
    return best if best in moving else moving[0] if moving else None


def _declared_rate(stream: av.video.stream.VideoStream) -> float:
    rate = stream.guessed_rate or stream.average_rate
    return float(rate) if rate and 0.1 < rate < 1000 else NOMINAL_FPS


def _pixel_aspect(stream: av.video.stream.VideoStream) -> float:
    aspect = float(stream.sample_aspect_ratio or 1)
    return aspect if _ASPECTS[0] <= aspect <= _ASPECTS[1] and abs(aspect - 1) > 0.01 else 1.0


def _deinterlacer(frame: av.VideoFrame) -> av.filter.Graph:
    """A graph that makes whole frames of fields and lets progressive frames pass."""
    graph = av.filter.Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base)
    weave = graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced")
    sink = graph.add("buffersink")
    source.link_to(weave)
    weave.link_to(sink)
    graph.configure()
    return graph


def fit(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The picture scaled into a width and height, its shape kept, centred on black."""
    height, width = image.shape[:2]
    if (width, height) == size:
        return image
    scale = min(size[0] / width, size[1] / height)
    inner = min(max(round(width * scale), 1), size[0]), min(max(round(height * scale), 1), size[1])
    small = cv2.resize(image, inner, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    canvas = np.zeros((size[1], size[0], 3), np.uint8)
    left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = small
    return canvas


def _turned(image: np.ndarray, frame: av.VideoFrame) -> np.ndarray:
    """The picture as its display matrix shows it: one of four turns, perhaps mirrored."""
    matrix = frame.side_data.get(SideData.DISPLAYMATRIX)
    if matrix is None:
        return image
    # x' = a x + c y, y' = b x + d y
    a, b, _, c, d = struct.unpack("=5i", bytes(matrix)[:20])
    if abs(a) + abs(d) < abs(b) + abs(c):
        image, a, d = cv2.transpose(image), c, b
    if a < 0 or d < 0:
        image = cv2.flip(image, -1 if a < 0 and d < 0 else 1 if a < 0 else 0)
    return image


def _tone_curve() -> np.ndarray:
    """(4096,) uint8: what a screen of ordinary brightness shows for the codes of SMPTE ST 2084 (PQ).

    The range up to 1000 cd/m2 is pressed into it (Reinhard's extended curve around 203 cd/m2, the reference white of
    ITU-R BT.2408); what is brighter is cut.
    """
    code = np.linspace(0, 1, 4096) ** (1 / 78.84375)
    nits = 10000 * (np.maximum(code - 0.8359375, 0) / (18.8515625 - 18.6875 * code)) ** (1 / 0.1593017578125)
    light, peak = nits / 203.0, 1000.0 / 203.0
    light = np.clip(light * (1 + light / peak**2) / (1 + light), 0, 1)
    return np.round(255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)).astype(
        np.uint8
    )


_TONES = _tone_curve()
