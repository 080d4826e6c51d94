#!/usr/bin/env bash
# Guess: a film copied or encoded as H.264 into AVI by FFmpeg has its number of frames in the header, and decoded frames have
# their times, as in MP4.
# Behaviour: the header's number is the film's length in ticks of the stream's clock (1000 a second here: 1000 for 30 frames),
# and with B frames the decoded frames' times are out of order, although the frames are not. Only the packets' decoding
# times are right, one for each frame in turn.
# Seen with av 18.1.0 (FFmpeg 8), numpy 2.4. blazepose_tf: media.videos gives the frames of an AVI the packets' times.
set -euo pipefail
DIR=$(mktemp -d); trap 'rm -rf "$DIR"' EXIT
python3 -m venv "$DIR/venv"
"$DIR/venv/bin/pip" install -q "av==18.1.0" "numpy>=2,<3"
"$DIR/venv/bin/python" - "$DIR/x.avi" <<'PY'
import sys
from fractions import Fraction
import av
import numpy as np

with av.open(sys.argv[1], "w") as film:
    stream = film.add_stream("libx264", rate=30, options={"bf": "2"})
    stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
    stream.codec_context.time_base = Fraction(1, 1000)
    for i in range(30):
        image = np.zeros((120, 160, 3), np.uint8)
        image[:, 4 * i : 4 * i + 30] = 255
        frame = av.VideoFrame.from_ndarray(image, "rgb24")
        frame.pts, frame.time_base = round(1000 * i / 30), Fraction(1, 1000)
        film.mux(stream.encode(frame))
    film.mux(stream.encode(None))
with av.open(sys.argv[1]) as film:
    stream = film.streams.video[0]
    declared = stream.frames
    decoded = [(frame.time, int(np.argmax(frame.to_ndarray(format="gray")[60] > 128)) // 4) for frame in film.decode(stream)]
with av.open(sys.argv[1]) as film:
    packets = [float(p.dts * p.time_base) for p in film.demux(video=0) if p.size]
times, places = [t for t, _ in decoded], [p for _, p in decoded]
print("frames written 30, declared", declared, "decoded", len(decoded))
print("picture in order:", places == sorted(places), "times in order:", times == sorted(times), "first times", times[:6])
print("packets in order:", packets == sorted(packets), "as many as frames:", len(packets) == 30)
as_stated = declared != 30 and len(decoded) == 30 and times != sorted(times) and places == sorted(places)
sys.exit(not (as_stated and packets == sorted(packets) and len(packets) == 30))
PY
