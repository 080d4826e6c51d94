"""The window of `predict --show` on a virtual screen: what is drawn is what the screen holds."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest

SHOW = """
import sys, time, numpy as np
from blazepose_tf.runtime.window import Window
picture = np.zeros((240, 320, 3), np.uint8)
picture[:, :, 0] = 200
with Window("blazepose") as window:
    while not window.show(picture):
        time.sleep(0.05)
"""


@pytest.fixture
def screen(tmp_path):
    """(display, file of its pixels) of an X server without hardware."""
    if re.search(r"GUI:\s+NONE", cv2.getBuildInformation()):
        pytest.skip("this OpenCV shows no windows (opencv-python instead of opencv-python-headless does)")
    server = shutil.which("Xvfb")
    if server is None:
        pytest.skip("no virtual screen (Debian: xvfb)")
    reading, writing = os.pipe()
    command = [server, "-displayfd", str(writing), "-screen", "0", "800x600x24", "-fbdir", str(tmp_path)]
    with subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL) as process:
        os.close(writing)
        with os.fdopen(reading) as number:
            display = number.readline().strip()
        yield f":{display}", tmp_path / "Xvfb_screen0"
        process.terminate()


def red_pixels(path) -> int:
    """Pixels (blue, green, red, unused) of the picture's colour; the file has a header in the same words."""
    content = np.frombuffer(path.read_bytes(), np.uint8)
    words = content[len(content) % 4 :].reshape(-1, 4)
    return int((words[:, :3] == (0, 0, 200)).all(axis=1).sum())


def test_the_picture_is_on_the_screen(screen):
    import cv2

    if "headless" in cv2.getBuildInformation() or not hasattr(cv2, "namedWindow"):
        pytest.skip("an OpenCV without windows")
    display, pixels = screen
    assert red_pixels(pixels) == 0
    environment = {**os.environ, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb"}
    with subprocess.Popen([sys.executable, "-c", SHOW], env=environment, stderr=subprocess.PIPE) as shown:
        try:
            for _ in range(600):
                if shown.poll() is not None or red_pixels(pixels) > 10_000:
                    break
                time.sleep(0.1)
            assert shown.poll() is None, shown.stderr.read().decode()
            assert red_pixels(pixels) > 10_000
        finally:
            shown.kill()
