"""Repetitions counted on rendered films of known count, pace and view, through the whole pipeline.

    python benchmarks/repetitions.py [--detector=blazeface --tracker=lite] [--films=20]

Each film shows another person, exercise (squat, raised arms, lunge, curl), number of repetitions (1 to 8), pace (1.2 to
4 seconds each), view (from the front to either side) and frame rate (8 to 15 per second). Prints a line per film and
the share that is counted without an error.
"""

from __future__ import annotations

import argparse

import numpy as np

from blazepose_tf import topology
from blazepose_tf.analysis import repetitions
from blazepose_tf.analysis.angles import joint_angles
from blazepose_tf.evaluation import tables
from blazepose_tf.runtime import PosePipeline
from blazepose_tf.synthetic.exercise import EXERCISES, exercise_scenes
from blazepose_tf.synthetic.render import render_scene

SIZE = (288, 288)


def film(seed: int) -> dict:
    """Options of a film."""
    rng = np.random.default_rng(seed)
    names = tuple(EXERCISES)
    return {
        "exercise": names[seed % len(names)], "repetitions": int(rng.integers(1, 9)),
        "seconds": round(float(rng.uniform(1.2, 4.0)), 1), "yaw": int(rng.integers(-90, 91)),
        "rate": float(rng.integers(8, 16)),
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detector", help="detector file or shipped name")
    parser.add_argument("--tracker", help="tracker file or shipped name")
    parser.add_argument("--films", type=int, default=20)
    options = parser.parse_args()
    pipeline = PosePipeline(options.detector, options.tracker)
    header = ["film", "exercise", "repetitions", "seconds each", "degrees", "frames/s", "found %", "counted", "by"]
    rows, right = [], 0
    for seed in range(options.films):
        shown = film(seed)
        stream, points = pipeline.stream(), []
        for number, scene in enumerate(exercise_scenes(seed, **shown, size=SIZE)):
            result = stream(render_scene(scene, size=SIZE, supersample=1).image, 1000.0 * number / shown["rate"])
            points.append(result.landmarks if result.found else np.full((33, 2), np.nan))
        angles = joint_angles(np.stack(points), topology.KEYPOINTS)
        counted = repetitions.count(angles, np.arange(len(points)) / shown["rate"])
        right += len(counted.repetitions) == shown["repetitions"]
        found = np.isfinite(np.stack(points)).all(axis=(1, 2)).mean()
        row = [seed, *shown.values(), tables.percent(found), len(counted.repetitions), counted.angle or "-"]
        rows.append([str(cell) for cell in row])
        print("  ".join(rows[-1]), flush=True)
    print("\n" + tables.grid(header, rows))
    print(f"counted without an error: {right} of {options.films}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
