"""From an experiment to models that are ready to train: what a stage builds, which weights learn, by which losses."""

from __future__ import annotations

import keras
import numpy as np

from blazepose_tf import topology
from blazepose_tf.losses.attributes import MaskLoss, WorldLoss
from blazepose_tf.losses.detection import ClassificationLoss, RegressionLoss
from blazepose_tf.losses.heatmaps import HeatmapLoss, OffsetLoss
from blazepose_tf.losses.landmarks import RLE, AlignmentLoss, LandmarkLoss, PresenceLoss
from blazepose_tf.models import build_detector, build_tracker
from blazepose_tf.specs import (
    ALIGNMENT,
    HEATMAPS,
    LANDMARKS,
    LOGITS,
    OFFSETS,
    POSE_PRESENCE,
    REGRESSORS,
    SEGMENTATION,
    WORLD_LANDMARKS,
)
from blazepose_tf.training.config import Experiment, Losses, Stage
from blazepose_tf.training.optimizers import TAUGHT_LAYERS, build_optimizer
from blazepose_tf.training.residual_scale import with_residual_scale


def build_model(experiment: Experiment, stage: Stage, *, mean_pose: np.ndarray | None = None) -> keras.Model:
    """The network of a stage with fresh weights, a function of the experiment's seed.

    Args:
        experiment: what to build.
        stage: a heatmap stage leaves the regression out, at any multiple of 128 px.
        mean_pose: (K, 2) in crop units, where the coordinates start.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(experiment.precision)
    try:
        keras.utils.set_random_seed(experiment.seed)
        spec = experiment.spec(stage.input_size)
        if experiment.model == "detector":
            return build_detector(spec, variant=experiment.variant)
        return build_tracker(
            spec,
            variant=experiment.variant,
            training_heads=experiment.heatmaps,
            # The head alone is cheap; its loss over 2K maps is a sixth of a training step of `lite`.
            offsets=experiment.losses.offsets > 0,
            regression=stage.trains != "heatmaps",
            stop_gradient=experiment.stop_gradient,
            mean_pose=mean_pose,
            world=experiment.world and stage.trains != "heatmaps",
            segmentation=experiment.mask and stage.trains != "heatmaps",
            attribute_barrier=experiment.attribute_barrier,
        )
    finally:
        keras.config.set_dtype_policy(before)


def build_losses(config: Losses, *, stage: Stage, outputs, pairs=(), limbs=()) -> tuple[dict, dict]:
    """Losses and their weights by output name; outputs without a loss in this stage are left out.

    Args:
        config: kinds and weights.
        stage: its `trains` decides between training heads and regression heads.
        outputs: names of the model's outputs.
        pairs: (left, right) indices of a tracker's keypoints.
        limbs: of its limb segments (`topology.limb_indices`).
    """
    size = stage.input_size
    # Where only z is taught of the landmarks, what does not change is not counted.
    places = stage.trains != "attributes"
    heatmap = {
        HEATMAPS: (
            HeatmapLoss(
                kind=config.heatmap,
                positive_weight=config.heatmap_positive_weight,
                place_weight=config.heatmap_place,
                side_weight=config.heatmap_side,
                pairs=pairs,
            ),
            config.heatmaps,
        ),
        OFFSETS: (OffsetLoss(), config.offsets),
    }
    regression = {
        LANDMARKS: (
            LandmarkLoss(
                input_size=size,
                coordinates=config.coordinates,
                knee=config.knee,
                coordinate_weight=config.coordinate_weight if places else 0.0,
                visibility_weight=config.visibility_weight if places else 0.0,
                depth_weight=config.depth_weight,
            ),
            1.0,
        ),
        ALIGNMENT: (AlignmentLoss(input_size=size, knee=config.knee, weight=1.0), config.alignment),
        POSE_PRESENCE: (PresenceLoss(weight=1.0), config.pose_presence),
    }
    world = {WORLD_LANDMARKS: (WorldLoss(limbs=limbs, bone_weight=config.bones), config.world)}
    mask = {SEGMENTATION: (MaskLoss(), config.mask)}
    detector = {
        LOGITS: (ClassificationLoss(kind=config.classification), config.logits),
        REGRESSORS: (RegressionLoss(box_weight=config.boxes, point_weight=config.points), 1.0),
    }
    wanted = {
        "heatmaps": heatmap,
        "regression": regression | world,
        "attributes": {LANDMARKS: regression[LANDMARKS], **world, **mask},
        "presence": {POSE_PRESENCE: regression[POSE_PRESENCE], LOGITS: detector[LOGITS]},
        "joint": {**heatmap, **regression, **world, **mask, **detector},
    }[stage.trains]
    chosen = {name: pair for name, pair in wanted.items() if name in outputs and pair[1] > 0}
    if not chosen:
        raise ValueError(f"stage {stage.name!r} has no loss with a weight above 0. Received: outputs={sorted(outputs)}")
    return {name: pair[0] for name, pair in chosen.items()}, {name: pair[1] for name, pair in chosen.items()}


def freeze(model: keras.Model, stage: Stage, losses) -> None:
    """Leaves only the weights trainable that the stage teaches; frozen normalisations keep their statistics.

    Args:
        model: changed in place.
        stage: `regression` freezes everything but the regression network, `attributes` and `presence` all but the
            heads of those, `running_statistics` every normalisation.
        losses: names of the outputs with a loss; a heatmap head without one (an ablation) is frozen.
    """
    for layer in model.layers:
        if stage.trains in TAUGHT_LAYERS:
            layer.trainable = layer.name.startswith(TAUGHT_LAYERS[stage.trains])
        if layer.name.startswith(f"{HEATMAPS}_") and HEATMAPS not in losses:
            layer.trainable = False
        if stage.running_statistics and isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False


def compile_for(
    model: keras.Model, experiment: Experiment, stage: Stage, *, steps: int, compiled_kernels: bool = False
) -> tuple[keras.Model, list[str]]:
    """Makes a model trainable for one stage.

    Args:
        model: the network of the stage (`build_model`).
        experiment: losses and optimizer settings.
        stage: what trains.
        steps: length of the stage.
        compiled_kernels: compute the blocks with `blazepose_tf.kernels`, see there.

    Returns:
        The compiled training model (it shares all layers with `model`), and the names of its outputs with a loss.
    """
    pairs = topology.pairs(experiment.keypoint_names)
    limbs = topology.limb_indices(experiment.keypoint_names)
    losses, weights = build_losses(experiment.losses, stage=stage, outputs=model.output, pairs=pairs, limbs=limbs)
    freeze(model, stage, losses)
    if compiled_kernels:
        from blazepose_tf.kernels.blocks import use_compiled_kernels  # it needs TensorFlow

        use_compiled_kernels(model)
    training = model
    if experiment.losses.coordinates == RLE and LANDMARKS in losses:
        training = with_residual_scale(model)
    optimizer = build_optimizer(experiment.optimizer, stage, steps=steps * max(1, stage.replays), model=training)
    training.compile(optimizer=optimizer, loss=losses, loss_weights=weights, jit_compile=jit())
    return training, sorted(losses)


def jit() -> bool | str:
    """XLA where it pays: never for TensorFlow on a CPU, where it is 20 times slower than without."""
    if keras.config.backend() != "tensorflow":
        return "auto"
    import tensorflow as tf

    return "auto" if tf.config.list_physical_devices("GPU") else False
