"""Model files behind one small surface: a picture in, named float32 tensors out.

`load_model` opens LiteRT files (ours and MediaPipe's, float or fully quantized), bundles of them, ONNX files, Keras
models and the folders of other engines. Outputs carry the names of `specs`: our files name them in their signature;
MediaPipe's carry no signature and are recognised by their shapes.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np

from blazepose_tf import archives, specs
from blazepose_tf.runtime import metadata as metadata_lib
from blazepose_tf.runtime.weights import is_shipped, model_file

log = logging.getLogger(__name__)
Result = TypeVar("Result")
_PIP_ONNX = "running .onnx files needs onnxruntime: pip install 'blazepose_tf[onnx]'"


# Members of MediaPipe's .task bundles, a zip of LiteRT files.
TASK_MEMBERS = {specs.DETECTOR: "pose_detector.tflite", specs.TRACKER: "pose_landmarks_detector.tflite"}


def load_model(source: str | os.PathLike | bytes, *, num_threads: int = 1, role: str | None = None) -> SharedModel:
    """Opens a model file.

    Args:
        source: path of a .tflite, .onnx, .task or .keras file or of a folder of another engine (`engines`), name of a
            shipped model, or the content of a .tflite file.
        num_threads: threads that one inference may use; Keras chooses itself.
        role: `specs.DETECTOR` or `specs.TRACKER`, which of a .task bundle's models is wanted.

    Raises:
        OSError: the file cannot be read.
        ValueError: the content is no model, is damaged, or does not take one square RGB picture.
        ImportError: the engine of the file is not installed.
    """
    if num_threads < 1:
        raise ValueError(f"num_threads must be at least 1. Received: num_threads={num_threads}")
    if isinstance(source, (bytes, bytearray, memoryview)):
        return LiteRtModel(bytes(source), num_threads=num_threads)
    model: SharedModel
    path = Path(source) if Path(source).is_dir() else model_file(source)
    if path.is_dir():
        from blazepose_tf.runtime import engines

        model = engines.open_folder(path, num_threads=num_threads)
    elif path.suffix == ".keras":
        from blazepose_tf.runtime import keras_model

        model = keras_model.open_keras(path)
    else:
        try:
            content = _member(path, role) if path.suffix == ".task" else path.read_bytes()
        except FileNotFoundError:
            raise FileNotFoundError(f"{path}: no such model file") from None
        kind: type[OnnxModel | LiteRtModel] = OnnxModel if path.suffix == ".onnx" else LiteRtModel
        model = kind(content, name=str(path), num_threads=num_threads)
    model.reopening = (str(path.absolute()), num_threads, role)
    return model


def _reopen(path: str, num_threads: int, role: str | None) -> SharedModel:
    return load_model(path, num_threads=num_threads, role=role)


def _member(path: Path, role: str | None) -> bytes:
    """The LiteRT file of a bundle that does what is wanted."""
    if role is None:
        raise ValueError(f"{path}: a bundle holds a detector and a tracker: role must be one of {list(TASK_MEMBERS)}")
    members = archives.read_members(path, lambda name: name.endswith(".tflite"), what="a .task bundle")
    if TASK_MEMBERS[role] not in members:
        raise ValueError(f"{path}: the bundle has no {TASK_MEMBERS[role]}. Received: {list(members)}")
    return members[TASK_MEMBERS[role]]


def _square_input(shape, name: str) -> int:
    shape = [int(n) if isinstance(n, (int, np.integer)) else -1 for n in shape]
    if len(shape) != 4 or shape[1] != shape[2] or shape[3] != 3 or shape[0] not in (1, -1) or shape[1] < 1:
        raise ValueError(f"{name}: expected a model with input (1, S, S, 3). Received: input shape={tuple(shape)}")
    return shape[1]


class _Quantizer:
    """Affine (de)quantization of one tensor; does nothing for float tensors."""

    def __init__(self, details: dict[str, Any]):
        parameters = details.get("quantization_parameters") or {}
        scales, zeros = parameters.get("scales", ()), parameters.get("zero_points", ())
        self.dtype = np.dtype(details["dtype"])
        self.active = self.dtype.kind in "iu" and len(scales) == 1
        self.scale = np.float32(scales[0]) if self.active else np.float32(1)
        self.zero = int(zeros[0]) if self.active else 0

    def quantize(self, values: np.ndarray) -> np.ndarray:
        if not self.active:
            return values.astype(self.dtype)
        limits = np.iinfo(self.dtype)
        return np.clip(np.round(values / self.scale) + self.zero, limits.min, limits.max).astype(self.dtype)

    def dequantize(self, values: np.ndarray) -> np.ndarray:
        values = values.astype(np.float32, copy=False)
        return (values - self.zero) * self.scale if self.active else values


class SharedModel:
    """What makes an opened model safe to share: threads take turns, and a pickle holds the file's path.

    Attributes:
        engine: what runs it, by the name of its Python package.
        name: for messages.
        metadata: the document our exporter wrote, or None.
        input_size: side of the square input in pixels.
        output_shapes: shape of each output by name.
        reopening: path, threads and role of the file that was opened; None for content from memory.
    """

    engine: str
    name: str
    metadata: dict[str, Any] | None
    input_size: int
    output_shapes: dict[str, tuple[int, ...]]
    reopening: tuple[str, int, str | None] | None = None
    __call__: Callable[..., dict[str, np.ndarray]]
    infer: Callable[..., dict[str, np.ndarray]]

    def read(
        self,
        crop: np.ndarray,
        value_range: tuple[float, float],
        outputs: tuple[str, ...],
        reader: Callable[[dict[str, np.ndarray]], Result],
    ) -> Result:
        """What `reader` makes of the outputs for a picture; it must not keep them, for they may be the engine's own."""
        return reader(self(crop, value_range, outputs))

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._times = threading.local()

    @property
    def invoke_ms(self) -> float:
        """Milliseconds that the network itself took in this thread's last run, without copies and conversions."""
        return getattr(self._times, "invoke_ms", 0.0)

    def __reduce__(self):
        if self.reopening is None:
            raise TypeError(f"{self.name}: a model opened from memory cannot be pickled, for it has no file to reopen")
        return _reopen, self.reopening


