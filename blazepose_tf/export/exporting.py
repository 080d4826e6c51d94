"""From a trained model to a proven file: convert, check, compare, and only then write under the final name."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import keras

from blazepose_tf import files
from blazepose_tf.export import accuracy, crops, equalization, litert, onnx, quantization
from blazepose_tf.export.inspection import Inspection, inspect
from blazepose_tf.models import Description
from blazepose_tf.models.refinement import with_refinement
from blazepose_tf.runtime.interpreter import OnnxModel
from blazepose_tf.runtime.metadata import spec_of
from blazepose_tf.specs import DetectorSpec, TrackerSpec

TFLITE, ONNX, SAVED_MODEL, TASK = "tflite", "onnx", "saved_model", "task"
FORMATS = (TFLITE, ONNX, TASK, SAVED_MODEL)
PRECISIONS = (litert.FLOAT32, litert.FLOAT16, *quantization.QUANTIZED)
SIGNATURE = "serving_default"


@dataclass(frozen=True)
class Options:
    """How to export.

    Attributes:
        format: one of FORMATS but TASK, which `task_bundle` makes of two models.
        precision: one of PRECISIONS; formats other than LiteRT have float32 only.
        refine: landmarks refined by the heatmaps inside the graph, for consumers without our runtime.
        outputs: names of the outputs to keep; all but the offsets without it.
        calibration: annotations whose crops give the ranges of int8 activations; rendered people without it.
        calibration_crops: how many of them.
        percentile: share of activations that lies within the ranges, see `quantization.calibrate`.
        data: annotations for parity and accuracy; rendered people, and parity alone, without it.
        crops: number of crops for parity.
        limit: people or pictures for accuracy.
        max_drop: points of any accuracy figure that may be lost; None does not judge.
        dynamic_batch: ONNX files that take any number of pictures.
        opset: of ONNX files.
    """

    format: str = TFLITE
    precision: str = litert.FLOAT32
    refine: bool = False
    outputs: tuple[str, ...] | None = None
    calibration: str | None = None
    calibration_crops: int = 200
    percentile: float = quantization.PERCENTILE
    data: str | None = None
    crops: int = 16
    limit: int | None = 400
    max_drop: float | None = None
    dynamic_batch: bool = False
    opset: int = onnx.OPSET

    def __post_init__(self):
        if self.format not in (TFLITE, ONNX, SAVED_MODEL):
            raise ValueError(f"format must be tflite, onnx or saved_model. Received: format={self.format!r}")
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision must be one of {PRECISIONS}. Received: precision={self.precision!r}")
        if self.format != TFLITE and self.precision != litert.FLOAT32:
            raise ValueError(f"{self.format} files are float32. Received: precision={self.precision!r}")
        if self.max_drop is not None and self.data is None:
            raise ValueError("max_drop needs annotated pictures to measure it on (data)")
        if self.dynamic_batch and self.format != ONNX:
            raise ValueError("dynamic_batch is for ONNX files: XNNPACK takes a LiteRT graph only at a fixed batch")


@dataclass(frozen=True)
class Proof:
    """What was found about a file before it was written.

    Attributes:
        size: bytes.
        parities: difference from the Keras model, by output.
        rows: accuracy against float32; empty without annotated pictures.
        inspection: operations, partitions, signature; None for formats other than LiteRT.
    """

    size: int
    parities: list[litert.Parity]
    rows: list[accuracy.Row] = field(default_factory=list)
    inspection: Inspection | None = None


Progress = Callable[[str], None]


def export(
    model: keras.Model, description: Description, output: str | os.PathLike, options: Options, *, progress: Progress
) -> Proof:
    """Exports a model and proves the result.

    Args:
        model: the Keras model.
        description: variant and spec.
        output: file to write (a folder for a SavedModel); it is there when everything held, and not before.
        options: how.
        progress: told what is being done.

    Raises:
        ValueError: nothing to refine with, operations off the list or left over by XNNPACK, other signature names than
            the model's outputs, or accuracy lost beyond `max_drop`; nothing is written then.
        OSError: a file cannot be read or written.
    """
    if options.refine:
        model = with_refinement(model, description.spec)
    model = litert.deployed(model, options.outputs)
    if options.format == SAVED_MODEL:
        return _saved_model(model, description, Path(output), options)
    progress("converting")
    if options.format == ONNX:
        content = onnx.to_onnx(
            model, description.spec, name=description.variant, dynamic_batch=options.dynamic_batch, opset=options.opset
        )
    else:
        content = convert(model, description, options, progress=progress)
    proof = prove(content, model, description, options, progress=progress)
    files.write_bytes(output, content)
    return proof


def convert(model: keras.Model, description: Description, options: Options, *, progress: Progress) -> bytes:
    """Content of the LiteRT file of a `deployed` model."""
    spec, name = description.spec, description.variant
    if options.precision in (litert.FLOAT32, litert.FLOAT16):
        return litert.to_litert(model, spec, name=name, precision=options.precision)
    content = litert.to_litert(model, spec, name=name)
    progress("calibrating")
    pictures = list(crops.crops(spec, count=options.calibration_crops, data=options.calibration))
    content = equalization.equalize(content, (crops.to_inputs(p, spec) for p in pictures))
    ranges = None
    if options.precision != quantization.DYNAMIC:
        inputs = (crops.to_inputs(p, spec) for p in pictures)
        ranges = quantization.calibrate(content, inputs, percentile=options.percentile)
    content = quantization.quantize(content, options.precision, ranges=ranges)
    return litert.with_metadata(content, spec, name=name, precision=options.precision)


def prove(
    content: bytes, model: keras.Model, description: Description, options: Options, *, progress: Progress
) -> Proof:
    """Checks the content of a LiteRT or ONNX file against the model it was made of; ValueError as `export`."""
    spec = description.spec
    inspection = None
    if options.format == TFLITE:
        progress("checking operations")
        inspection = inspect(content)
        require_sound(inspection, set(model.output), spec)
    progress("comparing with Keras")
    pictures = crops.crops(spec, count=options.crops, data=options.data)
    opened = OnnxModel(content) if options.format == ONNX else None
    parities = litert.parity(model, opened or content, (crops.to_inputs(p, spec)[0] for p in pictures))
    rows = []
    if options.data is not None:
        progress("measuring accuracy")
        reference = litert.to_litert(model, spec, name=description.variant)
        rows = accuracy.compare(
            content, reference, spec, options.data, suffix=f".{options.format}", limit=options.limit
        )
        if options.max_drop is not None:
            accuracy.require_drop(rows, options.max_drop)
    return Proof(len(content), parities, rows, inspection)


def require_sound(inspection: Inspection, outputs: set[str], spec: TrackerSpec | DetectorSpec) -> None:
    """ValueError unless all operations are listed, with codes and versions that every reader understands, XNNPACK takes
    them as one partition, the signature is right, and the metadata says what the model promises."""
    if inspection.faults:
        raise ValueError(f"operator codes that readers stumble over: {'; '.join(inspection.faults)}")
    if inspection.unlisted:
        raise ValueError(f"operations that XNNPACK does not take or that ruin int8: {', '.join(inspection.unlisted)}")
    litert.require_one_partition(inspection.partitions)
    names = {tensor.name for tensor in inspection.outputs}
    if inspection.signatures != (SIGNATURE,) or names != outputs:
        raise ValueError(
            f"the file must have the signature {SIGNATURE!r} with outputs {sorted(outputs)}. "
            f"Received: {inspection.signatures} with {sorted(names)}"
        )
    if inspection.metadata is None or spec_of(inspection.metadata) != spec:
        raise ValueError(f"the file's metadata must hold the spec {spec}. Received: {inspection.metadata}")


def _saved_model(model: keras.Model, description: Description, output: Path, options: Options) -> Proof:
    if output.exists():
        raise FileExistsError(f"{str(output)!r} exists already: a SavedModel needs a new folder")
    with litert.saved_model(model) as folder:
        pictures = crops.crops(description.spec, count=options.crops, data=options.data)
        inputs = (crops.to_inputs(p, description.spec)[0] for p in pictures)
        parities = litert.parity(model, litert.SavedModel(folder), inputs)
        size = sum(f.stat().st_size for f in Path(folder).rglob("*") if f.is_file())
        temporary = Path(tempfile.mkdtemp(prefix=f".{output.name}.", dir=output.parent))
        try:
            shutil.copytree(folder, temporary, dirs_exist_ok=True)
            temporary.chmod(0o755)
            os.rename(temporary, output)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return Proof(size, parities)
