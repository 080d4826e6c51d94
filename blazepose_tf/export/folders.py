"""Exports that are folders: TensorFlow's SavedModel, and the files of OpenVINO and ncnn (`runtime.engines`).

OpenVINO and ncnn are converted from the ONNX graph; half precision stores weights, arithmetic is the engine's choice.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras

from blazepose_tf.export import litert, onnx
from blazepose_tf.models import Description
from blazepose_tf.runtime import engines
from blazepose_tf.runtime.interpreter import load_model
from blazepose_tf.runtime.metadata import metadata_of

SAVED_MODEL, OPENVINO, NCNN = "saved_model", "openvino", "ncnn"
FORMATS = (SAVED_MODEL, OPENVINO, NCNN)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Context manager: a temporary folder beside `path`, renamed to it when the block succeeds.

    Raises:
        FileExistsError: there is something already.
        OSError: the folder cannot be made.
    """
    if path.exists():
        raise FileExistsError(f"{str(path)!r} exists already: the export needs a new folder")
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield temporary
        temporary.chmod(0o755)
        os.rename(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write(model: keras.Model, description: Description, folder: Path, *, format: str, precision: str, opset: int):
    """Writes one format into an empty folder and opens what it wrote.

    Args:
        model: detector or tracker, as `litert.deployed` gives it.
        description: variant and contract.
        folder: where to.
        format: one of FORMATS.
        precision: of the stored weights, float32 or float16 (not for SAVED_MODEL).
        opset: of the ONNX graph in between.

    Returns:
        A model with `infer`.

    Raises:
        ImportError: the converter or the engine is not installed.
        ValueError: the converter fails.
    """
    if format == SAVED_MODEL:
        with litert.saved_model(model) as written:
            shutil.copytree(written, folder, dirs_exist_ok=True)
        return litert.SavedModel(str(folder))
    with tempfile.TemporaryDirectory(prefix=f"blazepose_{format}_") as scratch:
        source = Path(scratch) / "model.onnx"
        source.write_bytes(
            onnx.to_onnx(model, description.spec, name=description.variant, opset=opset, channels_first=format == NCNN)
        )
        convert = _openvino if format == OPENVINO else _ncnn
        convert(source, folder, half=precision == litert.FLOAT16)
        names = onnx.output_names(source)
    shapes = {name: (1, *model.output[name].shape[1:]) for name in names}
    metadata = metadata_of(description.spec, model=description.variant, precision=precision, **description.facts)
    document = engines.document_of(metadata, int(model.inputs[0].shape[1]), shapes)
    (folder / engines.DOCUMENT).write_text(document, encoding="utf-8")
    return load_model(folder)


def _openvino(source: Path, folder: Path, *, half: bool) -> None:
    try:
        import openvino
    except ImportError as error:
        raise ImportError("OpenVINO models need openvino: pip install 'blazepose_tf[openvino]'") from error
    # Not convert_model, which reports its use to somebody's server.
    openvino.save_model(openvino.Core().read_model(source), folder / engines.OPENVINO_FILES[0], compress_to_fp16=half)


def _ncnn(source: Path, folder: Path, *, half: bool) -> None:
    package = importlib.util.find_spec("pnnx")  # the package itself wants torch, its program does not
    places = [Path(place) / "pnnx" for place in package.submodule_search_locations] if package else []
    program = next((place for place in places if place.is_file()), None)
    if program is None:
        raise ImportError("ncnn models need pnnx: pip install ncnn && pip install --no-deps pnnx")
    param, weights = engines.NCNN_FILES
    scratch, folder = source.parent, folder.absolute()  # pnnx runs in the former
    rest = {"pnnxparam": "p", "pnnxbin": "b", "pnnxpy": "p.py", "pnnxonnx": "p.onnx", "ncnnpy": "n.py"}
    arguments = [f"{key}={scratch / name}" for key, name in rest.items()]
    arguments += [f"ncnnparam={folder / param}", f"ncnnbin={folder / weights}", f"fp16={int(half)}"]
    done = subprocess.run([program, source, *arguments], capture_output=True, text=True, cwd=scratch, check=False)
    if done.returncode or not all((folder / name).is_file() for name in (param, weights)):
        last = (done.stdout + done.stderr).strip().splitlines()[-1:]
        raise ValueError(f"pnnx could not convert the model (exit code {done.returncode}): {''.join(last)}")
