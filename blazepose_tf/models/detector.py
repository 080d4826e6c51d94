"""The person detectors: backbone, top-down pyramid, one head per level.

Reference: BlazeFace (arXiv 1907.05047); BlazePose (arXiv 2006.10204), section 2.2: the face stands in for the person
and brings mid-hip and body circle along.
"""

from __future__ import annotations

import math

import keras

from blazepose_tf.layers.fusion import depth_to_space, upsample
from blazepose_tf.layers.normalization import use_fused_kernels
from blazepose_tf.models.heads import presence_of
from blazepose_tf.models.presets import DETECTORS, DetectorTable
from blazepose_tf.models.stages import run_stage
from blazepose_tf.specs import IMAGE, LOGITS, REGRESSORS, DetectorSpec

# A fresh detector believes in a person in one of a hundred anchors.
PRIOR = 0.01
# Units between what the backbone saw of the whole picture and its say in every anchor's logit.
PRESENCE_FEATURES = 48


def build_detector(spec: DetectorSpec | None = None, *, variant: str = "blazeface") -> keras.Model:
    """Builds a person detector with random weights.

    The image is (B, S, S, 3) float32 RGB in `spec.value_range`. Outputs, A = spec.num_anchors:

    - `regressors` (B, A, 4 + 2 x keypoints) input pixels: box centre (from the anchor's), width, height, then
      keypoints (from the anchor's centre): mid-hip, point on the body circle, ...
    - `logits` (B, A, 1).

    Anchors are ordered by level, then row, column, and anchor of the cell.

    Args:
        spec: contract of the model; the variant's own by default.
        variant: one of `presets.DETECTORS`.

    Raises:
        ValueError: an unknown variant or a spec that the variant cannot meet.
    """
    if variant not in DETECTORS:
        raise ValueError(f"variant must be one of {sorted(DETECTORS)}. Received: variant={variant!r}")
    table = DETECTORS[variant]
    spec = table.spec if spec is None else spec
    if spec.strides != table.spec.strides:
        raise ValueError(f"{variant} has strides {table.spec.strides}. Received: strides={spec.strides}")
    deepest = 2 ** (len(table.backbone) - (0 if table.pyramid else 1))
    if spec.input_size % deepest:
        raise ValueError(
            f"{variant} needs an input size that is a multiple of {deepest}. Received: input_size={spec.input_size}"
        )
    image = keras.Input((spec.input_size, spec.input_size, 3), name=IMAGE)
    features, x = {}, image
    for stage in table.backbone:
        x = features[stage.name] = run_stage(x, stage)
    x = run_stage(x, table.neck)
    for level in table.pyramid:
        top = run_stage(upsample(x, name=f"{level.blocks.name}_up"), level.top)
        lateral = run_stage(features[level.source], level.lateral)
        x = keras.layers.Add(name=f"{level.blocks.name}_sum")([top, lateral])
        x = features[level.name] = run_stage(x, level.blocks)
    presence = presence_of([features[name] for name in table.seen], PRESENCE_FEATURES) if table.seen else None
    outputs = {
        REGRESSORS: _head(features, table, spec, REGRESSORS, spec.num_values, 0.0),
        LOGITS: _head(features, table, spec, LOGITS, 1, -math.log((1.0 - PRIOR) / PRIOR), presence),
    }
    model = keras.Model(image, outputs, name=f"detector_{variant}")
    use_fused_kernels(model)
    return model


def _head(features: dict, table: DetectorTable, spec: DetectorSpec, name: str, values: int, bias: float, shared=None):
    """(B, A, values) float32 from the features of all levels; `shared`, (B, 1, 1, 1), is added to every value."""
    levels = []
    for i, (feature, count) in enumerate(zip(table.heads, spec.anchors_per_cell, strict=True)):
        x = features[feature]
        if table.shuffled:
            x = _shuffle(x, f"{name}_{i}")
        x = keras.layers.Conv2D(
            count * values,
            1,
            kernel_initializer=keras.initializers.RandomNormal(0.0, 0.01),
            bias_initializer=keras.initializers.Constant(bias),
            dtype="float32",
            name=f"{name}_{i}_conv",
        )(x)
        if name == REGRESSORS and table.regression_scale is not None:
            scale = table.regression_scale * spec.input_size
            x = keras.layers.Rescaling(scale, dtype="float32", name=f"{name}_{i}_pixels")(x)
        if shared is not None:
            # In this order: keras 3.15 on TensorFlow takes a second (B, 1, 1, 1) for a bias where B is x's channels.
            x = keras.layers.Add(dtype="float32", name=f"{name}_{i}_sum")([shared, x])
        anchors = x.shape[1] * x.shape[2] * count
        last = name if len(table.heads) == 1 else f"{name}_{i}_anchors"
        levels.append(keras.layers.Reshape((anchors, values), dtype="float32", name=last)(x))
    return levels[0] if len(levels) == 1 else keras.layers.Concatenate(axis=1, dtype="float32", name=name)(levels)


def _shuffle(x, name: str):
    """Head of 2021: (B, H, W, 4C) -> (B, H, W, C) by depth-to-space and a biased depthwise convolution at stride 2."""
    x = depth_to_space(x, name=f"{name}_shuffle")
    x = keras.layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    return keras.layers.DepthwiseConv2D(3, strides=2, name=f"{name}_depthwise")(x)
