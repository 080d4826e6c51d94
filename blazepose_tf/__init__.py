"""blazepose_tf: person detector and 33-keypoint pose tracker in Keras, with LiteRT export."""

__version__ = "0.1.0"