class LiteRtModel(SharedModel):
    """A LiteRT file; threads that share it take turns.

    Attributes:
        name: file name for messages.
        metadata: the document our exporter wrote, or None.
        input_size: side of the square input in pixels.
        input_dtype: numpy type of the input tensor.
        output_shapes: shape of each output by name.
    """

    engine = "ai_edge_litert"

    def __init__(self, content: bytes, *, name: str = "model", num_threads: int = 1):
        from blazepose_tf.tflite import opening

        super().__init__()
        if is_shipped(content):
            opening.trust(content)
        self._interpreter = opening.open_interpreter(content, name=name, num_threads=num_threads)
        if metadata_lib.is_intact(content) is False:
            log.warning("%s: not the file that was exported: damaged, or edited by another program since", name)
        self.name = name
        self.metadata = metadata_lib.read_metadata(content, name=name)
        inputs = self._interpreter.get_input_details()
        if len(inputs) != 1:
            raise ValueError(f"{name}: expected a model with one input. Received: {len(inputs)} inputs")
        self.input_size = _square_input(inputs[0]["shape"], name)
        self._input_index = inputs[0]["index"]
        self._input = _Quantizer(inputs[0])
        self.input_dtype = self._input.dtype
        if self._input.dtype.kind == "f" and self._input.dtype != np.float32:
            raise ValueError(f"{name}: unsupported input type. Received: dtype={self._input.dtype}")
        self._outputs = {key: (detail["index"], _Quantizer(detail)) for key, detail in self._named_outputs().items()}
        self._tables: dict[tuple[float, float], np.ndarray] = {}

    def _named_outputs(self) -> dict[str, dict[str, Any]]:
        details = self._interpreter.get_output_details()
        signatures = self._interpreter.get_signature_list()
        if signatures:
            # The runner's details carry the names of the signature; the interpreter's own order is arbitrary.
            runner = self._interpreter.get_signature_runner(next(iter(signatures)))
            named = dict(runner.get_output_details())
        else:
            named = _names_by_shape(details, self.name)
        self.output_shapes = {key: tuple(int(n) for n in detail["shape"]) for key, detail in named.items()}
        return named

    def infer(self, values: np.ndarray, outputs: tuple[str, ...] | None = None) -> dict[str, np.ndarray]:
        """Runs the network on float values.

        Args:
            values: (1, S, S, 3) float32 in the model's value range.
            outputs: names wanted; all of them when None.

        Returns:
            name -> float32 array with the batch dimension of 1.
        """
        values = self._input.quantize(np.asarray(values, np.float32))
        with self._turn:
            self._interpreter.set_tensor(self._input_index, values)
            return self._invoke(outputs)

    def __call__(
        self,
        crop: np.ndarray,
        value_range: tuple[float, float] = (0.0, 1.0),
        outputs: tuple[str, ...] | None = None,
    ) -> dict[str, np.ndarray]:
        """Runs the network on a picture.

        Args:
            crop: (S, S, 3) uint8 RGB.
            value_range: values of black and white.
            outputs: names wanted; all of them when None.

        Returns:
            name -> float32 array with the batch dimension of 1.
        """
        with self._turn:
            self._fill(crop, value_range)
            return self._invoke(outputs)

    def read(
        self,
        crop: np.ndarray,
        value_range: tuple[float, float],
        outputs: tuple[str, ...],
        reader: Callable[[dict[str, np.ndarray]], Result],
    ) -> Result:
        """As `SharedModel.read`: without copies of the outputs, of which heatmaps are half a megabyte."""
        with self._turn:
            self._fill(crop, value_range)
            self._run()
            named = {name: self._outputs[name] for name in outputs}
            return reader({name: q.dequantize(self._interpreter.tensor(index)()) for name, (index, q) in named.items()})

    def _fill(self, crop: np.ndarray, value_range: tuple[float, float]) -> None:
        """Writes a picture into the input tensor; no view on it may be left when the interpreter runs."""
        low, high = value_range
        view = self._interpreter.tensor(self._input_index)()[0]
        if low == 0.0 and not self._input.active:
            # One multiplication takes half the time of the table.
            np.multiply(crop, np.float32(high / 255.0), out=view)
            return
        table = self._tables.get(value_range)
        if table is None:
            values = np.arange(256, dtype=np.float32) * np.float32((high - low) / 255.0) + np.float32(low)
            table = self._tables.setdefault(value_range, self._input.quantize(values))
        cv2.LUT(crop, table, dst=view)

    def _invoke(self, outputs: tuple[str, ...] | None) -> dict[str, np.ndarray]:
        """Runs what the input tensor holds and copies the outputs; the caller has the turn."""
        self._run()
        chosen = self._outputs if outputs is None else {name: self._outputs[name] for name in outputs}
        return {name: q.dequantize(self._interpreter.get_tensor(index)) for name, (index, q) in chosen.items()}

    def _run(self) -> None:
        started = time.perf_counter()
        try:
            self._interpreter.invoke()
        except RuntimeError as error:
            raise ValueError(f"{self.name}: cannot be run ({' '.join(str(error).split())})") from error
        self._times.invoke_ms = 1e3 * (time.perf_counter() - started)


