"""From Keras models to files that ship: LiteRT, ONNX, MediaPipe bundles; and from MediaPipe's files to Keras."""
