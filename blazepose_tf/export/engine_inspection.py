"""What the files of other engines are, ONNX, OpenVINO and ncnn: operations, shapes, metadata, size, weights."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from blazepose_tf.runtime import engines
from blazepose_tf.runtime.interpreter import SharedModel, load_model

_UNTOLD = "unknown"
_INSTALL = "inspecting .onnx files needs onnx: pip install 'blazepose_tf[onnx]'"
# Layers of ncnn with weights: the number of the parameter that counts them, and of those that say whether there is a
# bias and for how many outputs.
_NCNN_WEIGHTS = {
    **dict.fromkeys(("Convolution", "ConvolutionDepthWise", "Deconvolution", "DeconvolutionDepthWise"), (6, 5, 0)),
    "InnerProduct": (2, 1, 0),
}


@dataclass(frozen=True)
class EngineInspection:
    """Findings of `inspect_engine`.

    Attributes:
        engine: name of the Python package that runs it.
        size: bytes of the file, or of a folder's files.
        precision: type of the weights at rest.
        input_size: side of the square picture in pixels.
        outputs: shape by name, channels last.
        operations: kind -> how many.
        weights: stored weights and biases.
        metadata: document of this project's exporter, or None.
    """

    engine: str
    size: int
    precision: str
    input_size: int
    outputs: dict[str, tuple[int, ...]]
    operations: dict[str, int]
    weights: int
    metadata: dict[str, Any] | None


def is_engines(path: str | os.PathLike) -> bool:
    """Whether a model is a file of another engine than LiteRT: an .onnx file, or a folder."""
    return Path(path).suffix == ".onnx" or Path(path).is_dir()


def inspect_engine(path: str | os.PathLike) -> EngineInspection:
    """Opens a model in its engine and reads what it is made of.

    Args:
        path: an .onnx file, or a folder of OpenVINO's or ncnn's (`runtime.engines`).

    Raises:
        OSError: it cannot be read.
        ValueError: it is no model that takes one square picture, or damaged.
        ImportError: the engine is not installed.
    """
    path = Path(path)
    model: SharedModel = load_model(path)
    read = {"onnxruntime": _onnx, "openvino": _openvino, "ncnn": _ncnn}[model.engine]
    operations, sizes = read(path)
    kinds = [kind for kind, count in sizes.most_common() if count]
    files = [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]
    return EngineInspection(
        engine=model.engine,
        size=sum(file.stat().st_size for file in files),
        precision=kinds[0] if kinds and kinds[0] != _UNTOLD else str((model.metadata or {}).get("precision", _UNTOLD)),
        input_size=model.input_size,
        outputs=dict(model.output_shapes),
        operations=dict(sorted(operations.items())),
        weights=sum(sizes.values()),
        metadata=model.metadata,
    )


def _onnx(path: Path) -> tuple[Counter, Counter]:
    """How many operations of each kind, how many weights of each type."""
    try:
        import onnx
    except ImportError as error:
        raise ImportError(_INSTALL) from error
    graph = onnx.load(path, load_external_data=False).graph
    sizes: Counter = Counter()
    for tensor in graph.initializer:
        if onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).kind != "i":  # shapes and axes are no weights
            sizes[str(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type))] += int(np.prod(tensor.dims))
    return Counter(node.op_type for node in graph.node if node.op_type != "Constant"), sizes


def _openvino(path: Path) -> tuple[Counter, Counter]:
    import openvino

    operations: Counter = Counter()
    sizes: Counter = Counter()
    for node in openvino.Core().read_model(path / engines.OPENVINO_FILES[0]).get_ops():
        kind = node.get_type_name()
        if kind == "Constant":
            type_name = str(node.get_output_element_type(0).to_dtype())
            if not type_name.startswith("int"):
                sizes[type_name] += int(np.prod(tuple(node.get_output_shape(0))))
        elif kind not in ("Parameter", "Result", "Convert"):  # Convert: half-precision weights on their way
            operations[kind] += 1
    return operations, sizes


def _ncnn(path: Path) -> tuple[Counter, Counter]:
    """From the text file: a line "kind name inputs outputs names... number=value ..." per layer, after two others."""
    operations: Counter = Counter()
    weights = 0
    for line in (path / engines.NCNN_FILES[0]).read_text(encoding="utf-8").splitlines()[2:]:
        kind, *words = line.split()
        if kind != "Input":
            operations[kind] += 1
        if kind in _NCNN_WEIGHTS:
            values = {key: value for key, _, value in (word.partition("=") for word in words) if value}
            count, bias, outputs = (int(values.get(str(number), 0)) for number in _NCNN_WEIGHTS[kind])
            weights += count + (outputs if bias else 0)
    return operations, Counter({_UNTOLD: weights})  # their type stands in the other file, layer by layer
