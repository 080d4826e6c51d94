"""What pruned, sparse and clustered weights would bring: time, size, size zipped, accuracy; nothing is fine-tuned.

    python benchmarks/compression.py --model=lite --data=tracker/val.json

Pruning zeroes the smallest weights of every pointwise kernel, clustering lets each kernel have a few values only (the
means of 1-D k-means). Files are float32: `sparse` stores the pruned kernels in LiteRT's sparse encoding, which XNNPACK
may run by its sparse kernels; `zip` is what a download or an APK would carry. Times as in `quantized.py`, one thread.
A table in Markdown goes to stdout.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import zlib
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import keras
import numpy as np
import tensorflow as tf
from quantized import measure

from blazepose_tf.export import accuracy, litert, sources
from blazepose_tf.export.inspection import inspect
from blazepose_tf.timing.latencies import ratio

SPARSITIES = (0.5, 0.7, 0.85)
CLUSTERS = (64, 16)
DENSE = "dense"


def main() -> int:
    """Changes weights, converts, measures, prints."""
    options = _parse()
    model, description = sources.open_source(options.model)
    model = litert.deployed(model)
    original = model.get_weights()
    variants = {DENSE: None}
    variants |= {f"pruned {s:.0%}": lambda w, s=s: prune(w, s) for s in SPARSITIES}
    variants |= {f"clustered {n}": lambda w, n=n: cluster(w, n) for n in CLUSTERS}
    files: dict[str, Path] = {}
    rows: dict[str, list[str]] = {}
    with tempfile.TemporaryDirectory(prefix="blazepose_compression_") as folder:
        for name, change in variants.items():
            model.set_weights(original)
            for kernel in pointwise(model) if change else ():
                kernel.assign(change(keras.ops.convert_to_numpy(kernel)))
            for sparse in (False, True) if name.startswith("pruned") else (False,):
                label = f"{name}, sparse" if sparse else name
                print(f"... {label}", file=sys.stderr, flush=True)
                files[label] = Path(folder) / f"{len(files)}.tflite"
                files[label].write_bytes(convert(model, description, sparse=sparse))
                rows[label] = _row(files[label], description.spec, options)
        latencies = measure(files, rounds=options.rounds)
    print("| weights | ms | x dense | MB | zip MB | partitions | PCK@0.2 % |\n|---|---|---|---|---|---|---|")
    for label, (megabytes, zipped, partitions, figure) in rows.items():
        against = ratio(latencies[label], latencies[DENSE])["median"]
        cells = [label, f"{min(latencies[label]):.2f}", f"{against:.2f}", megabytes, zipped, partitions, figure]
        print(f"| {' | '.join(cells)} |")
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="lite", help="a tracker")
    parser.add_argument("--data", required=True, help="COCO-style annotations")
    parser.add_argument("--limit", type=int, default=250, help="people")
    parser.add_argument("--rounds", type=int, default=12)
    return parser.parse_args()


def pointwise(model: keras.Model) -> list[keras.Variable]:
    """Kernels of 1x1 convolutions, nine tenths of the weights."""
    return [w for w in model.weights if w.name == "kernel" and len(w.shape) == 4 and tuple(w.shape[:2]) == (1, 1)]


def prune(kernel: np.ndarray, sparsity: float) -> np.ndarray:
    """The kernel without its smallest weights."""
    return np.where(np.abs(kernel) > np.quantile(np.abs(kernel), sparsity), kernel, 0.0)


def cluster(kernel: np.ndarray, count: int) -> np.ndarray:
    """The kernel with `count` values, the means of clusters that start evenly spread over its range."""
    flat = kernel.ravel()
    means = np.linspace(flat.min(), flat.max(), count)
    for _ in range(20):
        nearest = np.searchsorted((means[1:] + means[:-1]) / 2, flat)
        total, members = np.bincount(nearest, flat, count), np.bincount(nearest, minlength=count)
        means = np.sort(np.where(members > 0, total / np.maximum(members, 1), means))
    return means[np.searchsorted((means[1:] + means[:-1]) / 2, flat)].reshape(kernel.shape)


def convert(model: keras.Model, description, *, sparse: bool) -> bytes:
    """Content of the float32 file."""
    if not sparse:
        return litert.to_litert(model, description.spec, name=description.variant)
    with litert.saved_model(model) as folder:
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.optimizations = [tf.lite.Optimize.EXPERIMENTAL_SPARSITY]
        content = converter.convert()
    return litert.with_metadata(content, description.spec, name=description.variant, precision="float32")


def _row(path: Path, spec, options) -> list[str]:
    content = path.read_bytes()
    figure = accuracy.figures(path, spec, options.data, limit=options.limit)[accuracy.PCK]
    partitions = inspect(content).partitions
    left = ", ".join(f"{count} {kind}" for kind, count in partitions.left_over.items())
    sizes = [f"{size / 1e6:.2f}" for size in (len(content), len(zlib.compress(content, 9)))]
    return [*sizes, f"{partitions.count}" + (f", left over: {left}" if left else ""), f"{figure:.2f}"]


if __name__ == "__main__":
    raise SystemExit(main())
