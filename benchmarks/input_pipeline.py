"""Images per second of the input pipelines on one core, with everything on.

    taskset -c 0 python benchmarks/input_pipeline.py --data=RECORDS_OR_JSON [--model=detector] [--size=128]

Prints one line per measurement: images/s by the wall clock, and by the processor time used, which says what one core
gives when the machine is busy with other work. Without --data, rendered people are used.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import tensorflow as tf

from blazepose_tf.data import coco_reader, detector_pipeline, pipeline, records
from blazepose_tf.data.config import DetectorDataConfig, TrackerDataConfig
from blazepose_tf.specs import DetectorSpec, TrackerSpec

WARM_UP = 2  # batches before the clock starts: tracing, first reads


def open_data(path: str, folder: str) -> records.Records:
    """Records of a manifest, or of a COCO json converted into a temporary folder."""
    if path.endswith(".json") and "annotations" in Path(path).read_text(encoding="utf-8")[:100_000_000]:
        return records.open_records(Path(folder) / f"{coco_reader.write_records(path, folder).name}.json")
    return records.open_records(path)


def render(folder: str) -> records.Records:
    """A few rendered people."""
    from blazepose_tf import synthetic

    path = synthetic.write_dataset(folder, 64, seed=0)
    return open_data(str(path), folder)


def measure(dataset: tf.data.Dataset, batch_size: int, batches: int) -> tuple[float, float]:
    """Images per second by wall clock and by processor time."""
    iterator = iter(dataset.repeat())
    for _ in range(WARM_UP):
        next(iterator)
    wall, used = time.perf_counter(), time.process_time()
    for _ in range(batches):
        next(iterator)
    count = batches * batch_size
    return count / (time.perf_counter() - wall), count / (time.process_time() - used)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="record manifest or folder, or COCO keypoint json")
    parser.add_argument("--model", choices=("tracker", "detector"), default="tracker")
    parser.add_argument("--size", type=int, help="input size; by default the model's")
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--batches", type=int, default=30)
    parser.add_argument("--no_heatmaps", action="store_true", help="leave heatmap and offset targets out")
    options = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        data = open_data(options.data, folder) if options.data else render(folder)
        common = {"batch_size": options.batch_size, "seed": 0}
        size = {"input_size": options.size} if options.size else {}
        if options.model == "tracker":
            spec = TrackerSpec(**size)
            config = TrackerDataConfig(parallel_calls=1, heatmap_targets=not options.no_heatmaps)
            dataset = pipeline.tracker_dataset(data, spec=spec, config=config, **common)
        else:
            spec = DetectorSpec(**size)
            config = DetectorDataConfig(parallel_calls=1)
            dataset = detector_pipeline.detector_dataset(data, spec=spec, config=config, **common)
        wall, used = measure(dataset, options.batch_size, options.batches)
    print(
        f"{options.model} {spec.input_size} px, batch {options.batch_size}, {len(data)} records: "
        f"{wall:.0f} images/s by the clock, {used:.0f} images/s of processor time"
    )


if __name__ == "__main__":
    main()
