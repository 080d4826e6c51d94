"""Quantised LiteRT files: integer bodies under floating-point heads.

The body computes in int8 (weights per channel, activations per tensor). The last, small features and the heads stay in
float32 with their weights stored in 8 bits: they hold many layers in a row and few multiplications, so that integers
would lose much there and gain little; and pixels and logits never share a scale, whatever the head looks like. Heatmaps
are integers up to their output. XNNPACK still takes the whole graph as one partition.
"""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from collections.abc import Iterable

import numpy as np
from ai_edge_litert import interpreter as litert

from blazepose_tf.tflite import graph, packing

DYNAMIC = "dynamic"
INT8 = "int8"
INT8_FLOAT_IO = "int8_float_io"
QUANTIZED = (DYNAMIC, INT8, INT8_FLOAT_IO)
# Values drawn from a tensor of one picture for percentiles: enough for the 99.9th, and all pictures fit into memory.
_SAMPLES = 4096
_SEED = 0
_INSTALL = "quantised files need ai-edge-quantizer: pip install 'blazepose_tf[export]'"

# Features of at most this many cells a side stay in floating point: few multiplications, many layers in a row.
FLOAT_CELLS = 4

# Output channels below which a convolution computes in float in DYNAMIC files.
SHALLOW = 64
# Cutting one activation in ten thousand off either end costs less than the coarser steps that outliers bring.
PERCENTILE = 99.99

Ranges = dict[str, tuple[float, float]]


def quantize(content: bytes, precision: str, *, ranges: Ranges | None = None, float_cells: int = FLOAT_CELLS) -> bytes:
    """Quantises a float32 file.

    Args:
        content: of a float32 .tflite file.
        precision: DYNAMIC (8-bit weights; activations are quantised while it runs, depthwise ones stay float),
            INT8 (integer picture in, float32 outputs), or INT8_FLOAT_IO (float32 picture in).
        ranges: of `calibrate`; needed for the two with integer activations.
        float_cells: largest side of features that stay in floating point.

    Returns:
        Content of the quantised file; metadata is kept.

    Raises:
        ValueError: an unknown precision, or no ranges.
        ImportError: ai-edge-quantizer is not installed.
    """
    if precision not in QUANTIZED:
        raise ValueError(f"precision must be one of {QUANTIZED}. Received: precision={precision!r}")
    if precision != DYNAMIC and not ranges:
        raise ValueError(f"{precision} needs the ranges of activations (calibrate)")
    try:
        from ai_edge_quantizer import qtyping, quantizer
        from ai_edge_quantizer.algorithm_manager import AlgorithmName
    except ImportError as error:
        raise ImportError(_INSTALL) from error
    names = qtyping.TFLOperationName
    tool = quantizer.Quantizer(content)
    convolutions, others = float_operations(content, float_cells)
    if precision == DYNAMIC:
        for name in (names.CONV_2D, names.FULLY_CONNECTED):
            tool.add_dynamic_config(regex=".*", operation_name=name, num_bits=8)
        tool.add_weight_only_config(regex=".*", operation_name=names.DEPTHWISE_CONV_2D, num_bits=8)
        for scope in {*_shallow(content), *convolutions}:
            tool.add_weight_only_config(regex=_exactly(scope), operation_name=names.CONV_2D, num_bits=8)
    else:
        tool.add_static_config(regex=".*", operation_name=names.ALL_SUPPORTED, activation_num_bits=8, weight_num_bits=8)
        for scope in (*convolutions, *others):
            tool.update_quantization_recipe(
                regex=_exactly(scope), operation_name=names.ALL_SUPPORTED, algorithm_key=AlgorithmName.NO_QUANTIZE
            )
        for scope in convolutions:
            for name in (names.CONV_2D, names.DEPTHWISE_CONV_2D, names.FULLY_CONNECTED):
                tool.add_weight_only_config(regex=_exactly(scope), operation_name=name, num_bits=8)
        float_io = (names.OUTPUT,) if precision == INT8 else (names.INPUT, names.OUTPUT)
        for name in float_io:
            tool.update_quantization_recipe(regex=".*", operation_name=name, algorithm_key=AlgorithmName.NO_QUANTIZE)
    statistics = {
        name: {"min": np.full((1, 1, 1, 1), low, np.float32), "max": np.full((1, 1, 1, 1), high, np.float32)}
        for name, (low, high) in (ranges or {}).items()
    }
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # it reports and warns of its own doing
        result = tool.quantize(statistics or None, enable_progress_bar=False, enable_progress_report=False)
    # Weights into the flatbuffer: the metadata is added by rewriting it.
    return packing.pack(packing.unpack(bytes(result.quantized_model)))


