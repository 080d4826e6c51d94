"""The pose tracker: backbone, heatmap decoder, regression encoder, heads.

Reference: BlazePose (arXiv 2006.10204), section 2.4 and figure 4.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from blazepose_tf.layers.fusion import upsample
from blazepose_tf.layers.normalization import use_fused_kernels
from blazepose_tf.models.heads import heatmap_heads, mediapipe_bias, regression_heads
from blazepose_tf.models.presets import TRACKERS, TrackerTable
from blazepose_tf.models.stages import Block, Stage, run_stage
from blazepose_tf.specs import HEATMAPS, IMAGE, LANDMARKS, OFFSETS, SEGMENTATION, TrackerSpec

TRAINING_OUTPUTS = (HEATMAPS, OFFSETS)


def build_tracker(
    spec: TrackerSpec | None = None,
    *,
    variant: str = "full",
    training_heads: bool = True,
    offsets: bool = True,
    regression: bool = True,
    stop_gradient: bool = True,
    mean_pose: np.ndarray | None = None,
    world: bool = False,
    segmentation: bool = False,
    attribute_barrier: bool = True,
    heatmap_kernel: int = 1,
) -> keras.Model:
    """Builds a pose tracker with random weights.

    The image is (B, S, S, 3) float32 RGB in `spec.value_range`. Outputs, by name:

    - `landmarks` (B, K, 3): x, y in crop pixels, visibility logit; (B, K, 4) with z before it when `spec.depth`;
      the flat (B, 195) vector of MediaPipe when `spec.mediapipe_head`.
    - `pose_presence` (B, 1): logit (MediaPipe's own files carry a probability instead).
    - `alignment` (B, 2, 2): mid-hip and the point on the body circle, crop pixels; not with the MediaPipe head.
    - `heatmaps` (B, S/4, S/4, K) logits and `offsets` (B, S/4, S/4, 2K) cells (x, y interleaved), training heads.
    - `world_landmarks` (B, K, 3) metres, `segmentation` (B, S/2 or S, same, 1) logit, when asked for.

    Args:
        spec: contract of the model; TrackerSpec() by default.
        variant: one of `presets.TRACKERS`.
        training_heads: heatmaps and offsets.
        offsets: False leaves heatmaps as the only training head.
        regression: False leaves backbone, decoder and training heads, e.g. for a first training stage at 128 px;
            layers keep their names, so weights move over by name.
        stop_gradient: the paper's barrier between the features trained by heatmaps and the regression encoder. It is
            set only where there are training heads to teach those features.
        mean_pose: (K, 2) in crop units, what the coordinate head predicts before training.
        world: metric landmarks.
        segmentation: mask of the person.
        attribute_barrier: z, metric landmarks and mask are read from the features of the points without teaching them.
        heatmap_kernel: side of the kernel of the training heads (MediaPipe's lite of March 2021: 3).

    Raises:
        ValueError: an unknown variant, nothing to output, or a mean pose of another shape.
    """
    spec = TrackerSpec() if spec is None else spec
    if variant not in TRACKERS:
        raise ValueError(f"variant must be one of {sorted(TRACKERS)}. Received: variant={variant!r}")
    if not (regression or training_heads):
        raise ValueError("regression and training_heads cannot both be False: the model would have no output")
    if (world or segmentation) and not regression:
        raise ValueError("world and segmentation need regression=True")
    if spec.heatmap_stride != 4:
        raise ValueError(f"trackers have heatmaps at stride 4. Received: heatmap_stride={spec.heatmap_stride}")
    table = TRACKERS[variant]

    image = keras.Input((spec.input_size, spec.input_size, 3), name=IMAGE)
    features, x = {}, image
    for stage in table.backbone:
        x = features[stage.name] = run_stage(x, stage)
    decoded = None
    if training_heads or segmentation or table.stacked:
        decoded = _decode(features, table)
    outputs: dict = {}
    if regression:
        barrier = keras.ops.stop_gradient if stop_gradient and training_heads and table.stacked else _pass
        x = _regress(decoded if table.stacked else features["f32"], features, table, barrier)
        seen = [features[level] for level in ("f8", "f16", "f32")]
        outputs |= regression_heads(x, seen, spec, pose=mean_pose, world=world, barrier=attribute_barrier)
    if training_heads:
        outputs |= heatmap_heads(decoded, spec, kernel=heatmap_kernel, offsets=offsets)
    if segmentation:
        apart = keras.ops.stop_gradient if attribute_barrier and not spec.mediapipe_head else _pass
        outputs[SEGMENTATION] = _segment(apart(decoded), apart(features["f2"]), table)
    model = keras.Model(image, outputs, name=f"tracker_{variant}")
    if regression and spec.mediapipe_head:
        model.get_layer(f"{LANDMARKS}_0_conv").bias.assign(mediapipe_bias(spec.keypoint_names, spec.input_size))
    use_fused_kernels(model)
    return model


def without_training_heads(model: keras.Model, heads: Sequence[str] = TRAINING_OUTPUTS) -> keras.Model:
    """The same layers and weights without heatmaps and offsets (or those of them named), and what only they needed.

    Raises:
        ValueError: nothing else is left.
    """
    outputs = {name: tensor for name, tensor in model.output.items() if name not in heads}
    if not outputs:
        raise ValueError(f"model has training heads only. Received: outputs={sorted(model.output)}")
    return keras.Model(model.input, outputs, name=model.name)


def _pass(x):
    return x


def _separable(x, channels: int, table: TrackerTable, name: str):
    return run_stage(x, Stage(name, (Block(table.separable, channels),)))


def _decode(features: dict, table: TrackerTable):
    """Backbone levels -> (B, S/4, S/4, decoder); no activation after the additions."""
    x = _separable(features["f32"], table.decoder, table, "decoder_d32")
    for level in ("f16", "f8", "f4"):
        name = f"decoder_d{level[1:]}"
        lateral = _separable(features[level], table.decoder, table, name)
        x = keras.layers.Add(name=f"{name}_sum")([upsample(x, name=f"{name}_up"), lateral])
    return x


def _regress(x, features: dict, table: TrackerTable, barrier):
    """Regression encoder: (B, S/4, S/4, decoder) or f32 -> (B, S/128, S/128, C)."""
    x = barrier(x)
    for row in table.regression:
        x = run_stage(x, row.stage)
        if row.skip:
            name = f"regression_skip{row.skip[1:]}"
            skip = _separable(barrier(features[row.skip]), x.shape[-1], table, name)
            x = keras.layers.Add(name=f"{name}_sum")([x, skip])
    return x


def _segment(decoded, fine, table: TrackerTable):
    """Mask logit (B, n, n, 1) at half the input size (2020) or at the input size (2021)."""
    width = table.segmentation[0].blocks[0].channels
    if fine.shape[-1] == width:
        fine = run_stage(fine, Stage("segmentation_fine", (Block("residual6", width),)))
    else:
        fine = _separable(fine, width, table, "segmentation_fine")
    coarse = _separable(decoded, width, table, "segmentation_coarse")
    x = keras.layers.Add(name="segmentation_sum")([upsample(coarse, name="segmentation_up"), fine])
    for i, stage in enumerate(table.segmentation):
        if i:
            x = upsample(x, name=f"{stage.name}_up")
        x = run_stage(x, stage)
    return keras.layers.Conv2D(1, 3, padding="same", dtype="float32", name=f"{SEGMENTATION}_0_conv")(x)
