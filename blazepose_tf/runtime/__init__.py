"""From frames to poses with numpy, OpenCV and LiteRT only: neither TensorFlow nor Keras is imported here."""

from blazepose_tf.runtime.detector import Detection, Detector
from blazepose_tf.runtime.drawing import draw_pose
from blazepose_tf.runtime.filters import Filters, OneEuroSettings
from blazepose_tf.runtime.hindsight import Hindsight
from blazepose_tf.runtime.pipeline import PosePipeline
from blazepose_tf.runtime.poses import Pose, PoseResult
from blazepose_tf.runtime.recording import Recording
from blazepose_tf.runtime.stream import PoseStream
from blazepose_tf.runtime.tracker import Track, Tracker
from blazepose_tf.runtime.weights import ShippedModel, list_models

__all__ = [
    "Detection",
    "Detector",
    "Filters",
    "Hindsight",
    "OneEuroSettings",
    "Pose",
    "PosePipeline",
    "PoseResult",
    "PoseStream",
    "Recording",
    "ShippedModel",
    "Track",
    "Tracker",
    "draw_pose",
    "list_models",
]
