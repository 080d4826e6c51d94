"""What a user may name as the model to export."""

from __future__ import annotations

import os
from pathlib import Path

import keras

from blazepose_tf.export import mediapipe
from blazepose_tf.models import Description
from blazepose_tf.models.weights import load_described
from blazepose_tf.runtime.weights import weight_file

_WEIGHTS = (".npz", ".keras")


def open_source(source: str | os.PathLike) -> tuple[keras.Model, Description]:
    """Keras model and description of a `.npz` or `.keras` file, a shipped name, or a published MediaPipe file.

    Raises:
        OSError: no such file.
        ValueError: a damaged file, or one that holds no model of this project and none of MediaPipe's.
    """
    path = Path(source)
    if not path.suffix and len(path.parts) == 1 and not path.exists():
        path = weight_file(f"{path}.npz")
    if path.suffix in _WEIGHTS:
        return load_described(path)
    if path.suffix != ".tflite":
        raise ValueError(f"a model to export is a .keras, .npz or published .tflite file. Received: {str(source)!r}")
    imported = mediapipe.import_model(path.read_bytes())
    return imported.model, imported.description
