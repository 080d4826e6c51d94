"""Every precision of the shipped models in every engine that is installed: opens, same numbers, time against LiteRT.

    python benchmarks/engines.py [--model=lite,full,blazeface] [--files=DIR] [--picture=FILE] [--rounds=6]

Nothing is installed; what cannot be imported is named. --files is where the exported files lie
(NAME_PRECISION.tflite); missing ones are made, calibrated on rendered people. The reference is LiteRT's Interpreter on
the same file, one thread; engines take turns, a turn counts by its fastest run in processor time of the whole process,
so that other work on the machine disturbs little. ONNX Runtime gets the file through tf2onnx, ncnn through the float
ONNX graph and pnnx, MNN through its own converter. A cell is time against LiteRT and the mean difference of landmarks
(crop pixels) or of regressors; the exit code is 1 when an engine opens a file and computes something else.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import tempfile
import time
from pathlib import Path

import engine_adapters
import numpy as np

from blazepose_tf.console import silent_libraries

MODELS = ("lite", "full", "blazeface")
PRECISIONS = ("float32", "float16", "dynamic", "int8")
# Mean difference that the same file may have in another engine: activations that are integers round elsewhere. Engines
# that get a file of their own say more.
BOUNDS = {"float32": 1e-3, "float16": 1e-3, "dynamic": 0.5, "int8": 1.5}
RUNS = 6


def main() -> int:
    options = _parse()
    missing = [f"{adapter.name} ({reason})" for adapter in engine_adapters.ALL if (reason := adapter.missing())]
    print(f"Installed: {', '.join(a.version() for a in engine_adapters.ALL if not a.missing())}.")
    print(f"Not installed: {', '.join(missing) or 'none'}.")
    wrong = []
    with tempfile.TemporaryDirectory(prefix="blazepose_engines_") as scratch:
        folder = Path(options.files or scratch)
        for name in options.model:
            rows: dict[str, dict[str, str]] = {}
            for precision in PRECISIONS:
                print(f"... {name} {precision}", file=sys.stderr, flush=True)
                path = _file(folder, name, precision)
                for engine, cell, bad in _compare(path, precision, options):
                    rows.setdefault(engine, {})[precision] = cell
                    if bad:
                        wrong.append(f"{name} {precision} in {engine}: {cell}")
            print(f"\n| {name} | {' | '.join(PRECISIONS)} |\n|{'---|' * (len(PRECISIONS) + 1)}")
            for engine, cells in rows.items():
                print(f"| {engine} | {' | '.join(cells.get(p, '-') for p in PRECISIONS)} |", flush=True)
    for line in wrong:
        print(f"error: other numbers: {line}", file=sys.stderr)
    return 1 if wrong else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=lambda text: text.split(","), default=MODELS)
    parser.add_argument("--files", help="folder of NAME_PRECISION.tflite, for the next run, too")
    parser.add_argument("--picture", help="a picture of a person; a rendered one without it")
    parser.add_argument("--rounds", type=int, default=6)
    return parser.parse_args()


def _file(folder: Path, name: str, precision: str) -> Path:
    path = folder / f"{name}_{precision}.tflite"
    if not path.exists():
        from blazepose_tf.export import exporting, litert, sources

        model, description = sources.open_source(name)
        choice = exporting.Options(precision=precision, calibration_crops=24)
        path.write_bytes(exporting.convert(litert.deployed(model), description, choice, progress=lambda _: None))
    return path


def _compare(path: Path, precision: str, options) -> list[tuple[str, str, bool]]:
    """(engine, cell, whether its numbers are others) of all engines for one file."""
    reference = engine_adapters.Interpreter()
    values = _picture(options.picture, *reference.describe(path))
    opened, cells = {reference.name: reference.open(path)}, {}
    for adapter in engine_adapters.ALL:
        if adapter.missing():
            continue
        try:
            with silent_libraries(), contextlib.redirect_stdout(io.StringIO()):
                run = adapter.open(path)
                run(values)
            opened[adapter.name] = run
        except Exception as error:  # every engine has types of its own
            cells[adapter.name] = f"no: {adapter.limit(precision) or ' '.join(str(error).split())[-90:]}"
    expected = opened[reference.name](values)
    main_output = "landmarks" if "landmarks" in expected else "regressors"
    columns = 2 if main_output == "landmarks" else None
    times = _measure(opened, values, options.rounds)
    bad, bounds = {}, {adapter.name: adapter.bounds.get(precision) for adapter in engine_adapters.ALL}
    for name, run in opened.items():
        ratio = np.median(np.divide(times[name], times[reference.name]))
        found = _same_size(run(values), expected[main_output])
        difference = float(np.abs(found - expected[main_output])[..., :columns].mean())
        bad[name] = not difference <= (bounds.get(name) or BOUNDS[precision])
        cells[name] = (
            f"{ratio:.2f} x, {difference:.1e}" if name != reference.name else f"{1e3 * min(times[name]):.2f} ms"
        )
    order = (reference.name, *(adapter.name for adapter in engine_adapters.ALL))
    return [(name, cells[name], bad.get(name, False)) for name in order if name in cells]


def _same_size(outputs, expected: np.ndarray) -> np.ndarray:
    """The output with as many values: engines have their own names, and no two outputs of a model are of one size."""
    arrays = outputs.values() if isinstance(outputs, dict) else outputs
    found = [np.asarray(a, np.float32) for a in arrays if np.size(a) == expected.size]
    if not found:
        return np.full_like(expected, np.nan)
    return found[0].reshape(expected.shape)


def _measure(opened: dict, values: np.ndarray, rounds: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in opened}
    with silent_libraries():
        for _ in range(rounds):
            for name, run in opened.items():
                runs = []
                for _ in range(RUNS):
                    before = time.process_time()
                    run(values)
                    runs.append(time.process_time() - before)
                times[name].append(min(runs))
    return times


def _picture(path: str | None, size: int, dtype: np.dtype) -> np.ndarray:
    import cv2

    if path is None:
        from blazepose_tf import synthetic

        image = synthetic.render_sample(2_000_000, 0, size=(256, 256), persons=1).image
    else:
        image = cv2.imread(path)[..., ::-1]
    values = cv2.resize(np.ascontiguousarray(image), (size, size))[None]
    return (values.astype(np.int16) - 128).astype(np.int8) if dtype == np.int8 else values.astype(np.float32) / 255


if __name__ == "__main__":
    raise SystemExit(main())
