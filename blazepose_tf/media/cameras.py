"""Cameras, through OpenCV, which knows those of every system."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import cv2

from blazepose_tf.console import silent_libraries
from blazepose_tf.media.videos import NOMINAL_FPS, Frame


class CameraReader:
    """Frames of a camera at the times of their arrival, with `VideoReader`'s attributes."""

    live = True
    pixel_aspect = 1.0
    damage = None

    def __init__(self, index: int, *, width: int | None = None, height: int | None = None, fps: float | None = None):
        """Opens a camera.

        Args:
            index: number of the camera, 0 is the first.
            width, height, fps: wishes; the camera takes the nearest that it has.

        Raises:
            OSError: it cannot be opened.
        """
        self.label = f"camera {index}"
        self.frames_read = 0
        with silent_libraries():
            self._capture = cv2.VideoCapture(index)
        if not self._capture.isOpened():
            self._capture.release()
            raise OSError(f"camera {index}: cannot be opened")
        for setting, value in (
            (cv2.CAP_PROP_FRAME_WIDTH, width), (cv2.CAP_PROP_FRAME_HEIGHT, height), (cv2.CAP_PROP_FPS, fps),
        ):  # fmt: skip
            if value is not None:
                self._capture.set(setting, value)
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        self.fps = float(fps) if math.isfinite(fps) and 0.1 < fps < 1000 else NOMINAL_FPS

    def __iter__(self) -> Iterator[Frame]:
        started = time.monotonic()
        while True:
            ok, image = self._capture.read()
            if not ok or image is None:
                return
            milliseconds = 1e3 * (time.monotonic() - started)
            if image.ndim == 2 or image.shape[2] == 1:
                image = cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
            else:
                image = cv2.cvtColor(image, cv2.COLOR_BGRA2RGB if image.shape[2] == 4 else cv2.COLOR_BGR2RGB)
            self.frames_read += 1
            yield Frame(self.frames_read - 1, milliseconds, image)

    def close(self) -> None:
        """Releases the camera."""
        self._capture.release()

    def __enter__(self) -> CameraReader:
        return self

    def __exit__(self, *_) -> None:
        self.close()
