"""The model files that ship with the package, by name, checked against their checksums."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blazepose_tf.runtime.metadata import METADATA_NAME, read_metadata, spec_of
from blazepose_tf.tflite import graph

FOLDER = Path(__file__).resolve().parents[1] / "weights"
SUMS = "SHA256SUMS"
# What runs when nothing is named: the first of these that ships. `full` is more accurate, `lite` 2.4 times as fast.
DETECTORS = ("blazeface",)
TRACKERS = ("lite", "full")
# What runs instead when depth, metric points or a mask are asked for.
TRACKERS_3D = ("lite_3d",)
_SUFFIX = ".tflite"
_LICENCE = "Apache-2.0"


@dataclass(frozen=True)
class ShippedModel:
    """A model that ships with the package, as its file describes itself.

    Attributes:
        name: what `PosePipeline`, `load_tracker` or `load_detector` take.
        kind: `specs.TRACKER` or `specs.DETECTOR`.
        parameters: weights and biases of the file.
        macs: multiply-adds of one inference.
        input_size: side of the square input in pixels.
        keypoints: number of landmarks, or of a detection's points.
        size: of the LiteRT file in bytes.
        precision: type of the weights in the file, such as "float16".
        accuracy: what the file states: `percent` (metric -> value) and `data`; empty where it states none, and the
            model cards have the figures.
        licence: SPDX identifier of package and file. The data sets have licences of their own:
        training_data: data sets with people, title and licence that the file names; empty where it names none.
    """

    name: str
    kind: str
    parameters: int
    macs: int
    input_size: int
    keypoints: int
    size: int
    precision: str
    accuracy: dict[str, Any] = field(default_factory=dict)
    licence: str = _LICENCE
    training_data: tuple[dict[str, Any], ...] = ()


def list_models(*, folder: Path = FOLDER) -> list[ShippedModel]:
    """The models that ship with the package, detectors first, by name.

    Raises:
        ValueError: a file differs from its checksum; reinstall the package.
    """
    found = [
        _describe(name, weight_file(name + _SUFFIX, folder=folder).read_bytes())
        for name in shipped_names(folder=folder)
    ]
    return sorted(found, key=lambda model: (model.kind, model.name))


def shipped_names(*, folder: Path = FOLDER) -> list[str]:
    """Names of the models that ship with the package."""
    return sorted(name.removesuffix(_SUFFIX) for name in _listed(folder) if name.endswith(_SUFFIX))


def _describe(name: str, content: bytes) -> ShippedModel:
    metadata = read_metadata(content, name=name) or {}
    spec, read = spec_of(metadata, name=name), graph.read_graph(content)
    return ShippedModel(
        name,
        metadata["kind"],
        read.parameters,
        read.macs,
        spec.input_size,
        spec.num_keypoints,
        len(content),
        read.precision,
        metadata.get("accuracy") or {},
        training_data=tuple(metadata.get("training_data") or ()),
    )


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
