"""What a user may name as a model, as files that an engine runs: one answer for `inspect` and `benchmark`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from blazepose_tf import archives
from blazepose_tf.runtime.weights import model_file

_WEIGHTS = (".keras", ".npz")


@contextmanager
def runnable(names: Iterable[str]) -> Iterator[dict[str, Path]]:
    """Context manager: what to call each model -> its file or folder.

    Shipped names, .tflite and .onnx files and the folders of other engines are what they are. A .task bundle becomes
    the LiteRT files in it, "pose.task/pose_detector.tflite"; a .keras or .npz model the float32 LiteRT file that
    `blazepose export` would make of it. What had to be made is gone when the block ends.

    Args:
        names: shipped names and paths.

    Raises:
        OSError: a file is missing or cannot be read.
        ValueError: it is no model, or damaged.
        ImportError: reading it needs an extra.
    """
    with tempfile.TemporaryDirectory(prefix="blazepose_") as scratch:
        found: dict[str, Path] = {}
        for number, name in enumerate(names):
            path = model_file(name)
            if not path.exists():
                raise FileNotFoundError(f"no such model file: {name}")
            folder = Path(scratch) / str(number)
            if path.suffix == ".task" and path.is_file():
                folder.mkdir()
                members = archives.read_members(path, lambda m: m.endswith(".tflite"), what="a .task bundle")
                if not members:
                    raise ValueError(f"{name}: the bundle holds no .tflite file")
                for member, content in members.items():
                    found[f"{name}/{member}"] = _written(folder / f"{path.stem}_{Path(member).name}", content)
            elif path.suffix in _WEIGHTS and path.is_file():
                folder.mkdir()
                found[name] = _written(folder / f"{path.stem}.tflite", _litert(path))
            else:
                found[name] = path
        yield found


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _litert(path: Path) -> bytes:
    """The float32 LiteRT file of a Keras model."""
    from blazepose_tf.export import exporting, litert, sources

    model, description = sources.open_source(path)
    return exporting.convert(litert.deployed(model), description, exporting.Options(), progress=lambda text: None)
