"""From frames to poses with numpy, OpenCV and LiteRT only: neither TensorFlow nor Keras is imported here."""
