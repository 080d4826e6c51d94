"""Models of any file type behind the surface that the runtime's detector and tracker take.

.tflite, .onnx and the folders of other engines open in the runtime itself; a .task bundle is a zip of LiteRT files; a
Keras model becomes a predict callable with the same outputs. Cropping and decoding always are the runtime's.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
from pathlib import Path
from typing import Any

import numpy as np

from blazepose_tf import archives, documents, specs
from blazepose_tf.runtime import metadata as metadata_lib
from blazepose_tf.runtime.interpreter import SharedModel, load_model
from blazepose_tf.runtime.tracker import OFFICIAL_2020, OFFICIAL_2021

_PIP_TRAIN = "evaluating a .keras model needs keras: pip install 'blazepose_tf[train]'"
_DESCRIPTION = "blazepose_tf.json"


class KerasModel(SharedModel):
    """A Keras model as the runtime sees model files.

    Attributes:
        name: for messages.
        metadata: spec document derived from the outputs, or None.
        input_size: side of the square input in pixels.
        output_shapes: shape of each output by name, batch 1.
    """

    def __init__(self, model: Any, *, name: str = "model", description: dict | None = None):
        """Wraps a `keras.Model` with one (B, S, S, 3) input and a dict of named outputs.

        Args:
            model: the model.
            name: for messages.
            description: "kind", "model" and "spec" as the project stores them beside weights; what the outputs imply
                without it.

        Raises:
            ValueError: other inputs or outputs.
        """
        shape = tuple(model.inputs[0].shape)
        if len(model.inputs) != 1 or len(shape) != 4 or shape[1] != shape[2] or shape[3] != 3:
            raise ValueError(
                f"{name}: expected one (B, S, S, 3) input. Received: {[tuple(i.shape) for i in model.inputs]}"
            )
        if not isinstance(model.output, dict):
            raise ValueError(
                f"{name}: expected a model with named outputs (a dict). Received: {type(model.output).__name__}"
            )
        super().__init__()
        self.name = name
        self.input_size = int(shape[1])
        self.output_shapes = {key: (1, *tuple(tensor.shape)[1:]) for key, tensor in model.output.items()}
        if description is None:
            self.metadata = _metadata(self.output_shapes, self.input_size, name)
        else:
            self.metadata = {"presence_is_logit": True, **description}
        self._model = model
        self._function = None

    def infer(self, values: np.ndarray, outputs: tuple[str, ...] | None = None) -> dict[str, np.ndarray]:
        """As `LiteRtModel.infer`."""
        results = self._predict(np.asarray(values, np.float32))
        names = results if outputs is None else outputs
        return {key: np.asarray(results[key], np.float32) for key in names}

    def _predict(self, values: np.ndarray) -> dict:
        import keras

        if keras.backend.backend() == "tensorflow" and self._function is None:
            import tensorflow as tf

            # Eager layer-by-layer calls take ten times as long at batch 1.
            self._function = tf.function(lambda x: self._model(x, training=False))
        call = self._function or (lambda x: self._model(x, training=False))
        return {key: keras.ops.convert_to_numpy(value) for key, value in call(values).items()}

    def __call__(
        self,
        crop: np.ndarray,
        value_range: tuple[float, float] = (0.0, 1.0),
        outputs: tuple[str, ...] | None = None,
    ) -> dict[str, np.ndarray]:
        """As `LiteRtModel.__call__`: an (S, S, 3) uint8 crop in, named float32 arrays out."""
        low, high = value_range
        values = crop[None].astype(np.float32) * np.float32((high - low) / 255.0) + np.float32(low)
        return self.infer(values, outputs)


def _metadata(shapes: dict, input_size: int, name: str) -> dict | None:
    """The spec that the outputs imply; Keras models end in logits, official files in a sigmoid."""
    if specs.LANDMARKS not in shapes:
        return None
    landmarks = shapes[specs.LANDMARKS]
    if landmarks[1:] == (195,):
        spec = OFFICIAL_2021 if specs.WORLD_LANDMARKS in shapes else OFFICIAL_2020
    elif landmarks[1:2] == (33,):
        spec = specs.TrackerSpec(input_size=input_size, depth=landmarks[-1] == 4)
    else:
        raise ValueError(f"{name}: expected landmarks of 33 keypoints. Received: shape={landmarks}")
    return metadata_lib.metadata_of(spec, model=name)


def open_model(path: str | os.PathLike, *, role: str = specs.LANDMARKS, num_threads: int = 1):
    """Opens a model file of any supported type.

    Args:
        path: .tflite, .onnx, .keras, .task, or a folder of another engine.
        role: output that is wanted, `specs.LANDMARKS` (tracker) or `specs.REGRESSORS` (detector); picks the member
            of a bundle.
        num_threads: of one inference.

    Raises:
        OSError: the file cannot be read.
        ValueError: the content is no model.
        ImportError: an extra is missing.
    """
    path = Path(path)
    if path.suffix == ".keras":
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such model file")
        return _keras_model(path, path.stat().st_mtime_ns)
    kind = specs.DETECTOR if role == specs.REGRESSORS else specs.TRACKER
    return load_model(path, num_threads=num_threads, role=kind)


@functools.lru_cache(maxsize=2)
def _keras_model(path: Path, modified: int) -> KerasModel:
    """Loading and tracing take seconds, and a file is often run with several settings in a row."""
    if importlib.util.find_spec("keras") is None:
        raise ImportError(_PIP_TRAIN)
    model, members = archives.load_keras(path)
    text = members.get(_DESCRIPTION)  # absent in files saved by Keras alone
    where = f"{path}: {_DESCRIPTION}"
    description = None if text is None else documents.check(documents.parse(text, where), documents.OBJECT, where)
    return KerasModel(model, name=str(path), description=description)


def sha256(path: str | os.PathLike) -> str:
    """Hex digest of a file, read in pieces; of a folder, that of the names and digests of its files."""
    digest = hashlib.sha256()
    if (folder := Path(path)).is_dir():
        for file in sorted(p for p in folder.rglob("*") if p.is_file()):
            digest.update(f"{file.relative_to(folder).as_posix()} {sha256(file)}\n".encode())
        return digest.hexdigest()
    with open(path, "rb") as source:
        while piece := source.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
