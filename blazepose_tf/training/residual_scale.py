"""The learned scale per keypoint that the `rle` coordinate loss needs; part of training only, never of the model."""

from __future__ import annotations

import keras
from keras import ops

from blazepose_tf.losses.landmarks import LOG_INITIAL_SCALE
from blazepose_tf.specs import LANDMARKS


class ResidualScale(keras.layers.Layer):
    """Appends a column to landmarks (B, K, D): log of the keypoint's residual scale in input sizes, learned."""

    def build(self, input_shape):
        self.log_scale = self.add_weight(
            shape=(1, input_shape[1], 1),
            initializer=keras.initializers.Constant(LOG_INITIAL_SCALE),
            name="log_scale",
        )

    def call(self, landmarks):
        column = ops.zeros_like(landmarks[..., :1]) + self.log_scale
        return ops.concatenate([landmarks, column], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] + 1)


def with_residual_scale(model: keras.Model) -> keras.Model:
    """The same layers with the scale column on the landmarks."""
    outputs = dict(model.output)
    outputs[LANDMARKS] = ResidualScale(dtype="float32", name="residual_scale")(outputs[LANDMARKS])
    return keras.Model(model.input, outputs, name=model.name)
