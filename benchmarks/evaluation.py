"""What the evaluation costs beside the network, and whether its memory grows with the data set.

    python benchmarks/evaluation.py --model=lite.tflite --data=val.json [--people=10000]

People of the data set are repeated (under new ids) until there are as many as asked for. Prints the share of the wall
time that the network takes, people per second, and the peak resident memory of the process.
"""

from __future__ import annotations

import argparse
import dataclasses
import resource
import tempfile
import time

import numpy as np

from blazepose_tf.evaluation import annotations, measure, predictions, runner, systems


def repeated(data: annotations.Annotations, count: int) -> annotations.Annotations:
    """The data set with its people repeated up to `count`, each in a picture of its own."""
    usable = [p for p in data.people if not p.ignore and np.isfinite(p.alignment).all()]
    people = [dataclasses.replace(usable[i % len(usable)], id=i + 1, image_id=i + 1) for i in range(count)]
    pictures = {i + 1: data.pictures[usable[i % len(usable)].image_id] for i in range(count)}
    return dataclasses.replace(data, people=people, pictures=pictures, sha256=f"{data.sha256}x{count}")


def peak_mb() -> float:
    """Peak resident memory of this process so far (Linux reports kilobytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, help="tracker file")
    parser.add_argument("--data", required=True, help="COCO-style annotations")
    parser.add_argument("--people", type=int, default=1000)
    options = parser.parse_args()
    data = repeated(annotations.load(options.data), options.people)
    before = peak_mb()
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        found = runner.execute(runner.Run(systems.System(options.model)), data, data.people, folder=folder)
        predicted = time.perf_counter()
        document = measure.measure(predictions.pair(found, data.people))
        finished = time.perf_counter()
    spent = np.array([p.milliseconds for p in found]).sum(axis=0) / 1e3
    wall = finished - started
    print(f"{options.people} people in {wall:.1f} s, {options.people / wall:.1f} people/s, one process")
    print(f"  network            {spent[1]:8.1f} s  {100 * spent[1] / wall:5.1f} %")
    print(f"  crop and decode    {spent[0] - spent[1]:8.1f} s  {100 * (spent[0] - spent[1]) / wall:5.1f} %")
    rest = predicted - started - spent[0]
    print(f"  pictures and files {rest:8.1f} s  {100 * rest / wall:5.1f} %")
    print(f"  metrics            {finished - predicted:8.1f} s  {100 * (finished - predicted) / wall:5.1f} %")
    print(f"peak memory {peak_mb():.0f} MB ({before:.0f} MB before the run)")
    print(f"PCK_torso@0.2, 17 points: {100 * document['pck_torso@0.2']['17']:.1f} %")


if __name__ == "__main__":
    main()
