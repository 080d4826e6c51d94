"""How fast people are rendered.

    python benchmarks/synthetic.py [PICTURES] [SIZE]

Prints pictures per second of one thread, for whole pictures with everything on (background, light, objects, sensor).
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy is loaded: one thread is what is measured
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import sys
import time
from pathlib import Path

import cv2

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from blazepose_tf.synthetic import render_sample


def main() -> int:
    """Times `render_sample`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="?", type=int, default=300, help="of each kind (default: 300)")
    parser.add_argument("size", nargs="?", type=int, default=256, help="pixels of a side (default: 256)")
    options = parser.parse_args()
    count, size = options.pictures, options.size
    cv2.setNumThreads(1)
    for index in range(10):
        render_sample(1, index, size=(size, size))
    for name, options in (
        ("default (1-3 persons)", {}),
        ("one person", {"persons": 1}),
        ("one person, no supersampling", {"persons": 1, "supersample": 1}),
        ("nobody", {"persons": 0}),
    ):
        wall, cpu = time.perf_counter(), time.process_time()
        for index in range(count):
            render_sample(0, index, size=(size, size), **options)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(f"{name:30} {count / wall:7.1f} pictures/s   {1000 * cpu / count:6.2f} ms CPU each   {size}x{size}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
