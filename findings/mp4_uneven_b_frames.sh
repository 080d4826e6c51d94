#!/usr/bin/env bash
# Guess: an MP4 lasts until its last frame's time plus that frame's duration, whatever the order in which frames are stored.
# Behaviour: with B frames and uneven times FFmpeg's MP4 writer adds the steps of decoding times, which end long before the
# last frame is shown: frames at 0 to 1000 ms, a declared length of 399 ms, and players that go by it stop there.
# Seen with av 18.1.0 (FFmpeg 8), numpy 2.4. blazepose_tf: media.writer encodes without B frames and sets each packet's duration.
set -euo pipefail
DIR=$(mktemp -d); trap 'rm -rf "$DIR"' EXIT
python3 -m venv "$DIR/venv"
"$DIR/venv/bin/pip" install -q "av==18.1.0" "numpy>=2,<3"
"$DIR/venv/bin/python" - "$DIR" <<'PY'
import sys
from fractions import Fraction
import av
import numpy as np

TIMES = [0, 33, 66, 300, 333, 1000]
lengths = {}
for b_frames in ("3", "0"):
    path = f"{sys.argv[1]}/{b_frames}.mp4"
    with av.open(path, "w") as film:
        stream = film.add_stream("libx264", rate=30, options={"bf": b_frames})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for i, time in enumerate(TIMES):
            image = np.zeros((240, 320, 3), np.uint8)
            image[:, 4 * i : 4 * i + 30] = 255
            frame = av.VideoFrame.from_ndarray(image, "rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))
    with av.open(path) as film:
        lengths[b_frames] = film.duration / 1e6
        last = [frame.time for frame in film.decode(video=0)][-1]
    print(f"B frames up to {b_frames}: declared length {lengths[b_frames]:.3f} s, last frame shown at {last:.3f} s")
sys.exit(not (lengths["3"] < 0.9 and lengths["0"] >= 1.0))
PY
