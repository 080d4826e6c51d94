"""The two networks: `build_tracker` and `build_detector`, functional Keras models from tables of typed rows."""

from blazepose_tf.models.detector import build_detector
from blazepose_tf.models.saving import Description, load_model, save_model
from blazepose_tf.models.tracker import build_tracker, without_training_heads
from blazepose_tf.models.weights import from_preset, load_detector, load_tracker, load_weights, save_weights, transfer

__all__ = [
    "Description",
    "build_detector",
    "build_tracker",
    "from_preset",
    "load_detector",
    "load_model",
    "load_tracker",
    "load_weights",
    "save_model",
    "save_weights",
    "transfer",
    "without_training_heads",
]
