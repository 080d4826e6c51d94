"""Writes golden files of what must not change by itself, for instance with a new TensorFlow or numpy: testdata/golden.

tiny_tracker.npz: outputs of the `tiny` tracker for weights and an image given by a formula. augmentation.npz: what the
random numbers of some examples become, and an epoch's order. Run it only when architecture or augmentation are meant to
change; the tests that read the files say whether they did.

    python tools/make_golden.py tiny_tracker augmentation
"""

from __future__ import annotations

import argparse
import zlib
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parents[1] / "testdata" / "golden"


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


def tiny_tracker() -> dict[str, np.ndarray]:
    """What tiny_tracker.npz holds."""
    from blazepose_tf.models import build_tracker

    model = build_tracker(variant="tiny")
    fill(model)
    return outputs(model)


def augmentation(examples: int = 6) -> dict[str, np.ndarray]:
    """What augmentation.npz holds: draws and pictures of the first examples of an epoch, and the order of one."""
    from blazepose_tf.data import augment, order, photometric
    from blazepose_tf.data.config import DetectorDataConfig, OcclusionConfig, PhotometricConfig, ViewConfig

    picture = 255.0 * image(48)[0]
    box, roi = np.array([[30, 20, 70, 110]], np.float32), np.array([50, 60, 80, 0.1], np.float32)
    points = np.stack([np.linspace(30, 70, 5), np.linspace(20, 110, 5), np.full(5, 2)], 1).astype(np.float32)
    # Each degradation happens to some examples.
    often = PhotometricConfig(blur_probability=0.6, low_resolution_probability=0.5, noise_probability=0.6)
    found: dict[str, list] = {}
    for position in range(examples):
        seed = augment.example_seed(5, 2, position)
        view = augment.sample_view(seed, ViewConfig())
        shown = augment.sample_picture_view(seed, DetectorDataConfig(), empty=False)
        occlusion = augment.sample_occlusion(seed, OcclusionConfig(probability=0.7))
        crop, state = augment.apply_occlusion(picture, points[:, :2] * 0.4, points[:, 2], occlusion)
        region, background = augment.sample_negative(seed, 160, 120, box, roi, points)
        parts = {
            "view": [*view.shift, view.log_scale, view.rotation, view.mirror],
            "picture_view": [*shown.shift, shown.log_scale, shown.rotation, shown.mirror],
            "negative": [*region, float(background)],
            "occlusion": np.concatenate([occlusion.boxes, occlusion.look], axis=1),
            "occluded": np.asarray(crop)[::6, ::6],
            "state": state,
            "colour": photometric.colour_parameters(photometric.sample_colour(seed)[None], PhotometricConfig())[0],
            "degraded": np.asarray(photometric.degrade(picture, seed, often))[::6, ::6],
        }
        for name, value in parts.items():
            found.setdefault(name, []).append(np.asarray(value, np.float32))
    made = {name: np.stack(values) for name, values in found.items()}
    sources = [order.Source(range(9)), order.Source(range(7), sampling=1.5)]
    return {**made, "order": order.epoch_order(sources, seed=5, epoch=2)}


def main() -> None:
    """Computes and writes the files that are asked for."""
    made = {"tiny_tracker": tiny_tracker, "augmentation": augmentation}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", choices=made, help="which files")
    names = parser.parse_args().names

    from blazepose_tf.files import atomic_path

    for name in names:
        path = FOLDER / f"{name}.npz"
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, **made[name]())
        print(f"written: {path}")


if __name__ == "__main__":
    main()
