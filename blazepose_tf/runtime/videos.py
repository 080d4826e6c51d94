"""Moving pictures: reading files, cameras and streams frame by frame, writing a file that is complete or absent."""

from __future__ import annotations

import math
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from blazepose_tf.console import silent_libraries

VIDEO_SUFFIXES = (
    ".mp4",
    ".m4v",
    ".mov",
    ".avi",
    ".mkv",
    ".webm",
    ".mpg",
    ".mpeg",
    ".wmv",
    ".flv",
    ".ts",
    ".3gp",
    ".ogv",
)
NOMINAL_FPS = 30.0
# Containers estimate their frame count; only a larger gap means that the file ends early.
_COUNT_TOLERANCE = 0.02
# A camera that was away for longer leaves a cut, not a still.
_MAX_REPEAT_SECONDS = 2.0


class Frame(NamedTuple):
    """One frame: its number from 0, its time in milliseconds, and (H, W, 3) uint8 RGB pixels."""

    index: int
    timestamp_ms: float
    image: np.ndarray


class VideoReader:
    """Frames of a file, camera or stream.

    Attributes:
        label: name for messages.
        fps: frames per second, 30 where the source does not say.
        frame_count: frames that the file claims to hold; None for cameras and streams.
        frames_read: frames delivered so far.
        live: a camera or stream: frames come when they come, and their times are those of arrival.
    """

    def __init__(self, source: str | os.PathLike | int, *, label: str | None = None):
        """Opens the source: a path, a URL or a camera's index.

        Raises:
            OSError: no such file or camera.
            ValueError: nothing that OpenCV can read as a video.
        """
        self.label = str(source) if label is None else label
        self.live = isinstance(source, int) or "://" in str(source)
        if not self.live:
            path = Path(source)
            if not path.is_file():
                raise FileNotFoundError(f"{self.label}: no such file")
            if path.stat().st_size == 0:
                raise ValueError(f"{self.label}: the file is empty")
        _quiet_ffmpeg()
        with silent_libraries():
            self._capture = cv2.VideoCapture(source if isinstance(source, int) else str(source))
        if not self._capture.isOpened():
            self._capture.release()
            if isinstance(source, int):
                raise OSError(f"camera {source}: cannot be opened")
            raise ValueError(f"{self.label}: not a video that can be read (unknown format, damaged or truncated)")
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        self.fps = float(fps) if math.isfinite(fps) and 0.1 < fps < 1000 else NOMINAL_FPS
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.frame_count = int(count) if not self.live and math.isfinite(count) and 0 < count < 1e8 else None
        self.frames_read = 0

    def __iter__(self) -> Iterator[Frame]:
        latest, started = -1.0, time.monotonic()
        while True:
            ok, frame = self._capture.read()
            if not ok or frame is None:
                return
            arrival = 1e3 * (time.monotonic() - started)
            timestamp = arrival if self.live else self._capture.get(cv2.CAP_PROP_POS_MSEC)
            # Some containers and cameras give no times: then the frame's number says when it was.
            if not math.isfinite(timestamp) or timestamp <= latest:
                timestamp = max(1e3 * self.frames_read / self.fps, latest + 1e3 / self.fps if latest >= 0 else 0.0)
            latest = timestamp
            index = self.frames_read
            self.frames_read += 1
            yield Frame(index, timestamp, _to_rgb(frame))

    @property
    def ended_early(self) -> bool:
        """Whether fewer frames came than the file claims to hold. Ask after reading to the end."""
        if self.frame_count is None:
            return False
        return self.frame_count - self.frames_read > max(2, _COUNT_TOLERANCE * self.frame_count)

    def close(self) -> None:
        """Releases the source."""
        self._capture.release()

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *_) -> None:
        self.close()


def _to_rgb(frame: np.ndarray) -> np.ndarray:
    if frame.ndim == 2 or frame.shape[2] == 1:
        return cv2.cvtColor(frame, cv2.COLOR_GRAY2RGB)
    return cv2.cvtColor(frame, cv2.COLOR_BGRA2RGB if frame.shape[2] == 4 else cv2.COLOR_BGR2RGB)


def _quiet_ffmpeg() -> None:
    """FFmpeg's own messages would bury ours; the variable is read when the first video is opened."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


class VideoWriter:
    """Writes an .mp4 (MPEG-4) under a temporary name; `commit` gives it its final name, leaving without drops it."""

    def __init__(self, path: str | os.PathLike, *, fps: float, size: tuple[int, int]):
        """Opens the file.

        Args:
            path: final name, ending in .mp4.
            fps: frames per second.
            size: width, height in pixels.

        Raises:
            OSError: the folder is not writable or the encoder refuses the size.
        """
        self.path = Path(path)
        self.size = size
        self.frames = 0
        self._fps = fps
        _quiet_ffmpeg()
        try:
            descriptor, self._temporary = tempfile.mkstemp(
                prefix=f".{self.path.stem}.", suffix=".mp4", dir=self.path.parent
            )
            os.close(descriptor)
        except OSError as error:
            raise OSError(f"{self.path}: cannot be written ({error.strerror})") from error
        self._writer: cv2.VideoWriter | None = cv2.VideoWriter(
            self._temporary, cv2.VideoWriter_fourcc(*"mp4v"), fps, size
        )
        if not self._writer.isOpened():
            self.discard()
            raise OSError(f"{self.path}: a video of {size[0]}x{size[1]} at {fps:g} frames/s cannot be written")

    def write(self, image: np.ndarray, *, until_ms: float | None = None) -> None:
        """Appends a frame.

        Args:
            image: (H, W, 3) uint8 RGB; another size than the first's is scaled to it.
            until_ms: time of a live frame; it is repeated until the file is as long, so that it plays at true speed
                although the camera or the pipeline was slower than `fps`.
        """
        if (image.shape[1], image.shape[0]) != self.size:
            image = cv2.resize(image, self.size, interpolation=cv2.INTER_AREA)
        image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        behind = 1 if until_ms is None else round(until_ms * self._fps / 1000.0) + 1 - self.frames
        for _ in range(min(max(behind, 1), round(_MAX_REPEAT_SECONDS * self._fps) + 1)):
            self._writer.write(image)
            self.frames += 1

    def commit(self) -> None:
        """Finishes the file and gives it its final name.

        Raises:
            OSError: not all frames reached the disk; nothing is left behind.
        """
        self._writer.release()
        self._writer = None
        # The encoder reports no write errors, so the file itself is asked.
        with silent_libraries():
            check = cv2.VideoCapture(self._temporary)
        complete = check.isOpened() and int(check.get(cv2.CAP_PROP_FRAME_COUNT)) >= self.frames
        check.release()
        if not complete:
            self.discard()
            raise OSError(f"{self.path}: cannot be written completely (disk full?)")
        try:
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(self._temporary, 0o666 & ~mask)
            os.replace(self._temporary, self.path)
        except OSError as error:
            raise OSError(f"{self.path}: cannot be written ({error.strerror})") from error
        finally:
            self.discard()

    def discard(self) -> None:
        """Drops what is not committed."""
        if self._writer is not None:
            self._writer.release()
            self._writer = None
        if os.path.exists(self._temporary):
            os.unlink(self._temporary)

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, *_) -> None:
        self.discard()
