"""One array namespace for numpy, TensorFlow graphs and keras.ops, so that the project's maths exists once.

`array_namespace(x)` gives an object with numpy's names for the few functions that geometry and codecs need. Geometry
is written against it and so runs unchanged in the runtime (numpy), inside tf.data (TensorFlow) and inside a model
or loss (keras.ops). TensorFlow and Keras are only touched when one of their tensors comes in.
"""

from __future__ import annotations

import functools
import math
import sys
from types import SimpleNamespace

import numpy as np

_NAMES = (
    "stack", "concatenate", "where", "cos", "sin", "sqrt", "exp", "floor", "abs", "maximum", "minimum", "arctan2",
    "sum", "max", "ones_like", "zeros_like", "reshape", "clip", "matmul",
)  # fmt: skip


def _numpy_namespace() -> SimpleNamespace:
    names = {name: getattr(np, name) for name in _NAMES}
    return SimpleNamespace(
        **names,
        cast=lambda x, like: np.asarray(x).astype(like.dtype),
        asarray=lambda x, like: np.asarray(x, like.dtype),
        sigmoid=lambda x: 1.0 / (1.0 + np.exp(-np.minimum(np.maximum(x, -88.0), 88.0))),
    )


@functools.lru_cache(maxsize=8)
def _number_namespace(dtype: np.dtype) -> SimpleNamespace:
    """For Python's own numbers; what is stacked of them is an array of `dtype`."""
    return SimpleNamespace(
        stack=lambda parts, axis=0: np.array(parts, dtype),
        cos=math.cos, sin=math.sin, sqrt=math.sqrt, floor=math.floor, abs=abs, arctan2=math.atan2,
    )  # fmt: skip


def _tensorflow_namespace(tf) -> SimpleNamespace:
    return SimpleNamespace(
        stack=tf.stack, concatenate=tf.concat, where=tf.where, cos=tf.cos, sin=tf.sin, sqrt=tf.sqrt, exp=tf.exp,
        floor=tf.floor, abs=tf.abs, maximum=tf.maximum, minimum=tf.minimum, arctan2=tf.atan2,
        sum=lambda x, axis=None, keepdims=False: tf.reduce_sum(x, axis, keepdims),
        max=lambda x, axis=None, keepdims=False: tf.reduce_max(x, axis, keepdims),
        ones_like=tf.ones_like, zeros_like=tf.zeros_like, reshape=tf.reshape,
        clip=tf.clip_by_value, matmul=tf.matmul,
        cast=lambda x, like: tf.cast(x, like.dtype),
        asarray=lambda x, like: tf.cast(tf.convert_to_tensor(x), like.dtype),
        sigmoid=tf.sigmoid,
    )  # fmt: skip


def _keras_namespace(ops) -> SimpleNamespace:
    names = {name: getattr(ops, name) for name in _NAMES}
    return SimpleNamespace(
        **names,
        cast=lambda x, like: ops.cast(x, like.dtype),
        asarray=lambda x, like: ops.convert_to_tensor(x, like.dtype),
        sigmoid=ops.sigmoid,
    )


_NUMPY = _numpy_namespace()
_OTHERS: dict[str, SimpleNamespace] = {}


def array_namespace(*arrays) -> SimpleNamespace:
    """The namespace that the first non-numpy argument belongs to; numpy's when all are numpy arrays, lists or numbers.

    A TensorFlow tensor always gives TensorFlow's namespace (so tf.data works under any Keras backend); anything else
    that is not numpy gives keras.ops, which handles the tensors of its backend and symbolic KerasTensors.
    """
    for x in arrays:
        if isinstance(x, (np.ndarray, np.generic, list, tuple, int, float)):
            continue
        tf = sys.modules.get("tensorflow")
        if tf is not None and isinstance(x, (tf.Tensor, tf.Variable)):
            if "tensorflow" not in _OTHERS:
                _OTHERS["tensorflow"] = _tensorflow_namespace(tf)
            return _OTHERS["tensorflow"]
        if "keras" not in _OTHERS:
            import keras

            _OTHERS["keras"] = _keras_namespace(keras.ops)
        return _OTHERS["keras"]
    return _NUMPY


def components(array, axes: int = 1):
    """An array taken apart along its last axis or its last two, with the namespace for the arithmetic of its parts.

    A single item in numpy (one region, one matrix) comes apart into Python's numbers: numpy takes ten times as long for
    arithmetic on one element as Python does.

    Returns:
        namespace; its `stack` makes an array again.
        list of (...) components; for two axes a list of lists.
    """
    if isinstance(array, np.ndarray) and array.ndim == axes and array.dtype.kind == "f":
        numbers = array.tolist()
        if math.isfinite(sum(numbers if axes == 1 else map(sum, numbers))):  # math raises where numpy gives nan
            return _number_namespace(array.dtype), numbers
    if axes == 1:
        return array_namespace(array), [array[..., i] for i in range(array.shape[-1])]
    rows, columns = array.shape[-2:]
    return array_namespace(array), [[array[..., i, j] for j in range(columns)] for i in range(rows)]
