"""From frames to poses with numpy, OpenCV and LiteRT only: neither TensorFlow nor Keras is imported here."""

from blazepose_tf.runtime.detector import Detection, Detector
from blazepose_tf.runtime.pipeline import PosePipeline, PoseResult
from blazepose_tf.runtime.tracker import Track, Tracker

__all__ = ["Detection", "Detector", "PosePipeline", "PoseResult", "Track", "Tracker"]
