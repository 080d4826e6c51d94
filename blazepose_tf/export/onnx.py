"""Keras model to ONNX file, through tf2onnx; ONNX Runtime folds constants and removes what does nothing."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from blazepose_tf.runtime.metadata import METADATA_NAME, metadata_of
from blazepose_tf.specs import IMAGE, DetectorSpec, TrackerSpec

OPSET = 17
_INSTALL = "ONNX files need tf2onnx and onnxruntime: pip install 'blazepose_tf[onnx]'"


def to_onnx(
    model: keras.Model,
    spec: TrackerSpec | DetectorSpec,
    *,
    name: str,
    dynamic_batch: bool = False,
    opset: int = OPSET,
    channels_first: bool = False,
    facts: dict[str, Any] | None = None,
) -> bytes:
    """Converts a model.

    Args:
        model: detector or tracker, as `litert.deployed` gives it.
        spec: its contract, written into the metadata that the runtime reads.
        name: preset name for the metadata.
        dynamic_batch: any number of pictures; else exactly one.
        opset: version of the operator set, 17 or later.
        channels_first: picture (B, 3, S, S) and maps (B, K, S, S), for converters that know nothing else.
        facts: further values of the metadata.

    Returns:
        Content of an .onnx file: input `image` (B, S, S, 3), outputs named as in the model.

    Raises:
        ValueError: an opset before 17, or a graph that the ONNX checker refuses.
        ImportError: tf2onnx or onnxruntime is not installed.
    """
    if opset < OPSET:
        raise ValueError(f"opset must be at least {OPSET}. Received: opset={opset}")
    try:
        import onnx
        import onnxruntime
        import tf2onnx
    except ImportError as error:
        raise ImportError(_INSTALL) from error
    names = sorted(model.output)
    signature = [tf.TensorSpec((None if dynamic_batch else 1, *model.inputs[0].shape[1:]), tf.float32, name=IMAGE)]

    @tf.function(input_signature=signature)
    def run(image):
        return {key: tf.identity(value, name=key) for key, value in model(image, training=False).items()}

    maps = [key for key in names if len(model.output[key].shape) == 4]
    turned = {"inputs_as_nchw": [IMAGE], "outputs_as_nchw": maps} if channels_first else {}
    converted, _ = tf2onnx.convert.from_function(run, input_signature=signature, opset=opset, **turned)
    with tempfile.TemporaryDirectory(prefix="blazepose_onnx_") as folder:
        path = Path(folder) / "model.onnx"
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(path)
        options.log_severity_level = 3
        onnxruntime.InferenceSession(converted.SerializeToString(), options, providers=["CPUExecutionProvider"])
        simplified = onnx.load(path)
    found = sorted(output.name for output in simplified.graph.output)
    if found != names:
        raise ValueError(f"the ONNX outputs must be {names}. Received: {found}")
    foreign = sorted({node.domain for node in simplified.graph.node} - {"", "ai.onnx"})
    if foreign:
        raise ValueError(f"the ONNX graph must use standard operators only. Received: domains={foreign}")
    standard = [item for item in simplified.opset_import if item.domain in ("", "ai.onnx")]
    del simplified.opset_import[:]
    simplified.opset_import.extend(standard)
    entry = simplified.metadata_props.add()
    document = metadata_of(spec, model=name, precision="float32", **(facts or {}))
    entry.key, entry.value = METADATA_NAME, json.dumps(document, sort_keys=True)
    try:
        onnx.checker.check_model(simplified, full_check=True)
    except onnx.checker.ValidationError as error:
        raise ValueError(f"the ONNX checker refuses the graph: {error}") from error
    return simplified.SerializeToString()


def output_names(path: Path) -> list[str]:
    """Names of the outputs of an ONNX file, in its order."""
    import onnx

    return [output.name for output in onnx.load(path, load_external_data=False).graph.output]