def calibrate(content: bytes, inputs: Iterable[np.ndarray], *, percentile: float = PERCENTILE) -> Ranges:
    """Ranges of all activations of a float32 file.

    Args:
        content: of a float32 .tflite file.
        inputs: (1, S, S, 3) float32 pictures in the model's value range; aligned crops for a tracker.
        percentile: 100 takes the smallest and largest value met; less cuts (100 - percentile) % off either end,
            estimated on a random sample of each tensor, except for the picture and the outputs.

    Returns:
        (lowest, highest) by tensor name.

    Raises:
        ValueError: no pictures, or a percentile outside (50, 100].
    """
    if not 50.0 < percentile <= 100.0:
        raise ValueError(f"percentile must be within (50, 100]. Received: percentile={percentile}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # keeping all tensors takes memory, which is what it is asked to do
        interpreter = litert.Interpreter(model_content=content, num_threads=1, experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    ends = {d["index"] for d in (*interpreter.get_input_details(), *interpreter.get_output_details())}
    written = {int(i) for op in interpreter._get_ops_details() for i in op["outputs"]} | ends
    tensors = {
        d["index"]: d for d in interpreter.get_tensor_details() if d["index"] in written and d["dtype"] == np.float32
    }
    rng = np.random.default_rng(_SEED)
    extremes: Ranges = {}
    samples: dict[str, list[np.ndarray]] = {}
    for picture in inputs:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.asarray(picture, np.float32))
        interpreter.invoke()
        for index, detail in tensors.items():
            values, name = interpreter.get_tensor(index), detail["name"]
            low, high = extremes.get(name, (np.inf, -np.inf))
            extremes[name] = (min(low, float(values.min())), max(high, float(values.max())))
            if percentile < 100.0 and index not in ends:
                flat = values.ravel()
                drawn = flat if flat.size <= _SAMPLES else flat[rng.integers(0, flat.size, _SAMPLES)]
                samples.setdefault(name, []).append(drawn.copy())
    if not extremes:
        raise ValueError("calibration needs at least one picture. Received: none")
    for name, parts in samples.items():
        low, high = np.percentile(np.concatenate(parts), (100.0 - percentile, percentile))
        extremes[name] = (float(low), float(high))
    return extremes


def float_operations(content: bytes, cells: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Operations that stay in floating point: heads, and what computes small features on the way to them.

    Args:
        content: of a float32 .tflite file.
        cells: largest side of a feature that is small.

    Returns:
        Names (of the output tensor) of convolutions, and of other operations.
    """
    model = packing.unpack(content)
    subgraph = model.subgraphs[0]
    producers = {int(o): op for op in subgraph.operators for o in op.outputs}
    convolutions: dict[int, str] = {}
    others: dict[int, str] = {}
    # Maps (heatmaps, masks) are large, of one kind, and logits throughout: integers do for them.
    pending = [(int(i), True) for i in subgraph.outputs if len(subgraph.tensors[int(i)].shape) != 4]
    while pending:
        tensor, head = pending.pop()
        operator = producers.get(tensor)
        if operator is None or tensor in convolutions or tensor in others:
            continue
        shape = subgraph.tensors[tensor].shape
        if not head and (len(shape) != 4 or max(shape[1:3]) > cells):
            continue
        convolves = graph.kind_of(model, operator) in (*graph.DENSE, graph.DEPTHWISE)
        (convolutions if convolves else others)[tensor] = subgraph.tensors[tensor].name.decode()
        pending += [(int(i), head and not convolves) for i in operator.inputs if i >= 0]
    return tuple(convolutions.values()), tuple(others.values())


def _shallow(content: bytes) -> tuple[str, ...]:
    """Convolutions with so few multiplications per value read that quantising the values costs more than it saves."""
    model = packing.unpack(content)
    tensors = model.subgraphs[0].tensors
    name = packing.names(model)
    return tuple(
        name(int(op.outputs[0]))
        for op in model.subgraphs[0].operators
        if graph.kind_of(model, op) == "CONV_2D" and int(tensors[int(op.inputs[1])].shape[0]) < SHALLOW
    )


def _exactly(scope: str) -> str:
    # The quantizer matches against the names of an operation's outputs, each followed by a semicolon.
    return f"^{re.escape(scope)};?$"
