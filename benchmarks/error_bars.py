"""Whether error bars hold 90 % on film: rendered people whose every point is known, read through a stream.

    python benchmarks/error_bars.py --tracker=lite --tracker=full [--films=6 --frames=160]

Each film is `synthetic.render_video` of another person, place and way of the camera at 10 frames/s. Landmarks are those
of the network ("film", `--smoothing=none` of `blazepose predict`), which the bars are about, and as the filters leave
them ("smoothed"). On photographs of people `blazepose evaluate` prints the same table.
"""

from __future__ import annotations

import argparse

import numpy as np

from blazepose_tf.evaluation import tables
from blazepose_tf.metrics import error_bars, keypoints
from blazepose_tf.runtime import PosePipeline
from blazepose_tf.synthetic import render_video

SIZE = (320, 320)
RATE = 10.0


def read(pipeline: PosePipeline, films: list[list], smoothing: bool) -> dict[str, dict]:
    """`metrics.error_bars.coverage` over all frames with a person."""
    points, truth, state, bars = [], [], [], []
    for samples in films:
        stream = pipeline.stream(smoothing=smoothing)
        for number, sample in enumerate(samples):
            result = stream(sample.image, 1000.0 * number / RATE)
            if result.found:
                points.append(result.landmarks)
                bars.append(result.error)
                truth.append(sample.keypoints[0, :, :2])
                state.append(sample.keypoints[0, :, 2])
    points, truth, state, bars = (np.stack(values) for values in (points, truth, state, bars))
    names = pipeline.tracker.spec.keypoint_names
    torso = keypoints.torso_size(truth, state, names)
    return error_bars.coverage(points, truth, state, bars, torso, names, pipeline.tracker.angle_factors)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detector", help="detector file or shipped name")
    parser.add_argument("--tracker", action="append", help="tracker file or shipped name; several times")
    parser.add_argument("--films", type=int, default=6)
    parser.add_argument("--frames", type=int, default=160, help="of a film")
    options = parser.parse_args()
    films = [list(render_video(seed, options.frames, size=SIZE, supersample=1)) for seed in range(options.films)]
    runs = []
    for tracker in options.tracker or ["lite"]:
        pipeline = PosePipeline(options.detector, tracker)
        if pipeline.tracker.spec.mediapipe_head or pipeline.stream()(films[0][0].image).error is None:
            parser.error(f"{tracker}: has no error bars")
        for protocol, smoothing in (("film", False), ("smoothed", True)):
            metrics = {"error_bars": read(pipeline, films, smoothing)}
            runs.append({"label": tracker, "protocol": protocol, "metrics": metrics})
    print(tables.grid(*tables.error_bar_rows({"runs": runs})))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
