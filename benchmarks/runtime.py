"""Speed and memory of the runtime in one table, against an earlier checkout and MediaPipe Tasks, with what is wanted.

    python benchmarks/runtime.py --clip clip.mp4 --before ../before \\
        --mediapipe_python /path/to/env/with/mediapipe/bin/python --task pose_landmarker_lite.task

What is measured how stand in `benchmarks/predict.py` (films and photographs, on all cores) and `benchmarks/pipeline.py`
(the tracking loop, memory and the first photograph, on one). Rows of systems that are not given are left out.
"""

from __future__ import annotations

import argparse
import sys

import pipeline
import predict

from blazepose_tf.evaluation import tables


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    pipeline.arguments(parser)
    parser.add_argument("--film", type=int, default=240, help="frames of the film that is drawn")
    parser.add_argument("--photos", type=int, default=1000)
    parser.add_argument("--skip_predict", action="store_true", help="leave out films and photographs")
    args = parser.parse_args()
    pipeline.checked(parser, args)
    rows = []
    if args.before and not args.skip_predict:
        found = predict.compare(args.before, frames=args.film, photos=args.photos, workers=2, rounds=args.rounds)
        for name, what, wanted in (
            ("film", "film of 1280x720, drawn, frames/s", ">= 2.0"),
            ("photos", f"{args.photos} photographs, 2 workers, pictures/s", ">= 1.8"),
        ):
            now, before = (found[name][label]["frames/s"] for label in ("now", "before"))
            rows.append([what, f"{now:.1f}", f"{before:.1f}", "-", f"{found[name]['ratio']:.2f} x before", wanted])
    best = pipeline.compare(args)
    for key, what, other, wanted in (
        ("outside_ms", "loop: time outside of the network, ms", "before", "<= 0.50"),
        ("processor_ms", "loop: processor time of a frame, ms", "tasks", "<= 0.48"),
        ("megabytes", f"memory after {args.frames} frames, MB", "tasks", "<= 0.50"),
        ("photo_s", "one photograph, from start to JSON, s", "tasks", "<= 0.50"),
    ):
        cells = [f"{best[name][key]:.2f}" if key in best.get(name, {}) else "-" for name in ("now", "before", "tasks")]
        ratio = f"{best['now'][key] / best[other][key]:.2f} x {other}" if other in best else "-"
        rows.append([what, *cells, ratio, wanted])
    print(tables.grid(["what", "now", "before", "MediaPipe Tasks", "ratio", "wanted"], rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
