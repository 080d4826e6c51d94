"""Writes testdata/golden/tiny_tracker.npz: outputs of the `tiny` tracker for weights and an image given by a formula.

Run it only when the architecture is meant to change; the test that reads the file says whether it did.

    python tools/make_golden.py
"""

from __future__ import annotations

import argparse
import zlib
from pathlib import Path

import numpy as np

PATH = Path(__file__).resolve().parents[1] / "testdata" / "golden" / "tiny_tracker.npz"


def fill(model) -> None:
    """Sets every weight from its name, so that neither order nor backend matters."""
    for weight in model.weights:
        rng = np.random.default_rng(zlib.crc32(weight.path.encode()))
        shape, role = tuple(weight.shape), weight.path.rsplit("/", 1)[1]
        if role == "kernel":
            fan_in = np.prod(shape[:-1]) if shape[-1] > 1 else shape[0] * shape[1]
            value = rng.normal(0.0, 1.0 / np.sqrt(fan_in), shape)
        elif role in ("gamma", "moving_variance"):
            value = rng.uniform(0.5, 1.0, shape)
        else:
            value = rng.normal(0.0, 0.1, shape)
        weight.assign(value.astype(np.float32))


def image(size: int) -> np.ndarray:
    """(1, size, size, 3) float32 in 0..1: waves that are neither symmetric nor periodic in the crop."""
    y, x = np.mgrid[:size, :size].astype(np.float32) / size
    channels = [np.sin(9 * x + 4 * y * y), np.cos(7 * y - 3 * x * y), np.sin(11 * x * x + 5 * y)]
    return (0.5 + 0.5 * np.stack(channels, -1)).astype(np.float32)[None]


def outputs(model) -> dict[str, np.ndarray]:
    """Outputs for `image`, the dense ones at every 16th cell."""
    result = {name: np.asarray(value) for name, value in model(image(model.inputs[0].shape[1]), training=False).items()}
    return {name: value[:, ::16, ::16] if value.ndim == 4 else value for name, value in result.items()}


def main() -> None:
    """Builds, fills, runs, writes."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()

    from blazepose_tf.files import atomic_path
    from blazepose_tf.models import build_tracker

    model = build_tracker(variant="tiny")
    fill(model)
    with atomic_path(PATH) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **outputs(model))
    print(f"written: {PATH}")


if __name__ == "__main__":
    main()
