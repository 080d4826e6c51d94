"""Keras model to LiteRT file: batch 1, one named signature, no offsets, metadata inside.

A file is only written when XNNPACK takes the graph as one partition with nothing left over: an operation that falls
back to the reference kernels costs more than the rest of the model, and nobody notices on the desk.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from blazepose_tf.export import half
from blazepose_tf.models import without_training_heads
from blazepose_tf.runtime.interpreter import load_model
from blazepose_tf.runtime.metadata import metadata_of, write_metadata
from blazepose_tf.specs import IMAGE, OFFSETS, DetectorSpec, TrackerSpec
from blazepose_tf.tflite.delegates import Partitions

FLOAT32 = "float32"
FLOAT16 = "float16"


@dataclass(frozen=True)
class Parity:
    """Difference of one output between two models on the same inputs, in the output's own unit (pixels or logits)."""

    name: str
    max: float
    mean: float


def deployed(model: keras.Model, outputs: Iterable[str] | None = None) -> keras.Model:
    """The part of a model that ships: all but the offsets, or exactly the outputs named.

    The heatmaps, which the paper leaves behind after training, stay: the runtime refines the landmarks with them.

    Raises:
        ValueError: an output that the model lacks.
    """
    if outputs is None:
        return without_training_heads(model, (OFFSETS,))
    chosen = list(outputs)
    unknown = sorted(set(chosen) - set(model.output))
    if unknown or not chosen:
        raise ValueError(f"outputs must be among {sorted(model.output)}. Received: outputs={chosen}")
    return keras.Model(model.input, {name: model.output[name] for name in chosen}, name=model.name)


def to_litert(
    model: keras.Model,
    spec: TrackerSpec | DetectorSpec,
    *,
    name: str,
    precision: str = FLOAT32,
    metadata: bool = True,
    float_biases: bool = False,
) -> bytes:
    """Converts a model.

    Args:
        model: detector or tracker, as `deployed` gives it.
        spec: its contract, written into the metadata.
        name: preset name for the metadata, such as "lite".
        precision: FLOAT32, or FLOAT16 for weights stored in half precision (arithmetic stays float32).
        metadata: False leaves this project's document out, for models that are fitted to somebody else's contract.
        float_biases: biases of a FLOAT16 file stay float32.

    Returns:
        Content of a .tflite file.

    Raises:
        ValueError: an unknown precision.
    """
    if precision not in (FLOAT32, FLOAT16):
        raise ValueError(f"precision must be {FLOAT32!r} or {FLOAT16!r}. Received: precision={precision!r}")
    with saved_model(model) as folder:
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if precision == FLOAT16:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        content = converter.convert()
        if precision == FLOAT16 and float_biases:
            content = half.with_float_biases(content, tf.lite.TFLiteConverter.from_saved_model(folder).convert())
    return with_metadata(content, spec, name=name, precision=precision) if metadata else content


class saved_model:
    """Context manager: folder of a temporary SavedModel of the model at batch 1."""

    def __init__(self, model: keras.Model):
        self._model = model
        self._folder = tempfile.TemporaryDirectory(prefix="blazepose_export_")

    def __enter__(self) -> str:
        model, folder = self._model, self._folder.name
        shape = (1, *model.inputs[0].shape[1:])
        archive = keras.export.ExportArchive()
        archive.track(model)
        archive.add_endpoint(
            "serving_default",
            fn=lambda image: model(image, training=False),
            input_signature=[tf.TensorSpec(shape, tf.float32, name=IMAGE)],
        )
        archive.write_out(folder, verbose=False)
        return folder

    def __exit__(self, *_):
        self._folder.cleanup()


def with_metadata(content: bytes, spec: TrackerSpec | DetectorSpec, *, name: str, precision: str, **facts) -> bytes:
    """The file with its document: spec, preset, precision, version, and what else is known (JSON values)."""
    return write_metadata(content, metadata_of(spec, model=name, precision=precision, **facts))


def require_one_partition(partitions: Partitions) -> None:
    """ValueError that names the operations which XNNPACK leaves out, unless it takes all as one partition."""
    if not partitions.fully_delegated:
        left = ", ".join(f"{count} x {op}" for op, count in partitions.left_over.items()) or "none"
        raise ValueError(
            f"XNNPACK must take the model as one partition with nothing left over. Received: {partitions.count} "
            f"partitions, operations left over: {left}"
        )


class SavedModel:
    """A SavedModel folder with the surface of the runtime's models that `parity` needs."""

    def __init__(self, folder: str):
        self._loaded = tf.saved_model.load(folder)

    def infer(self, values: np.ndarray) -> dict[str, np.ndarray]:
        """Named outputs of (1, S, S, 3) float32 values."""
        return {k: v.numpy() for k, v in self._loaded.serving_default(tf.constant(values)).items()}


def parity(model: keras.Model, exported, images: Iterable[np.ndarray]) -> list[Parity]:
    """Largest and mean absolute difference per output between Keras and the file.

    Args:
        model: the Keras model.
        exported: content of a LiteRT file, or an opened model with `infer`.
        images: (S, S, 3) float32 inputs in the model's value range.
    """
    exported = load_model(exported) if isinstance(exported, bytes) else exported
    differences: dict[str, list[np.ndarray]] = {}
    for image in images:
        batch = np.asarray(image, np.float32)[None]
        expected = model(batch, training=False)
        for name, value in exported.infer(batch).items():
            difference = np.abs(np.asarray(value, np.float32) - keras.ops.convert_to_numpy(expected[name]))
            differences.setdefault(name, []).append(difference)
    return [Parity(name, float(np.max(parts)), float(np.mean(parts))) for name, parts in sorted(differences.items())]
