"""Averages the weights of models at the ends of several learning rate cycles, and measures their normalisations anew.

Each part of a long training ends in a minimum of its own; the mean of two that began from one another lies in a flatter
place. The running statistics of such a mean are those of no network: they are measured on training batches. Idea:
stochastic weight averaging (Izmailov et al., 2018).
"""

from __future__ import annotations

import dataclasses
import itertools
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from blazepose_tf.models import Description
from blazepose_tf.models.saving import save_model
from blazepose_tf.models.weights import load_described, transfer
from blazepose_tf.specs import DETECTOR, IMAGE
from blazepose_tf.training.config import FILE_NAME, Experiment, Stage
from blazepose_tf.training.inputs import open_data


def averaged(sources: Sequence[str | Path], shares: Sequence[float] = ()) -> tuple[keras.Model, Description]:
    """A model with the mean of the weights of several of one architecture.

    Args:
        sources: `.keras` or `.npz` files that carry their description.
        shares: of each, summing to 1; the plain mean without them.

    Raises:
        ValueError: fewer than two, or models that differ in more than their weights.
    """
    if len(sources) < 2:
        given = ", ".join(map(str, sources)) or "none"
        raise ValueError(f"at least two models are needed for a mean. Received: {given}")
    model, description = load_described(sources[0])
    shares = shares or [1.0 / len(sources)] * len(sources)
    total = [shares[0] * np.asarray(keras.ops.convert_to_numpy(v), np.float64) for v in model.weights]
    for source, share in zip(sources[1:], shares[1:], strict=True):
        other, _ = load_described(source)
        # Through a transfer: coordinates are relative to a mean pose, which every run measures for itself.
        report = transfer(other, model)
        if report.missing or report.mismatched or report.unused:
            name = (*report.missing, *report.mismatched, *report.unused)[0]
            raise ValueError(f"{source} is another network than {sources[0]}: they differ in {name}")
        for sum_, variable in zip(total, model.weights, strict=True):
            sum_ += share * keras.ops.convert_to_numpy(variable)
    for sum_, variable in zip(total, model.weights, strict=True):
        variable.assign(sum_.astype(np.float32))
    return model, description


def measure_statistics(model: keras.Model, batches: Iterable) -> int:
    """Sets the running statistics of all normalisations to the mean over batches of pictures; returns their number."""
    layers = [
        layer
        for layer in model._flatten_layers(include_self=False)
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    momentum = [layer.momentum for layer in layers]
    count = 0
    for count, images in enumerate(batches, 1):
        for layer in layers:
            layer.momentum = (count - 1) / count  # the plain mean so far
        model(images, training=True)
    for layer, value in zip(layers, momentum, strict=True):
        layer.momentum = value
    return count


def refuse_existing(folder: Path) -> None:
    """Raises FileExistsError if the folder has a model."""
    if (folder / "model.keras").exists():
        raise FileExistsError(f"{folder / 'model.keras'} exists already")


def save_beside_records(model: keras.Model, description: Description, folder: Path, run: Path) -> None:
    """model.keras in a folder, with configuration and logs of the run that it came from, where there are any."""
    folder.mkdir(parents=True, exist_ok=True)
    save_model(model, folder / "model.keras", description=description)
    for name in (FILE_NAME, "train.csv", "validation.csv"):
        if (run / name).exists():
            shutil.copyfile(run / name, folder / name)


@dataclass(frozen=True)
class Options:
    """What to average.

    Attributes:
        model: `.keras` or `.npz` files, two or more.
        data: whose batches give the statistics, as `blazepose train --data`.
        output: folder that gets a model.keras, and the last model's configuration and logs where there are any.
        partial_data: as `blazepose train --partial_data`.
        batches: how many of them.
        batch_size: examples in each.
    """

    model: Sequence[str]
    data: str
    output: Path
    partial_data: str = ""
    batches: int = 60
    batch_size: int = 32


def write(options: Options) -> str:
    """Averages, measures, writes; returns what was done."""
    if options.batches < 1 or options.batch_size < 1:
        raise ValueError(
            f"--batches and --batch_size must be positive. Received: {options.batches}, {options.batch_size}"
        )
    refuse_existing(options.output)
    model, description = averaged(options.model)
    kind = "detector" if description.kind == DETECTOR else "tracker"
    size = description.spec.input_size
    stage = Stage("statistics", steps=options.batches, input_size=size, batch_size=options.batch_size)
    experiment = Experiment("average", model=kind, variant=description.variant, stages=(stage,))
    if kind == "tracker":
        experiment = dataclasses.replace(experiment, keypoints=",".join(description.spec.keypoint_names))
    with tempfile.TemporaryDirectory() as folder:
        inputs = open_data(options.data, experiment=experiment, folder=folder, partial=options.partial_data)
        rounds = (inputs.batches(stage, epoch=epoch) for epoch in itertools.count())
        pictures = (given[IMAGE] for given, *_ in itertools.chain.from_iterable(rounds))
        limited = itertools.islice(pictures, options.batches)
        count = measure_statistics(model, tqdm(limited, total=options.batches, desc="batches", disable=None))
    save_beside_records(model, description, options.output, Path(options.model[-1]).parent)
    return f"{options.output / 'model.keras'}: mean of {len(options.model)} models, statistics of {count} batches"
