"""The two networks: `build_tracker` and `build_detector`, functional Keras models from tables of typed rows."""

from blazepose_tf.models.detector import build_detector
from blazepose_tf.models.tracker import build_tracker, without_training_heads

__all__ = ["build_detector", "build_tracker", "without_training_heads"]