def _names_by_shape(details: list[dict[str, Any]], name: str) -> dict[str, dict[str, Any]]:
    """Names for the outputs of a file without a signature: MediaPipe's detectors and trackers, old and new."""
    named: dict[str, dict[str, Any]] = {}
    for detail in details:
        shape = tuple(int(n) for n in detail["shape"])
        if shape == (1, 195):
            key = specs.LANDMARKS
        elif shape == (1, 117):
            key = specs.WORLD_LANDMARKS
        elif shape == (1, 1):
            key = specs.POSE_PRESENCE
        elif len(shape) == 4 and shape[-1] == 39:
            key = specs.HEATMAPS
        elif len(shape) == 4 and shape[-1] == 1:
            key = specs.SEGMENTATION
        elif len(shape) == 3 and shape[-1] == 12:
            key = specs.REGRESSORS
        elif len(shape) == 3 and shape[-1] == 1:
            key = specs.LOGITS
        else:
            key = str(detail["name"])
        if key in named:
            raise ValueError(f"{name}: two outputs look like {key!r} (shape {shape}): not a known pose model")
        named[key] = detail
    return named


class OnnxModel(SharedModel):
    """An ONNX file with the outputs of `specs`; same surface as `LiteRtModel`."""

    engine = "onnxruntime"

    def __init__(self, content: bytes, *, name: str = "model", num_threads: int = 1):
        try:
            import onnxruntime
        except ImportError as error:
            raise ImportError(_PIP_ONNX) from error
        super().__init__()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = num_threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        if not content:
            raise ValueError(f"{name}: the file is empty, expected an ONNX model")
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own exception types share no public base class
            raise ValueError(f"{name}: damaged or unsupported ONNX model ({' '.join(str(error).split())})") from error
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            raise ValueError(f"{name}: expected a model with one input. Received: {len(inputs)} inputs")
        self.name = name
        self.input_size = _square_input(inputs[0].shape, name)
        self._input_name = inputs[0].name
        self.output_shapes = {
            output.name: tuple(n if isinstance(n, int) else 1 for n in output.shape)
            for output in self._session.get_outputs()
        }
        text = self._session.get_modelmeta().custom_metadata_map.get(metadata_lib.METADATA_NAME)
        self.metadata = metadata_lib.parse_metadata(text, name) if text else None

    def infer(self, values: np.ndarray, outputs: tuple[str, ...] | None = None) -> dict[str, np.ndarray]:
        """As `LiteRtModel.infer`."""
        names = list(self.output_shapes if outputs is None else outputs)
        values = np.asarray(values, np.float32)
        with self._turn:
            started = time.perf_counter()
            try:
                results = self._session.run(names, {self._input_name: values})
            except Exception as error:  # as in __init__
                raise ValueError(f"{self.name}: cannot be run ({' '.join(str(error).split())})") from error
            self._times.invoke_ms = 1e3 * (time.perf_counter() - started)
        return {name: np.asarray(value, np.float32) for name, value in zip(names, results, strict=True)}

    def __call__(
        self,
        crop: np.ndarray,
        value_range: tuple[float, float] = (0.0, 1.0),
        outputs: tuple[str, ...] | None = None,
    ) -> dict[str, np.ndarray]:
        """As `LiteRtModel.__call__`."""
        low, high = value_range
        values = crop[None].astype(np.float32) * np.float32((high - low) / 255.0) + np.float32(low)
        return self.infer(values, outputs)
