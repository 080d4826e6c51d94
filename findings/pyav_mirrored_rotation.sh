#!/usr/bin/env bash
# Guess: PyAV's `frame.rotation` is what a film's display matrix asks for; a film that is mirrored and not turned has 0, and
# whoever turns by it shows every film upright.
# Behaviour: it is the angle of the matrix's first column alone. A film mirrored left to right (a front camera's) has -180, as
# one that stands on its head; one mirrored top to bottom has 0, as an upright one; a transposed one has -90, as a turned one.
# Turning by it puts the first on its head and leaves the second there. The whole matrix is in the frame's side data.
# Seen with av 18.1.0 (FFmpeg 8), also 16.1.0 and 19.0.2, numpy 2.4. blazepose_tf: media.videos turns and mirrors by the whole matrix.
set -euo pipefail
DIR=$(mktemp -d); trap 'rm -rf "$DIR"' EXIT
python3 -m venv "$DIR/venv"
"$DIR/venv/bin/pip" install -q "av==18.1.0" "numpy>=2,<3"
"$DIR/venv/bin/python" - <<'PY'
import io
import struct
import sys

import av
import numpy as np

WIDTH, HEIGHT, ONE = 160, 96, 1 << 16
whole = io.BytesIO()
with av.open(whole, "w", format="mp4") as film:
    stream = film.add_stream("mpeg4", rate=25)
    stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    film.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((HEIGHT, WIDTH, 3), np.uint8), "rgb24")))
    film.mux(stream.encode(None))
content = whole.getvalue()
matrix = content.index(b"tkhd") + 44  # the nine numbers of the track header (ISO 14496-12, 8.3.2)
assert struct.unpack_from(">9i", content, matrix) == (ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30)
asked = {
    "upright": (ONE, 0, 0, ONE, 0, 0),
    "mirrored left to right": (-ONE, 0, 0, ONE, WIDTH * ONE, 0),
    "mirrored top to bottom": (ONE, 0, 0, -ONE, 0, HEIGHT * ONE),
    "turned by 180": (-ONE, 0, 0, -ONE, WIDTH * ONE, HEIGHT * ONE),
    "turned by 90": (0, ONE, -ONE, 0, HEIGHT * ONE, 0),
    "transposed": (0, ONE, ONE, 0, 0, 0),
}
seen = {}
for name, (a, b, c, d, x, y) in asked.items():
    changed = bytearray(content)
    struct.pack_into(">9i", changed, matrix, a, b, 0, c, d, 0, x, y, 1 << 30)
    with av.open(io.BytesIO(bytes(changed))) as film:
        seen[name] = next(film.decode(video=0)).rotation
    print(f"{name}: rotation {seen[name]}")
expected = dict(zip(asked, (0, -180, 0, -180, -90, -90)))
sys.exit(seen != expected)
PY
