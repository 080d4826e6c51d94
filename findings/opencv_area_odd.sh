#!/usr/bin/env bash
# Guess: cv2.resize with INTER_AREA takes a photograph of 4001 x 3001 pixels to half its sides in about the time that it
# takes for one of 4000 x 3000; the picture has a column and a row more.
# Behaviour: ten times as long and more on one thread (about 15 times on the processors seen: 120 instead of 8 ms). By a
# factor of exactly two there is a path of its own; any other, 2.0007 too, is done in float for every pixel and channel.
# One odd side of the two is enough.
# Seen with opencv-python-headless 5.0.0.93, numpy 2.4. blazepose_tf: runtime.warp leaves an odd last row or column out
# before it halves a picture.
set -euo pipefail
DIR=$(mktemp -d); trap 'rm -rf "$DIR"' EXIT
python3 -m venv "$DIR/venv"
"$DIR/venv/bin/pip" install -q "opencv-python-headless==5.0.0.93" "numpy>=2,<3"
"$DIR/venv/bin/python" - <<'PY'
import sys
import time

import cv2
import numpy as np

cv2.setNumThreads(1)
picture = np.random.default_rng(0).integers(0, 256, (3001, 4001, 3), np.uint8)


def milliseconds(part):
    size = (part.shape[1] // 2, part.shape[0] // 2)
    times = []
    for _ in range(7):
        start = time.perf_counter()
        cv2.resize(part, size, interpolation=cv2.INTER_AREA)
        times.append(time.perf_counter() - start)
    return 1e3 * min(times)


found = {part.shape: milliseconds(part) for part in (picture[:3000, :4000], picture, picture[:3000])}
for shape, time_taken in found.items():
    print(f"OpenCV {cv2.__version__}: {shape[1]} x {shape[0]} to half: {time_taken:.1f} ms")
even, *odd = found.values()
sys.exit(not all(time_taken > 5.0 * even for time_taken in odd))
PY
