"""The model files that ship with the package, by name, checked against their checksums."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from blazepose_tf.runtime.metadata import METADATA_NAME

FOLDER = Path(__file__).resolve().parents[1] / "weights"
SUMS = "SHA256SUMS"
# What runs when nothing is named: the first of these that ships. `full` is more accurate, `lite` 2.4 times as fast.
DETECTORS = ("blazeface",)
TRACKERS = ("lite", "full")
_SUFFIX = ".tflite"


def _listed(folder: Path) -> dict[str, str]:
    """File name -> SHA-256 of SHA256SUMS; nothing without that file."""
    if not (folder / SUMS).is_file():
        return {}
    lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    return {name.lstrip("*"): digest for digest, name in (line.split(maxsplit=1) for line in lines if line.strip())}


def is_shipped(content: bytes, *, folder: Path = FOLDER) -> bool:
    """Whether this is, byte for byte, a model file that ships with the package."""
    return hashlib.sha256(content).hexdigest() in _listed(folder).values()


def weight_file(filename: str, *, folder: Path = FOLDER) -> Path:
    """Path of a shipped file, after comparing its content with SHA256SUMS.

    Args:
        filename: name in the folder, such as "lite.tflite".
        folder: where the files and SHA256SUMS lie.

    Raises:
        FileNotFoundError: no such file; the message lists those that are there.
        ValueError: the file is listed with another checksum, or not listed at all.
    """
    listed = _listed(folder)
    path = folder / filename
    if not path.is_file():
        there = sorted(name for name in listed if (folder / name).is_file())
        raise FileNotFoundError(f"no shipped file {filename!r}. Shipped: {', '.join(there) or 'none'} (in {folder})")
    if filename not in listed:
        raise ValueError(f"{path}: not listed in {SUMS}; reinstall the package")
    if hashlib.sha256(path.read_bytes()).hexdigest() != listed[filename]:
        raise ValueError(f"{path}: its SHA-256 differs from {SUMS}; the file is damaged, reinstall the package")
    return path


def default_file(names: tuple[str, ...], *, folder: Path = FOLDER) -> Path:
    """The first shipped model of `names` (DETECTORS or TRACKERS).

    Raises:
        FileNotFoundError: none of them ships.
        ValueError: as `weight_file`.
    """
    for name in names:
        if (folder / (name + _SUFFIX)).is_file():
            return weight_file(name + _SUFFIX, folder=folder)
    raise FileNotFoundError(f"no model {' or '.join(names)} ships with this version (in {folder}); name a model file")


def model_file(name: str | os.PathLike, *, suffix: str = _SUFFIX, folder: Path = FOLDER) -> Path:
    """Path for what a user calls a model: a shipped name such as "lite", or a path.

    `suffix` chooses between the LiteRT file and the Keras weights (".npz") of a shipped name.

    A name is anything without a folder and without a suffix that is neither a file nor an exported folder.

    Raises:
        FileNotFoundError, ValueError: as `weight_file`, for a name.
    """
    path = Path(name)
    if path.suffix or len(path.parts) > 1 or path.is_file() or (path / f"{METADATA_NAME}.json").is_file():
        return path
    return weight_file(str(name) + suffix, folder=folder)
