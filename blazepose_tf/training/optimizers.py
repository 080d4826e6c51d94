"""The optimizer of a stage, and the averaged weights."""

from __future__ import annotations

import contextlib
import hashlib

import keras
import numpy as np
from keras import ops

from blazepose_tf.training.config import Optimizer, Stage

# Layers of the regression encoder and its heads, by the beginning of their names; all others belong to the heatmap
# network (or are the detector).
REGRESSION_LAYERS = (
    "regression_", "landmarks", "coordinates", "depth", "visibility", "alignment", "presence", "pose_presence",
    "world", "residual_scale",
)  # fmt: skip


# Kernels that look at the whole last feature, 4 C inputs per output. A step of Adam moves every weight by the rate, so
# at the rate of the other layers (9 or C inputs, followed by a normalisation) the points would jump by half a crop.
HEAD_LAYERS = ("coordinates_", "alignment_", "depth_", "landmarks_", "world_", "presence_", "visibility_")


# Layers, likewise, of stages that teach a part of the network and leave the rest as it is. Attributes are what a person
# has beyond points and their visibility: z, metric points, mask.
TAUGHT_LAYERS = {
    "regression": REGRESSION_LAYERS,
    "attributes": ("depth", "world", "segmentation"),
    "presence": ("presence",),
}


def in_regression(variable: keras.Variable) -> bool:
    """Whether a variable belongs to the regression network of a tracker."""
    return variable.path.startswith(REGRESSION_LAYERS)


@keras.saving.register_keras_serializable("blazepose_tf")
class GroupClippedAdamW(keras.optimizers.AdamW):
    """AdamW whose gradients are clipped by the norm of their network: heatmaps and regression apart.

    One norm over both would let a rough start of the regression starve the features it stands on.

    Args:
        clip_heatmaps: largest norm of the gradients outside of the regression network; 0 = off.
        clip_regression: largest norm of the gradients of the regression network; 0 = off.
        head_rate: factor on the learning rate of the regression heads.
    """

    def __init__(
        self,
        *args,
        clip_heatmaps: float = 0.0,
        clip_regression: float = 0.0,
        head_rate: float = 1.0,
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        self.head_rate = head_rate
        self.clip_heatmaps = clip_heatmaps
        self.clip_regression = clip_regression

    def apply(self, grads, trainable_variables=None):
        variables = self._trainable_variables if trainable_variables is None else list(trainable_variables)
        grads = list(grads)
        for limit, member in ((self.clip_heatmaps, False), (self.clip_regression, True)):
            group = [
                i
                for i, (g, v) in enumerate(zip(grads, variables, strict=True))
                if g is not None and in_regression(v) == member
            ]
            if not limit or not group:
                continue
            norm = ops.sqrt(sum(ops.sum(ops.square(ops.cast(grads[i], "float32"))) for i in group))
            scale = limit / ops.maximum(norm, limit)
            for i in group:
                grads[i] = grads[i] * ops.cast(scale, grads[i].dtype)
        super().apply(grads, variables)

    def build(self, variables):
        variables = list(variables)
        # Backends hand their own variables to `update_step`, which have no path.
        self._heads = {i for i, variable in enumerate(variables) if variable.path.startswith(HEAD_LAYERS)}
        super().build(variables)

    def update_step(self, gradient, variable, learning_rate):
        if self.head_rate != 1.0 and self._get_variable_index(variable) in self._heads:
            learning_rate = learning_rate * self.head_rate
        super().update_step(gradient, variable, learning_rate)

    def get_config(self):
        return {
            **super().get_config(),
            "head_rate": self.head_rate,
            "clip_heatmaps": self.clip_heatmaps,
            "clip_regression": self.clip_regression,
        }


def schedule(stage: Stage, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Linear warm-up from 0 to the peak, then a cosine to `final_rate` x peak at the stage's last step."""
    warmup = min(stage.warmup_steps, steps // 2)
    return keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else stage.learning_rate,
        decay_steps=max(steps - warmup, 1),
        alpha=stage.final_rate,
        warmup_target=stage.learning_rate if warmup else None,
        warmup_steps=warmup,
    )


def build_optimizer(config: Optimizer, stage: Stage, *, steps: int, model: keras.Model) -> GroupClippedAdamW:
    """A fresh optimizer for a stage; weight decay acts on kernels only.

    Args:
        config: its settings.
        stage: learning rate curve.
        steps: length of the stage.
        model: model to train; biases and the scales and shifts of normalisations are exempt from decay.
    """
    optimizer = GroupClippedAdamW(
        learning_rate=schedule(stage, steps),
        weight_decay=config.weight_decay,
        beta_1=config.beta_1,
        beta_2=config.beta_2,
        clip_heatmaps=config.clip_heatmaps,
        clip_regression=config.clip_regression,
        head_rate=config.head_rate,
    )
    optimizer.exclude_from_weight_decay(var_list=[v for v in model.trainable_variables if "kernel" not in v.name])
    return optimizer


class WeightAverage:
    """Exponential moving average of all weights, statistics of normalisations included, kept in host memory.

    Counting steps t from 1, the decay is min(decay, (1 + t) / (10 + t)): the average follows quickly at first and
    forgets the random start. Updates every n steps use the decay to the power n.
    """

    def __init__(self, model: keras.Model, *, decay: float, every: int = 1):
        self.variables = [v for v in model.weights if "seed_generator" not in v.path]
        self.decay = decay
        self.every = every
        self.reset()

    def digest(self) -> str:
        """Short fingerprint of the averaged weights: equal for processes that hold the same ones."""
        content = hashlib.sha256()
        for value in self.values:
            content.update(np.ascontiguousarray(value).tobytes())
        return content.hexdigest()[:16]

    def reset(self) -> None:
        """Starts again from the model's present weights."""
        self.values = [np.array(ops.convert_to_numpy(v), np.float32) for v in self.variables]

    def update(self, step: int) -> None:
        """To be called after every step (counted from 1 in the stage); works on every n-th."""
        if not self.decay:
            return
        # Steps of the quick phase count one by one: later updates may lag, the first ones must not.
        every = self.every if step > 10 * self.every else 1
        if step % every:
            return
        keep = min(self.decay, (1.0 + step) / (10.0 + step)) ** every
        for average, variable in zip(self.values, self.variables, strict=True):
            average *= keep
            average += (1.0 - keep) * ops.convert_to_numpy(variable)

    @contextlib.contextmanager
    def applied(self):
        """Within the block the model carries the averaged weights (its own when there is no average)."""
        if not self.decay:
            yield
            return
        own = [np.array(ops.convert_to_numpy(v)) for v in self.variables]
        self._assign(self.values)
        try:
            yield
        finally:
            self._assign(own)

    def _assign(self, values) -> None:
        for variable, value in zip(self.variables, values, strict=True):
            variable.assign(value)
