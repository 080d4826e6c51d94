"""The person detectors: backbone, top-down pyramid, one head per level.

Reference: BlazeFace (arXiv 1907.05047); BlazePose (arXiv 2006.10204), section 2.2: the face stands in for the person
and brings mid-hip and body circle along.
"""

from __future__ import annotations

import math

import keras

from blazepose_tf.layers.fusion import upsample
from blazepose_tf.layers.normalization import use_fused_kernels
from blazepose_tf.models.stages import Block, Stage, run_stage
from blazepose_tf.specs import IMAGE, LOGITS, REGRESSORS, DetectorSpec

# One unit of raw output in input sides, as in the tracker's coordinate head.
REGRESSION_SCALE = 0.25
# A fresh detector believes in a person in one of a hundred cells.
PRIOR = 0.01

# Chosen under 0.5 M parameters and 0.3 x the time of MediaPipe's detector of 2021 (LiteRT, one thread, float32).
BLAZEFACE_BACKBONE = (
    Stage("f2", (Block("conv", 16, kernel=3, stride=2), Block("residual", 16))),
    Stage("f4", (Block("downsample", 40, kernel=5), Block("residual", 40, 2))),
    Stage("f8", (Block("downsample", 88, kernel=5), Block("residual", 88, 4, kernel=5))),
    Stage("f16", (Block("downsample", 128, kernel=5), Block("residual", 128, 5, kernel=5))),
    Stage("f32", (Block("downsample", 192, kernel=5), Block("residual", 192, 5, kernel=5))),
)
BLAZEFACE_WIDTH = 104


def build_detector(spec: DetectorSpec | None = None, *, variant: str = "blazeface") -> keras.Model:
    """Builds a person detector with random weights.

    The image is (B, S, S, 3) float32 RGB in `spec.value_range`. Outputs, A = spec.num_anchors:

    - `regressors` (B, A, 4 + 2 x keypoints) input pixels: box centre (from the anchor's), width, height, then
      keypoints (from the anchor's centre): mid-hip, point on the body circle, ...
    - `logits` (B, A, 1).

    Anchors are ordered by level, then row, column, and anchor of the cell.

    Args:
        spec: contract of the model; the variant's own by default.
        variant: `blazeface`.

    Raises:
        ValueError: an unknown variant or a spec that the variant cannot meet.
    """
    if variant != "blazeface":
        raise ValueError(f"variant must be 'blazeface'. Received: variant={variant!r}")
    spec = DetectorSpec() if spec is None else spec
    if spec.strides != (8,):
        raise ValueError(f"blazeface has one level, stride 8. Received: strides={spec.strides}")
    if spec.input_size % 32:
        raise ValueError(f"blazeface needs an input size that is a multiple of 32. Received: {spec.input_size}")
    image = keras.Input((spec.input_size, spec.input_size, 3), name=IMAGE)
    features, x = {}, image
    for stage in BLAZEFACE_BACKBONE:
        x = features[stage.name] = run_stage(x, stage)
    x = run_stage(x, Stage("pyramid_p32", (Block("separable", BLAZEFACE_WIDTH),)))
    for level in ("f16", "f8"):
        name = f"pyramid_p{level[1:]}"
        lateral = run_stage(features[level], Stage(f"{name}_lateral", (Block("separable", BLAZEFACE_WIDTH, kernel=3),)))
        x = keras.layers.Add(name=f"{name}_sum")([upsample(x, name=f"{name}_up"), lateral])
        x = run_stage(x, Stage(name, (Block("residual", BLAZEFACE_WIDTH, 1, kernel=5),)))
    count = spec.anchors_per_cell[0]
    regressors = keras.layers.Conv2D(
        count * spec.num_values,
        1,
        kernel_initializer=keras.initializers.RandomNormal(0.0, 0.01),
        dtype="float32",
        name=f"{REGRESSORS}_0_conv",
    )(x)
    regressors = keras.layers.Rescaling(
        REGRESSION_SCALE * spec.input_size, dtype="float32", name=f"{REGRESSORS}_pixels"
    )(regressors)
    logits = keras.layers.Conv2D(
        count,
        1,
        kernel_initializer=keras.initializers.RandomNormal(0.0, 0.01),
        bias_initializer=keras.initializers.Constant(-math.log((1.0 - PRIOR) / PRIOR)),
        dtype="float32",
        name=f"{LOGITS}_0_conv",
    )(x)
    outputs = {
        REGRESSORS: keras.layers.Reshape((spec.num_anchors, spec.num_values), dtype="float32", name=REGRESSORS)(
            regressors
        ),
        LOGITS: keras.layers.Reshape((spec.num_anchors, 1), dtype="float32", name=LOGITS)(logits),
    }
    model = keras.Model(image, outputs, name=f"detector_{variant}")
    use_fused_kernels(model)
    return model
