"""Keras models with the surface of the LiteRT and ONNX files: Keras comes when the first of them is opened."""

from __future__ import annotations

import functools
import importlib.util
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from blazepose_tf import archives, documents, specs
from blazepose_tf.runtime import metadata as metadata_lib
from blazepose_tf.runtime.interpreter import OnnxModel, SharedModel
from blazepose_tf.runtime.tracker import OFFICIAL_2020, OFFICIAL_2021

_PIP_TRAIN = "running a .keras model needs keras: pip install 'blazepose_tf[train]'"
_DESCRIPTION = "blazepose_tf.json"


class KerasModel(SharedModel):
    """A Keras model as the runtime sees model files; the backend chooses its threads itself."""

    engine = "keras"

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
        super().__init__()
        shape = tuple(model.inputs[0].shape)
        if len(model.inputs) != 1 or len(shape) != 4 or shape[1] != shape[2] or shape[3] != 3:
            raise ValueError(
                f"{name}: expected one (B, S, S, 3) input. Received: {[tuple(i.shape) for i in model.inputs]}"
            )
        if not isinstance(model.output, dict):
            raise ValueError(
                f"{name}: expected a model with named outputs (a dict). Received: {type(model.output).__name__}"
            )
        self.name = name
        self.input_size = int(shape[1])
        self.output_shapes = {key: (1, *tuple(tensor.shape)[1:]) for key, tensor in model.output.items()}
        if description is None:
            self.metadata = _metadata(self.output_shapes, self.input_size, name)
        else:
            self.metadata = {"presence_is_logit": True, **description}
        self._model = model
        self._function: Any = None

    def infer(self, values: np.ndarray, outputs: tuple[str, ...] | None = None) -> dict[str, np.ndarray]:
        """As `LiteRtModel.infer`."""
        with self._turn:
            started = time.perf_counter()
            results = self._predict(np.asarray(values, np.float32))
            self._times.invoke_ms = 1e3 * (time.perf_counter() - started)
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

    __call__ = OnnxModel.__call__


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


def open_keras(path: str | os.PathLike) -> KerasModel:
    """Opens a `.keras` file; one that did not change is not read again.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no Keras model, or one with other inputs and outputs than a detector's or a tracker's.
        ImportError: Keras is not installed.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such model file")
    return _opened(Path(path), Path(path).stat().st_mtime_ns)


@functools.lru_cache(maxsize=2)
def _opened(path: Path, modified: int) -> KerasModel:
    """Loading and tracing take seconds, and a file is often run with several settings in a row."""
    if importlib.util.find_spec("keras") is None:
        raise ImportError(_PIP_TRAIN)
    model, members = archives.load_keras(path)
    text = members.get(_DESCRIPTION)  # absent in files saved by Keras alone
    where = f"{path}: {_DESCRIPTION}"
    description = None if text is None else documents.check(documents.parse(text, where), documents.OBJECT, where)
    return KerasModel(model, name=str(path), description=description)
