"""A window that shows drawn frames while they are made."""

from __future__ import annotations

import os
import sys

import cv2
import numpy as np

_KEYS_THAT_END = (ord("q"), ord("Q"), 27)


class Window:
    """Context manager around one of OpenCV's windows."""

    def __init__(self, title: str):
        """Opens the window.

        Raises:
            ValueError: this OpenCV, or this computer, cannot show windows.
        """
        self._title = title
        # Without a screen some builds of OpenCV end the process instead of raising an error.
        screen = not sys.platform.startswith("linux") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
        if not screen:
            raise ValueError("no window can be shown: there is no screen (DISPLAY is not set)")
        try:
            cv2.namedWindow(title, cv2.WINDOW_NORMAL)
        except cv2.error as error:
            raise ValueError(
                "no window can be shown: it needs opencv-python instead of opencv-python-headless"
            ) from error

    def show(self, image: np.ndarray) -> bool:
        """Shows a (H, W, 3) uint8 RGB picture; True when the user wants to end."""
        cv2.imshow(self._title, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        key = cv2.waitKey(1) & 0xFF
        closed = cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1
        return key in _KEYS_THAT_END or closed

    def __enter__(self) -> Window:
        return self

    def __exit__(self, *_) -> None:
        cv2.destroyWindow(self._title)
