"""From a trained model to a proven file: convert, check, compare, and only then write under the final name."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import keras

from blazepose_tf import files
from blazepose_tf.export import accuracy, crops, equalization, facts, folders, litert, onnx, quantization
from blazepose_tf.export.inspection import Inspection, inspect
from blazepose_tf.models import Description
from blazepose_tf.models.refinement import with_refinement
from blazepose_tf.runtime.interpreter import OnnxModel
from blazepose_tf.runtime.metadata import spec_of, write_metadata
from blazepose_tf.specs import DetectorSpec, TrackerSpec

__all__ = ["Options", "export"]

TFLITE, ONNX, TASK = "tflite", "onnx", "task"
FORMATS = (TFLITE, ONNX, TASK, *folders.FORMATS)
_PRECISIONS_OF = {
    TFLITE: (litert.FLOAT32, litert.FLOAT16, *quantization.QUANTIZED),
    folders.OPENVINO: (litert.FLOAT32, litert.FLOAT16),
    folders.NCNN: (litert.FLOAT32, litert.FLOAT16),
}
PRECISIONS = (litert.FLOAT32, litert.FLOAT16, *quantization.QUANTIZED)
SIGNATURE = "serving_default"


@dataclass(frozen=True)
class Options:
    """How to export.

    Attributes:
        format: one of FORMATS but TASK, which `task_bundle` makes of two models.
        precision: one of PRECISIONS; OpenVINO and ncnn know float32 and float16, ONNX and SavedModel float32 alone.
        float_biases: FLOAT16 files keep their biases in float32.
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
    float_biases: bool = False
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
        if self.format not in FORMATS or self.format == TASK:
            raise ValueError(f"format must be one of {FORMATS} but task. Received: format={self.format!r}")
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision must be one of {PRECISIONS}. Received: precision={self.precision!r}")
        known = _PRECISIONS_OF.get(self.format, (litert.FLOAT32,))
        if self.precision not in known:
            raise ValueError(f"{self.format} files are {' or '.join(known)}. Received: precision={self.precision!r}")
        if self.float_biases and (self.format, self.precision) != (TFLITE, litert.FLOAT16):
            raise ValueError(
                f"float_biases is for float16 LiteRT files. Received: {self.format}, precision={self.precision!r}"
            )
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
    if options.format in folders.FORMATS:
        return _folder(model, description, Path(output), options, progress=progress)
    progress("converting")
    if options.format == ONNX:
        content = onnx.to_onnx(
            model,
            description.spec,
            name=description.variant,
            dynamic_batch=options.dynamic_batch,
            opset=options.opset,
            facts=description.facts,
        )
    else:
        content = convert(model, description, options, progress=progress)
    proof = prove(content, model, description, options, progress=progress)
    if proof.rows and options.format == TFLITE:
        content = write_metadata(content, proof.inspection.metadata | {"accuracy": facts.accuracy(proof.rows, options)})
    files.write_bytes(output, content)
    return proof


def convert(model: keras.Model, description: Description, options: Options, *, progress: Progress) -> bytes:
    """Content of the LiteRT file of a `deployed` model."""
    spec, name, precision = description.spec, description.variant, options.precision
    if precision in (litert.FLOAT32, litert.FLOAT16):
        content = litert.to_litert(
            model, spec, name=name, precision=precision, metadata=False, float_biases=options.float_biases
        )
        return litert.with_metadata(
            content, spec, name=name, precision=precision, **facts.of_file(description, options)
        )
    content = litert.to_litert(model, spec, name=name)
    progress("calibrating")
    pictures = list(crops.crops(spec, count=options.calibration_crops, data=options.calibration))
    content = equalization.equalize(content, (crops.to_inputs(p, spec) for p in pictures))
    ranges = None
    if precision != quantization.DYNAMIC:
        inputs = (crops.to_inputs(p, spec) for p in pictures)
        ranges = quantization.calibrate(content, inputs, percentile=options.percentile)
    content = quantization.quantize(content, precision, ranges=ranges)
    known = facts.of_file(description, options, pictures=len(pictures))
    return litert.with_metadata(content, spec, name=name, precision=precision, **known)


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
    rows = _accuracy(content, model, description, options, progress)
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


def _folder(
    model: keras.Model, description: Description, output: Path, options: Options, *, progress: Progress
) -> Proof:
    with folders.new_folder(output) as folder:
        progress("converting")
        opened = folders.write(
            model,
            description,
            folder,
            format=options.format,
            precision=options.precision,
            opset=options.opset,
        )
        progress("comparing with Keras")
        pictures = crops.crops(description.spec, count=options.crops, data=options.data)
        parities = litert.parity(model, opened, (crops.to_inputs(p, description.spec)[0] for p in pictures))
        rows = [] if options.format == folders.SAVED_MODEL else _accuracy(folder, model, description, options, progress)
        return Proof(sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()), parities, rows)


def _accuracy(
    exported: bytes | Path, model: keras.Model, description: Description, options: Options, progress: Progress
) -> list[accuracy.Row]:
    """The accuracy table, if there are annotated pictures; ValueError where more is lost than may be."""
    if options.data is None:
        return []
    progress("measuring accuracy")
    reference = litert.to_litert(model, description.spec, name=description.variant)
    rows = accuracy.compare(
        exported, reference, description.spec, options.data, suffix=f".{options.format}", limit=options.limit
    )
    if options.max_drop is not None:
        accuracy.require_drop(rows, options.max_drop)
    return rows
