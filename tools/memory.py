"""Memory of one pipeline over many frames: flat, or something is kept that should not be.

    python tools/memory.py --frames=100000
    python tools/memory.py --frames=20000 --size=1280x720 --max_people=3

Frames are those of the rendered clip in testdata, forwards and backwards, with a black one now and then so that people
are lost and found. The resident memory after a tenth of the frames is compared with that after each later tenth.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

from blazepose_tf.runtime import PosePipeline

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 0.05


def _resident_mb() -> float:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("the system does not tell how much memory a process has")


def _clip(size: tuple[int, int]) -> list[np.ndarray]:
    capture, frames = cv2.VideoCapture(str(ROOT / "testdata" / "person.mp4")), []
    while len(frames) < 60:
        whole, frame = capture.read()
        if not whole:
            break
        frames.append(np.ascontiguousarray(cv2.resize(frame, size)[..., ::-1]))
    return [*frames, *reversed(frames), np.zeros_like(frames[0])]


def main() -> int:
    """Runs the program."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--size", default="480x360")
    parser.add_argument("--max_people", type=int, default=1)
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    clip = _clip((width, height))
    pipeline = PosePipeline(max_people=options.max_people)
    first, found, worst, step = None, 0, 0.0, max(1, options.frames // 10)
    for number in range(options.frames):
        found += len(pipeline(clip[number % len(clip)], number * 1000.0 / 30.0).people)
        if (number + 1) % step == 0:
            memory = _resident_mb()
            first = first or memory
            worst = max(worst, memory / first - 1.0)
            print(f"{number + 1} frames, {found} poses: {memory:.1f} MB ({memory / first - 1.0:+.1%})", flush=True)
    return 1 if worst > LIMIT else 0


if __name__ == "__main__":
    sys.exit(main())
