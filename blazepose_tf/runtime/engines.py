"""Models in the formats of other engines, OpenVINO and ncnn, with the surface of the LiteRT and ONNX files.

A model is a folder: the engine's own two files under fixed names, and in `blazepose_tf.json` the document that a LiteRT
file carries inside, with the names and shapes of the outputs in the engine's order. Both engines compute in float32
here, whatever the weights are stored in.
"""

from __future__ import annotations

import importlib.util
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from blazepose_tf import documents, trial
from blazepose_tf.runtime.interpreter import OnnxModel, SharedModel
from blazepose_tf.runtime.metadata import METADATA_NAME

DOCUMENT = f"{METADATA_NAME}.json"
OPENVINO_FILES = ("model.xml", "model.bin")
NCNN_FILES = ("model.ncnn.param", "model.ncnn.bin")
_RUN = """
import os
from pathlib import Path
import numpy as np
from blazepose_tf.runtime import engines
model = engines.{0}(Path(os.fsdecode(content)))
model.infer(np.zeros((1, model.input_size, model.input_size, 3), np.float32))
"""
_survived: set[tuple] = set()  # folders, with the times of their files, that were tried
_INSIDE = documents.Part(
    {"metadata": documents.OBJECT, "input_size": documents.COUNT, "outputs": documents.MapOf(documents.LIST)}
)


def open_folder(path: Path, *, num_threads: int = 1) -> OpenVinoModel | NcnnModel:
    """Opens a folder that `blazepose export` wrote for OpenVINO or ncnn.

    Raises:
        OSError: it holds neither's files.
        ValueError: damaged files.
        ImportError: the engine is not installed.
    """
    for kind, engine, files in ((OpenVinoModel, "openvino", OPENVINO_FILES), (NcnnModel, "ncnn", NCNN_FILES)):
        if all((path / name).is_file() for name in (*files, DOCUMENT)):
            if importlib.util.find_spec(engine):
                _try(path, kind.__name__, (*files, DOCUMENT))
            return kind(path, num_threads=num_threads)
    raise IsADirectoryError(
        f"{path}: a folder, expected a .tflite or .onnx model file, or an exported folder with {DOCUMENT} and "
        f"{OPENVINO_FILES[0]} (OpenVINO) or {NCNN_FILES[0]} (ncnn)"
    )


def _try(path: Path, kind: str, files: tuple[str, ...]) -> None:
    """Opens and runs a folder once in a process of its own: the engines' readers believe what they read."""
    state = (path.absolute(), *((path / name).stat().st_mtime_ns for name in files))
    if state not in _survived:
        reason = trial.attempt(_RUN.format(kind), os.fsencode(path.absolute()))
        if reason:
            name = f"{path}: "
            raise ValueError(f"{name}damaged or unsupported model ({reason.removeprefix(name)})")
        _survived.add(state)


def document_of(metadata: dict, input_size: int, shapes: dict[str, tuple[int, ...]]) -> str:
    """Content of `blazepose_tf.json`.

    Args:
        metadata: as in a LiteRT file.
        input_size: side of the picture.
        shapes: of the outputs with channels last, in the engine's order.
    """
    outputs = {name: list(shape) for name, shape in shapes.items()}
    return json.dumps({"metadata": metadata, "input_size": input_size, "outputs": outputs}, indent=1) + "\n"


class _FolderModel(SharedModel):
    """What the two have in common: the document, and pictures in, named arrays out."""

    def __init__(self, path: Path, *, num_threads: int):
        super().__init__()
        self.name = os.fspath(path)
        document = documents.check(documents.read(path / DOCUMENT), _INSIDE, str(path / DOCUMENT))
        self.metadata = document["metadata"]
        self.input_size = document["input_size"]
        self.output_shapes = {name: tuple(shape) for name, shape in document["outputs"].items()}

    def _run(self, values: np.ndarray) -> list[np.ndarray]:
        """All outputs of (1, S, S, 3) float32 values, in the engine's order."""
        raise NotImplementedError

    def infer(self, values: np.ndarray, outputs: tuple[str, ...] | None = None) -> dict[str, np.ndarray]:
        """As `LiteRtModel.infer`."""
        values = np.ascontiguousarray(values, np.float32)
        with self._turn:
            started = time.perf_counter()
            results = self._run(values)
            self._times.invoke_ms = 1e3 * (time.perf_counter() - started)
        named = dict(zip(self.output_shapes, results, strict=True))
        wrong = [name for name, value in named.items() if value.size != np.prod(self.output_shapes[name])]
        if wrong:
            raise ValueError(f"{self.name}: {DOCUMENT} and the model disagree about the outputs {wrong}")
        return {name: named[name].reshape(self.output_shapes[name]) for name in outputs or named}

    __call__ = OnnxModel.__call__


class OpenVinoModel(_FolderModel):
    """An OpenVINO IR folder, on the processor."""

    engine = "openvino"

    def __init__(self, path: Path, *, num_threads: int = 1):
        super().__init__(path, num_threads=num_threads)
        try:
            import openvino
        except ImportError as error:
            raise ImportError("running OpenVINO models needs openvino: pip install 'blazepose_tf[openvino]'") from error
        settings = {"INFERENCE_NUM_THREADS": num_threads, "INFERENCE_PRECISION_HINT": "f32"}

        def compiled() -> openvino.InferRequest:
            return openvino.Core().compile_model(path / OPENVINO_FILES[0], "CPU", settings).create_infer_request()

        # OpenVINO 2026.4 exchanges the alternate signal stack of the thread that compiles, on which Python (3.11 and
        # later) handles signals: once models had gone, Ctrl-C could end the process. A thread of its own has nobody's
        # stack to exchange.
        try:
            with ThreadPoolExecutor(1) as thread:
                self._request = thread.submit(compiled).result()
        except RuntimeError as error:
            raise ValueError(f"{self.name}: damaged OpenVINO model ({' '.join(str(error).split())[:300]})") from error

    def _run(self, values: np.ndarray) -> list[np.ndarray]:
        results = self._request.infer([values])
        return [np.array(value, np.float32) for value in results.values()]


class NcnnModel(_FolderModel):
    """An ncnn folder, on the processor."""

    engine = "ncnn"

    def __init__(self, path: Path, *, num_threads: int = 1):
        super().__init__(path, num_threads=num_threads)
        try:
            import ncnn
        except ImportError as error:
            raise ImportError("running ncnn models needs ncnn: pip install 'blazepose_tf[ncnn]'") from error
        self._ncnn, self._net = ncnn, ncnn.Net()
        options = self._net.opt
        options.num_threads = num_threads
        options.use_fp16_packed = options.use_fp16_storage = options.use_fp16_arithmetic = False
        param, weights = (str(path / name) for name in NCNN_FILES)
        if self._net.load_param(param) or self._net.load_model(weights):
            raise ValueError(f"{self.name}: damaged ncnn model")
        self._input = self._net.input_names()[0]
        self._outputs = sorted(self._net.output_names(), key=lambda name: int(name.removeprefix("out")))

    def _run(self, values: np.ndarray) -> list[np.ndarray]:
        picture = np.ascontiguousarray(values[0].transpose(2, 0, 1))
        results = []
        with self._net.create_extractor() as extractor:
            extractor.input(self._input, self._ncnn.Mat(picture).clone())
            for name, shape in zip(self._outputs, self.output_shapes.values(), strict=True):
                value = np.array(extractor.extract(name)[1], np.float32)
                results.append(value.transpose(1, 2, 0) if len(shape) == 4 else value)
        return results
