"""Refinement inside the graph: landmarks that the heatmaps have moved already, for consumers without our runtime.

`codecs.refinement.refine_smoothly` over the whole map, out of operations that every LiteRT delegate has.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from blazepose_tf.codecs.refinement import REGRESSION_WEIGHT, SQUARINGS, prior_sigmas
from blazepose_tf.specs import HEATMAPS, LANDMARKS, OFFSETS, TrackerSpec


def with_refinement(model: keras.Model, spec: TrackerSpec) -> keras.Model:
    """The same layers and weights with refined landmarks, and without heatmaps and offsets.

    Args:
        model: tracker with the outputs `landmarks` and `heatmaps` of the same points.
        spec: its contract.

    Raises:
        ValueError: the model lacks one of the two (a detector, say), or they are MediaPipe's, whose 39 maps stand
            elsewhere by half a cell.
    """
    given = model.output
    if not {LANDMARKS, HEATMAPS} <= set(given) or given[LANDMARKS].shape[1] != given[HEATMAPS].shape[-1]:
        shapes = {name: tuple(tensor.shape[1:]) for name, tensor in given.items()}
        raise ValueError(f"refinement needs landmarks (K, ...) and heatmaps (S, S, K). Received: outputs={shapes}")
    outputs = {name: tensor for name, tensor in given.items() if name not in (HEATMAPS, OFFSETS)}
    sigmas = prior_sigmas(spec.keypoint_names)
    outputs[LANDMARKS] = refined(given[LANDMARKS], given[HEATMAPS], stride=float(spec.heatmap_stride), sigmas=sigmas)
    return keras.Model(model.input, outputs, name=model.name)


def refined(landmarks, heatmaps, *, stride: float, sigmas: np.ndarray):
    """(B, K, 2 or more) landmarks in crop pixels with x and y moved; the other columns stay.

    Args:
        landmarks: x, y first.
        heatmaps: (B, S, S, K) logits.
        stride: crop pixels per cell.
        sigmas: (K,) of `prior_sigmas`.
    """
    rows, columns, count = heatmaps.shape[1:]
    # Shapes of four dimensions throughout, and slices that keep their axis: XNNPACK takes no others.
    x, y = (ops.reshape(landmarks[:, :, i : i + 1], (-1, 1, 1, count)) * (1.0 / stride) for i in (0, 1))
    column = ops.convert_to_tensor(np.arange(columns, dtype=np.float32).reshape(1, 1, -1, 1) + 0.5)
    row = ops.convert_to_tensor(np.arange(rows, dtype=np.float32).reshape(1, -1, 1, 1) + 0.5)
    power = ops.sigmoid(heatmaps)
    for _ in range(SQUARINGS):
        power = power * power
    scale = ops.convert_to_tensor(np.reshape(-0.5 * 2**SQUARINGS / np.square(sigmas), (1, 1, 1, -1)).astype(np.float32))
    along_x = power * ops.exp(ops.square(column - x) * scale)
    near_y = ops.exp(ops.square(row - y) * scale)
    # Sums over columns first: what is left is small.
    weight = ops.sum(along_x, axis=2, keepdims=True) * near_y
    weight_x = ops.sum(along_x * column, axis=2, keepdims=True) * near_y
    total = ops.sum(weight, axis=1, keepdims=True) + REGRESSION_WEIGHT
    new_x = (ops.sum(weight_x, axis=1, keepdims=True) + x * REGRESSION_WEIGHT) / total
    new_y = (ops.sum(weight * row, axis=1, keepdims=True) + y * REGRESSION_WEIGHT) / total
    moved = [ops.reshape(v, (-1, count, 1)) * stride for v in (new_x, new_y)]
    return ops.concatenate([*moved, landmarks[:, :, 2:]] if landmarks.shape[-1] > 2 else moved, axis=-1)
