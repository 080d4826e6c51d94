"""Kernels that a weight file does not repeat because the LiteRT file beside it holds them.

A converter folds the normalisation into the convolution before it, so that a kernel there is the trained one times a
factor per output channel. A weight file that stores those factors and everything small (normalisation, biases, heads
that do not ship) is a tenth of the size, and the two files together still hold all that fine-tuning needs.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

from blazepose_tf import documents

INDEX = "shared_kernels"
_FACTOR = "factor:"
# Relative difference that half precision explains: of a whole kernel, and of its worst channel (tiny values have
# fewer bits). A kernel that differs more is stored.
_CLOSE, _CLOSE_CHANNEL = 1e-3, 1e-2


def split(arrays: dict[str, np.ndarray], litert: Path) -> dict[str, np.ndarray]:
    """Replaces kernels by factors.

    Args:
        arrays: weights by name.
        litert: the float16 file of the same model, which will lie beside the weight file under the same stem.

    Returns:
        The arrays of the smaller file, for `join`.

    Raises:
        OSError: the LiteRT file cannot be read.
        ValueError: it is no LiteRT file, or shares no kernel with these weights.
    """
    content = litert.read_bytes()
    tensors = _kernels(content)
    result, index = {}, {}
    for name, value in arrays.items():
        found = _find(np.asarray(value, np.float32), tensors) if np.ndim(value) == 4 else None
        if found is None:
            result[name] = value
        else:
            index[name], result[_FACTOR + name] = found
    if not index:
        raise ValueError(f"{str(litert)!r} shares no kernel with these weights")
    document = {"sha256": hashlib.sha256(content).hexdigest(), "tensors": index}
    result[INDEX] = np.array(json.dumps(document, sort_keys=True))
    return result


def join(arrays: dict[str, np.ndarray], litert: Path) -> dict[str, np.ndarray]:
    """The weights of `split` again; arrays without an index are returned as they are.

    Raises:
        OSError: the LiteRT file cannot be read.
        ValueError: it is not the file that the weights were split against.
    """
    if INDEX not in arrays:
        return arrays
    where = "the index of shared kernels"
    shape = documents.Part({"sha256": documents.TEXT, "tensors": documents.MapOf(documents.LIST)})
    document = documents.check(documents.parse(str(arrays[INDEX]), where), shape, where)
    try:
        content = litert.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"{litert}: missing, and the weights beside it share its kernels") from None
    if hashlib.sha256(content).hexdigest() != document["sha256"]:
        raise ValueError(f"{litert}: not the file that the weights beside it belong to")
    tensors = _kernels(content)
    result = {}
    for name, value in arrays.items():
        if name.startswith(_FACTOR):
            path = name.removeprefix(_FACTOR)
            try:
                number, depthwise = document["tensors"][path]
                kernel = _keras_layout(tensors[number], depthwise)
                result[path] = kernel * (value[:, None] if depthwise else value)
            except (KeyError, ValueError, TypeError, IndexError) as error:
                raise ValueError(f"{where} does not fit {path!r}: {error!r}") from error
        elif name != INDEX:
            result[name] = value
    return result


def _kernels(content: bytes) -> dict[int, np.ndarray]:
    """Half-precision constants of four dimensions, by tensor number."""
    # Here, not above: training on another machine may lack LiteRT.
    import blazepose_tf.tflite.packing as packing

    model = packing.unpack(content)
    found = {}
    for number, tensor in enumerate(model.subgraphs[0].tensors):
        stored = model.buffers[tensor.buffer].data
        if stored is None or tensor.shape is None or len(tensor.shape) != 4:
            continue
        if len(stored) == 2 * int(np.prod(tensor.shape)):
            found[number] = packing.constant(model, number, np.float16).astype(np.float32)
    return found


def _keras_layout(kernel: np.ndarray, depthwise: bool) -> np.ndarray:
    """(O, H, W, I) to (H, W, I, O), or (1, H, W, C) of a depthwise convolution to (H, W, C, 1)."""
    return kernel[0][..., None] if depthwise else kernel.transpose(1, 2, 3, 0)


def _find(value: np.ndarray, tensors: dict[int, np.ndarray]) -> tuple[tuple[int, bool], np.ndarray] | None:
    """The tensor that is `value` but for a factor per channel: (number, whether depthwise), (C,) factors."""
    for number, tensor in tensors.items():
        for depthwise in (False, True):
            if depthwise and len(tensor) != 1:
                continue
            kernel = _keras_layout(tensor, depthwise)
            if kernel.shape != value.shape:
                continue
            axis = 2 if depthwise else 3
            others = tuple(i for i in range(4) if i != axis)
            power = (kernel**2).sum(axis=others)
            factor = (kernel * value).sum(axis=others) / np.where(power > 0, power, 1.0)
            rest = value - kernel * (factor[:, None] if depthwise else factor)
            norm, missing = (np.sqrt((x**2).sum(axis=others)) for x in (value, rest))
            if np.linalg.norm(missing) <= _CLOSE * np.linalg.norm(norm) and (missing <= _CLOSE_CHANNEL * norm).all():
                return (number, depthwise), factor.astype(np.float32)
    return None
