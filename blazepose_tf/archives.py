"""ZIP archives (.npz, .keras, .task, wheels) from outside: whole members, or one line that says what is wrong.

Python's reader raises a dozen kinds of errors for archives that are damaged, encrypted, or packed by a method that it
does not know; numpy's and Keras' readers add theirs. Every member is unpacked and compared with its checksum before
anybody interprets it.
"""

from __future__ import annotations

import contextlib
import io
import lzma
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from blazepose_tf.console import one_line

# What a few kilobytes may unpack to: the largest model here has 30 MB, a checkpoint 200 MB.
_MAX_BYTES = 1 << 30
_DAMAGE = (
    zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, KeyError, ValueError,
    NotImplementedError, RuntimeError, OverflowError, MemoryError, UnicodeError, IndexError,
)  # fmt: skip


@contextlib.contextmanager
def _reading(name: str, what: str) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise ValueError(f"{name}: damaged or not {what} ({one_line(error)})") from error


def is_archive(content: bytes) -> bool:
    """Whether content begins as a ZIP archive does.

    A LiteRT file may end in one, which holds the files that its metadata speak of.
    """
    return content[:4] in (b"PK\3\4", b"PK\5\6")


def read_members(
    source: str | os.PathLike | bytes,
    wanted: Callable[[str], bool] = lambda name: True,
    *,
    name: str | None = None,
    what: str = "a ZIP archive",
) -> dict[str, bytes]:
    """Members of an archive by name, unpacked and checked.

    Args:
        source: path or content.
        wanted: whether a member is to be read, by its name.
        name: of the archive, for messages; its path, or "archive".
        what: what is expected, for messages.

    Raises:
        OSError: the file cannot be read.
        ValueError: not an archive, or a damaged, encrypted or too large one, or an unknown compression.
    """
    name = name or ("archive" if isinstance(source, bytes) else str(source))
    content = source if isinstance(source, bytes) else _bytes(Path(source))
    with _reading(name, what), zipfile.ZipFile(io.BytesIO(content)) as archive:
        infos = {info.filename: info for info in archive.infolist() if wanted(info.filename)}
        total = sum(info.file_size for info in infos.values())
        if total > _MAX_BYTES:
            raise ValueError(f"it unpacks to {total / 1e9:.1f} GB, expected at most {_MAX_BYTES / 1e9:.1f} GB")
        try:
            return {member: archive.read(info) for member, info in infos.items()}
        except OSError as error:  # bz2's word for damaged data
            raise ValueError(str(error)) from error


def _bytes(path: Path) -> bytes:
    if path.is_dir():
        raise IsADirectoryError(f"{path}: a folder, expected a file")
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such file") from None


def read_arrays(
    path: str | os.PathLike, wanted: Callable[[str], bool] = lambda name: True, *, what: str = "an .npz file"
) -> dict[str, np.ndarray]:
    """Arrays of a `.npz` file by name; none of them is a Python object.

    Args:
        path: the file.
        wanted: whether an array is to be read, by its name.
        what: what is expected, for messages.

    Raises:
        OSError: the file cannot be read.
        ValueError: as `read_members`, or a member that is no array.
    """
    suffix = ".npy"
    members = read_members(path, lambda member: wanted(member.removesuffix(suffix)), what=what)
    arrays = {}
    for member, content in members.items():
        with _reading(str(path), what):
            if not member.endswith(suffix):
                raise ValueError(f"{member!r} is no array")
            try:
                arrays[member.removesuffix(suffix)] = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
            except (
                *_DAMAGE,
                SyntaxError,
                tokenize.TokenError,
                TypeError,
                AttributeError,
            ) as error:
                raise ValueError(f"{member!r}: {error}") from error
    return arrays


def load_keras(path: str | os.PathLike):
    """Model and members of a `.keras` file: (`keras.Model`, content by name without the weights).

    Nothing in the file may run code: no Lambda, no class that is not Keras' or this project's.

    Raises:
        OSError: the file cannot be read.
        ValueError: not a Keras model, a damaged one, or one with such classes.
    """
    import keras

    what = "a Keras model (.keras)"
    members = read_members(path, what=what)
    if "config.json" not in members:
        raise ValueError(f"{path}: damaged or not {what} (config.json is missing)")
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises whatever the layers of the file raise
        raise ValueError(f"{path}: damaged or not {what} that can be read here ({one_line(error):.300})") from error
    return model, {name: content for name, content in members.items() if name.endswith(".json")}
