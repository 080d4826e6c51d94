"""Every precision of some models, in one run: latency, size, accuracy against float32, difference from Keras.

    python benchmarks/quantized.py --model=lite=lite --model=full=full --calibration=train.json --data=val.json \\
        --model=blazeface=blazeface --detector_calibration=d/train.json --detector_data=d/val.json \\
        --official=lite=pose_landmark_lite.tflite

FILE is a .keras or .npz file or a shipped name.

One thread. Files take turns in blocks of runs, the first of which warm the caches; a block counts by its fastest run,
and ratios are taken within a round, so that other work on the machine disturbs all alike. Trackers are cut to what the
runtime reads. Tables in Markdown go to stdout, and with --write=docs/export.md into that document's block `precisions`.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import blocks
import numpy as np

from blazepose_tf.export import accuracy, crops, exporting, litert, sources
from blazepose_tf.export.inspection import inspect
from blazepose_tf.specs import ALIGNMENT, HEATMAPS, LANDMARKS, POSE_PRESENCE, TrackerSpec
from blazepose_tf.timing.latencies import ratio

NEEDED = (LANDMARKS, POSE_PRESENCE, ALIGNMENT, HEATMAPS)
WARM_UP, RUNS = 5, 15


def main() -> int:
    """Exports, measures, prints."""
    options = _parse()
    with tempfile.TemporaryDirectory(prefix="blazepose_quantized_") as folder:
        files: dict[str, Path] = {}
        rows: dict[str, dict] = {}
        for name, source in options.model:
            _export_all(name, source, options, Path(folder), files, rows)
        for name, source in options.official:
            files[f"{name} official"] = Path(source)
        latencies = measure(files, rounds=options.rounds)
    text = tables(rows, latencies, dict(options.model))
    print(text)
    if options.write:
        blocks.replace(options.write, "precisions", text)
    return 0


def _parse() -> argparse.Namespace:
    def named(text: str) -> tuple[str, str]:
        name, equals, value = text.partition("=")
        if not equals:
            raise argparse.ArgumentTypeError("expected NAME=FILE")
        return name, value

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=named, action="append", required=True, metavar="NAME=FILE")
    parser.add_argument("--official", type=named, action="append", default=[], metavar="NAME=FILE")
    for flag in ("--data", "--calibration", "--detector_data", "--detector_calibration"):
        parser.add_argument(flag, help="COCO-style annotations")
    parser.add_argument("--limit", type=int, default=667, help="people or pictures")
    parser.add_argument("--calibration_crops", type=int, default=200, help="people that int8 is calibrated on")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--write", type=Path, help="document with the block `precisions`")
    options = parser.parse_args()
    if options.write:
        blocks.require(options.write, "precisions")
    return options


def _export_all(name: str, source: str, options, folder: Path, files: dict, rows: dict) -> None:
    model, description = sources.open_source(source)
    spec = description.spec
    tracker = isinstance(spec, TrackerSpec)
    calibration, data = (
        (options.calibration, options.data) if tracker else (options.detector_calibration, options.detector_data)
    )
    kept = tuple(key for key in NEEDED if key in model.output) if tracker else None
    model = litert.deployed(model, kept)
    pictures = [crops.to_inputs(p, spec)[0] for p in crops.crops(spec, count=16, data=data)]
    for precision in exporting.PRECISIONS:
        label = f"{name} {precision}"
        print(f"... {label}", file=sys.stderr, flush=True)
        choice = exporting.Options(
            precision=precision, outputs=kept, calibration=calibration, calibration_crops=options.calibration_crops
        )
        content = exporting.convert(model, description, choice, progress=lambda _: None)
        inspection = inspect(content)
        exporting.require_sound(inspection, set(model.output), spec)
        files[label] = folder / f"{label.replace(' ', '_')}.tflite"
        files[label].write_bytes(content)
        parity = litert.parity(model, content, pictures)
        rows[label] = {
            "size": len(content),
            "partitions": inspection.partitions.count,
            "parity": next(p.mean for p in parity if p.name == (LANDMARKS if tracker else "regressors")),
            "figures": accuracy.figures(files[label], spec, data, limit=options.limit) if data else {},
        }
        print(f"    {rows[label]}", file=sys.stderr, flush=True)


def measure(files: dict[str, Path], *, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of the fastest run of each round, by label; one thread."""
    from ai_edge_litert.interpreter import Interpreter

    opened = {}
    for label, path in files.items():
        interpreter = Interpreter(model_path=str(path), num_threads=1)
        interpreter.allocate_tensors()
        detail = interpreter.get_input_details()[0]
        values = np.random.default_rng(0).uniform(0, 1, detail["shape"])
        values = values if detail["dtype"] == np.float32 else np.round(values * 255 - 128)
        interpreter.set_tensor(detail["index"], values.astype(detail["dtype"]))
        opened[label] = interpreter
    fastest: dict[str, list[float]] = {label: [] for label in files}
    for _ in range(rounds):
        for label, interpreter in opened.items():
            times = []
            for _ in range(WARM_UP + RUNS):
                before = time.perf_counter()
                interpreter.invoke()
                times.append(1e3 * (time.perf_counter() - before))
            fastest[label].append(min(times[WARM_UP:]))
    return fastest


def tables(rows: dict, latencies: dict, models: dict) -> str:
    """A table in Markdown for each model."""
    lines = []
    for name in models:
        own = [label for label in rows if label.rpartition(" ")[0] == name]
        reference = rows[f"{name} float32"]
        official = latencies.get(f"{name} official")
        metrics = list(reference["figures"])
        head = ["precision", "ms", "x float32", *(["x official"] if official else []), "MB", "mean difference"]
        head += [column for metric in metrics for column in (f"{metric} %", "drop")]
        lines.append(f"\n### {name}\n")
        if official:
            lines.append(f"Official file: {min(official):.2f} ms.\n")
        lines.append(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
        for label in own:
            row = rows[label]
            against = ratio(latencies[label], latencies[f"{name} float32"])["median"]
            cells = [label.rpartition(" ")[2], f"{min(latencies[label]):.2f}", f"{against:.2f}"]
            if official:
                cells.append(f"{ratio(latencies[label], official)['median']:.2f}")
            cells += [f"{row['size'] / 1e6:.2f}", f"{row['parity']:.3g}"]
            for metric in metrics:
                value, base = row["figures"][metric], reference["figures"][metric]
                cells += [f"{value:.2f}", f"{base - value:+.2f}"]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines).strip()


if __name__ == "__main__":
    raise SystemExit(main())
