"""Lets the blocks of a model train with the compiled kernels, without changing the model.

A block is depthwise -> 1x1 -> normalisation [-> + shortcut] -> ReLU (`layers.blaze`). Its depthwise convolution becomes
one kernel, normalisation to ReLU another: in a training step the normalisation and the addition only note their inputs
and the ReLU computes all three. The maximum of a shortcut with stride keeps TensorFlow's kernel and gets a faster
gradient. Layers, variables, configuration and inference of the normalisation are the stock ones.
"""

from __future__ import annotations

import types
from dataclasses import dataclass, field
from typing import Any

import keras
import tensorflow as tf

from blazepose_tf.kernels.library import operations
from blazepose_tf.layers.normalization import is_plain, update_statistics

DTYPES = ("float32", "bfloat16")


@dataclass
class _Depthwise:
    """State of a depthwise layer within one pass: `shared` is its input again, whose gradient joins its own."""

    share: bool = False
    input: object = None
    shared: object = None


@dataclass
class _Tail:
    """Normalisation, addition (or None) and ReLU of a block; `x` and `skip` are what the first two noted."""

    norm: keras.layers.Layer
    add: keras.layers.Layer | None
    branch: int = 0
    neighbours: list[_Depthwise] = field(default_factory=list)
    x: Any = None
    skip: Any = None


def prepare() -> None:
    """Compiles the kernels if need be.

    Raises:
        RuntimeError: another backend, no C++ compiler, or it failed.
    """
    if keras.config.backend() != "tensorflow":
        raise RuntimeError(f"compiled kernels need the TensorFlow backend, not {keras.config.backend()!r}")
    operations()


def use_compiled_kernels(model: keras.Model) -> int:
    """Compiles the kernels if need be and lets the blocks of `model` compute with them.

    Args:
        model: a functional model on the TensorFlow backend; changed in place. What does not fit (ReLU6, other kernel
            sizes, explicit padding, float16) keeps TensorFlow's kernels.

    Returns:
        The number of kernels put in.

    Raises:
        RuntimeError: as `prepare`.
    """
    prepare()
    depthwise = {}
    for layer in model._flatten_layers(include_self=False):
        if _fits(layer):
            depthwise[id(layer)] = _Depthwise()
            _replace_call(layer, _call_depthwise, depthwise[id(layer)])
    count = len(depthwise)
    for layer in model._flatten_layers(include_self=False):
        if _is_pool(layer):
            _replace_call(layer, _call_pool, None)
            count += 1
    for layer in model._flatten_layers(include_self=False):
        tail = _tail_of(layer, depthwise)
        if tail is None:
            continue
        relu = _only_consumer(tail.add or tail.norm)
        _replace_call(tail.norm, _call_norm, tail)
        if tail.add is not None:
            _replace_call(tail.add, _call_add, tail)
        _replace_call(relu, _call_relu, tail)
        count += 1
    return count


def _fits(layer) -> bool:
    return (
        type(layer) is keras.layers.DepthwiseConv2D
        and layer.kernel_size in ((3, 3), (5, 5))
        and layer.strides in ((1, 1), (2, 2))
        and layer.padding == "same"
        and layer.depth_multiplier == 1
        and layer.data_format == "channels_last"
        and not layer.use_bias
        and layer.activation is keras.activations.linear
        and layer.compute_dtype in DTYPES
    )


def _is_pool(layer) -> bool:
    return (
        type(layer) is keras.layers.MaxPooling2D
        and layer.pool_size == (2, 2)
        and layer.strides == (2, 2)
        and layer.padding == "valid"
        and layer.data_format == "channels_last"
        and layer.compute_dtype in DTYPES
    )


def _tail_of(norm, depthwise: dict[int, _Depthwise]) -> _Tail | None:
    if not is_plain(norm) or norm.compute_dtype not in DTYPES:
        return None
    after, add = _only_consumer(norm), None
    if type(after) is keras.layers.Add and len(after.input) == 2:
        after, add = _only_consumer(after), after
    plain_relu = type(after) is keras.layers.ReLU and after.max_value is None
    if not plain_relu or after.negative_slope or after.threshold:
        return None
    tail = _Tail(norm, add)
    if add is not None:
        sources = [tensor._keras_history.operation for tensor in add.input]
        tail.branch = sources.index(norm)
        # The shortcut starts where the block's depthwise convolution does; their gradients meet there.
        tail.neighbours = [depthwise[id(c)] for c in _consumers(sources[1 - tail.branch]) if id(c) in depthwise][:1]
        for state in tail.neighbours:
            state.share = True
    return tail


def _consumers(operation) -> list:
    return [node.operation for node in operation._outbound_nodes]


def _only_consumer(operation):
    consumers = _consumers(operation)
    return consumers[0] if len(consumers) == 1 else None


def _replace_call(layer, call, state) -> None:
    def replacement(layer, *args, **kwargs):
        return call(layer, state, *args, **kwargs)

    layer.call = types.MethodType(replacement, layer)


def _value(variable):
    """The variable as float32, whatever precision the layer computes in."""
    return tf.convert_to_tensor(variable._value)


def _call_depthwise(layer, state: _Depthwise, inputs):
    y, shared = operations().blaze_depthwise(
        x=inputs, w=_value(layer.kernel)[..., 0], stride=layer.strides[0], share=state.share
    )
    if state.share:
        state.input, state.shared = inputs, shared
    return y


def _call_pool(layer, state, inputs):
    del layer, state

    @tf.custom_gradient
    def pool(x):
        return tf.nn.max_pool2d(x, 2, 2, "VALID"), lambda dy: operations().blaze_pool_gradient(x=x, dy=dy)

    return pool(inputs)


def _call_norm(layer, tail: _Tail, inputs, training=None, mask=None):
    tail.x = tail.skip = None
    if not training or not layer.trainable:
        return type(layer).call(layer, inputs, training=training, mask=mask)
    tail.x = inputs
    return inputs


def _call_add(layer, tail: _Tail, inputs):
    if tail.x is None:
        return type(layer).call(layer, inputs)
    skip = inputs[1 - tail.branch]
    shared = [state.shared for state in tail.neighbours if state.input is skip]
    tail.skip = shared[0] if shared else skip
    return inputs[tail.branch]


def _call_relu(layer, tail: _Tail, inputs):
    if tail.x is None:
        return type(layer).call(layer, inputs)
    norm, x, skip = tail.norm, tail.x, tail.skip
    tail.x = tail.skip = None
    y, mean, variance = operations().blaze_normalize(
        x=x,
        gamma=_value(norm.gamma),
        beta=_value(norm.beta),
        skip=tf.zeros([0], x.dtype) if skip is None else skip,
        epsilon=norm.epsilon,
    )
    update_statistics(norm, mean, variance)
    return y
