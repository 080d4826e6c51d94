"""Weights by variable name: compact `.npz` files, transfer between models, and the ones that ship with the package.

A variable's name is its path in the model, such as `f4_0_project/kernel`; names do not depend on input size, heads or
backend, so weights move between stages of training and, keypoint by keypoint (`keypoint_rows`), between keypoint sets.

The mean pose that a tracker's coordinate head starts from is no variable, but belongs to what it learned: it travels
with the weights, and where source and target differ the head's bias makes up for it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from blazepose_tf import archives
from blazepose_tf.files import atomic_path
from blazepose_tf.models import keypoint_rows, shared_kernels
from blazepose_tf.models.detector import build_detector
from blazepose_tf.models.heads import COORDINATE_SCALE, mean_pose_of
from blazepose_tf.models.keypoint_rows import MEAN_POSE
from blazepose_tf.models.presets import DETECTORS, TRACKERS
from blazepose_tf.models.saving import Description, infer_description, load_model
from blazepose_tf.models.tracker import build_tracker
from blazepose_tf.specs import DETECTOR, TRACKER, DetectorSpec, TrackerSpec

LITERT = ".tflite"
_DESCRIPTION = "blazepose_tf"
_COORDINATE_BIAS = "coordinates_0_conv/bias"


@dataclass(frozen=True)
class TransferReport:
    """Names of variables, by what became of them.

    Attributes:
        loaded: copied.
        missing: in the target only; they keep their values.
        mismatched: in both with different shapes; they keep their values.
        unused: in the source only.
    """

    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    mismatched: tuple[str, ...]
    unused: tuple[str, ...]


def save_weights(
    model: keras.Model,
    path: str | os.PathLike,
    *,
    half: bool = False,
    description: Description | None = None,
    beside: str | os.PathLike | None = None,
) -> None:
    """Writes all weights as a `.npz` file.

    Args:
        model: any model with unique variable names.
        path: file name ending in .npz.
        half: kernels as float16; vectors (biases, normalisation) stay float32, for their range and small size.
        description: kind, variant and spec, needed by `load_tracker` and `load_detector`.
        beside: a float16 LiteRT file of this model, of the same folder and stem as `path`: kernels that it holds are
            not repeated (`shared_kernels`).

    Raises:
        ValueError: another suffix, a kernel that float16 cannot hold, or a LiteRT file that is not beside.
        OSError: the file cannot be written.
    """
    if Path(path).suffix != ".npz":
        raise ValueError(f"a weight file's name must end in .npz. Received: path={str(path)!r}")
    if beside is not None and Path(beside) != Path(path).with_suffix(LITERT):
        raise ValueError(f"expected {str(Path(path).with_suffix(LITERT))!r}. Received: beside={str(beside)!r}")
    values = _values(model)
    if beside is not None:
        values = shared_kernels.split(values, Path(beside))
    arrays = {}
    for name, value in values.items():
        if half and value.ndim > 1:
            value = value.astype(np.float16)
            if not np.isfinite(value).all():
                raise ValueError(f"float16 cannot hold the values of {name!r}")
        arrays[name] = value
    if description is not None:
        arrays[_DESCRIPTION] = np.array(description.to_json())

    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # no array is called allow_pickle


def load_weights(model: keras.Model, path: str | os.PathLike) -> None:
    """Loads a `.npz` file that holds exactly the weights of `model`.

    Raises:
        OSError: no such file.
        ValueError: a damaged file, or weights of another model.
    """
    _assign_all(read_weights(path)[0], model, path)


def read_weights(path: str | os.PathLike) -> tuple[dict[str, np.ndarray], Description | None]:
    """Arrays by variable name, as float32, and the description if the file has one.

    Raises:
        OSError: no such file.
        ValueError: not a `.npz` file, a damaged one, or one whose LiteRT file is another.
    """
    what = "a weight file (.npz)"
    arrays = archives.read_arrays(path, what=what)
    text = arrays.pop(_DESCRIPTION, None)
    arrays = shared_kernels.join(arrays, Path(path).with_suffix(LITERT))
    for name, value in arrays.items():
        if value.dtype.kind != "f" or not np.isfinite(value).all():
            raise ValueError(f"{path}: not {what}: {name!r} holds something else than finite numbers")
    values = {name: value.astype(np.float32) for name, value in arrays.items()}
    return values, None if text is None else Description.from_json(str(text), f"{path}: the model's description")


def values_of(
    source: keras.Model | str | os.PathLike, *, keypoints: Sequence[str] | None = None
) -> dict[str, np.ndarray]:
    """Weights by name, float32, and the mean pose that a tracker's coordinates are relative to.

    Args:
        source: a model, or a `.npz` or `.keras` file.
        keypoints: names of the keypoints that the heads shall have instead of the source's own (`keypoint_rows`).

    Raises:
        OSError: no such file.
        ValueError: a damaged file.
    """
    if isinstance(source, keras.Model):
        values, description = _values(source), infer_description(source) if keypoints is not None else None
    elif Path(source).suffix == ".keras":
        model, description = load_model(source)
        values = _values(model)
    else:
        values, description = read_weights(source)
    if keypoints is None or description is None or not isinstance(description.spec, TrackerSpec):
        return values
    if description.spec.mediapipe_head:
        values = keypoint_rows.of_mediapipe(values, description.spec.input_size)
    return keypoint_rows.by_name(values, description.spec.keypoint_names, keypoints)


def describe(path: str | os.PathLike) -> tuple[Description, frozenset[str]]:
    """What a `.npz` or `.keras` file holds, and a tracker's parts in it (`_parts`); errors as `load_described`."""
    if Path(path).suffix == ".keras":
        model, description = load_model(path)
        return description, _parts(_values(model))
    values, stored = read_weights(path)
    return _known(stored, path), _parts(values)


def _known(description: Description | None, path: str | os.PathLike) -> Description:
    if description is None:
        raise ValueError(f"{str(path)!r} does not say which model its weights belong to")
    return description


def _parts(values: dict[str, np.ndarray]) -> frozenset[str]:
    """First words of the variables' names: "heatmaps", "regression", "depth", "world", "segmentation", ..."""
    return frozenset(name.partition("_")[0] for name in values)


def transfer(source: keras.Model | str | os.PathLike | dict[str, np.ndarray], model: keras.Model) -> TransferReport:
    """Copies the weights that have the same name and shape into `model`, e.g. to start from other keypoints.

    Args:
        source: a model, a `.npz` or `.keras` file, or what `values_of` made of one.
        model: changed in place.

    Raises:
        OSError: no such file.
        ValueError: a damaged file, or not a single kernel in common.
    """
    values = source if isinstance(source, dict) else values_of(source)
    report = _assign(values, model)
    # A detector and a tracker share a bias or two.
    if not any(name.endswith("kernel") for name in report.loaded):
        name = f"{len(values)} arrays" if isinstance(source, dict) else repr(source)
        raise ValueError(f"the source has no weight in common with {model.name!r}. Received: source={name}")
    return report


def load_tracker(name: str = "full") -> keras.Model:
    """Tracker with the weights that ship with the package.

    Raises:
        FileNotFoundError: there are none of that name; the message lists those that are.
        ValueError: the file differs from its checksum, or is no tracker.
    """
    return _load_shipped(name, TRACKER)


def load_detector(name: str = "blazeface") -> keras.Model:
    """Detector with the weights that ship with the package; errors as `load_tracker`."""
    return _load_shipped(name, DETECTOR)


def from_preset(name: str, *, load_weights: bool = True) -> keras.Model:
    """Keras model of a preset, tracker or detector, as Keras' model libraries offer it.

    Args:
        name: preset, such as "lite" (`presets.TRACKERS`, `presets.DETECTORS`), or another name of `list_models`.
        load_weights: with the weights that ship with the package (`list_models` names them); False initialises anew.

    Raises:
        FileNotFoundError: no weights of that name ship; the message lists those that do.
        ValueError: no such preset, or a file that differs from its checksum.
    """
    known = {*TRACKERS, *DETECTORS}
    if load_weights:
        from blazepose_tf.runtime.weights import shipped_names  # as in `_load_shipped`

        known |= set(shipped_names())
    if name not in known:
        raise ValueError(f"name must be one of {sorted(known)}. Received: name={name!r}")
    if load_weights:
        return _load_shipped(name)
    return build_tracker(variant=name) if name in TRACKERS else build_detector(variant=name)


def load_described(path: str | os.PathLike) -> tuple[keras.Model, Description]:
    """Model of a `.npz` file that carries its description, or of a `.keras` file.

    Raises:
        OSError: no such file.
        ValueError: a damaged file or one without a description.
    """
    if Path(path).suffix == ".keras":
        return load_model(path)
    values, stored = read_weights(path)
    description, parts = _known(stored, path), _parts(values)
    if isinstance(description.spec, DetectorSpec):
        model = build_detector(description.spec, variant=description.variant)
    else:
        model = build_tracker(
            description.spec,
            variant=description.variant,
            training_heads="heatmaps" in parts,
            offsets="offsets" in parts,
            regression="regression" in parts,
            mean_pose=values.get(MEAN_POSE),
            world="world" in parts,
            segmentation="segmentation" in parts,
        )
    _assign_all(values, model, path)
    return model, description


def _load_shipped(name: str, kind: str = "") -> keras.Model:
    # Here, not above: the runtime package needs OpenCV and LiteRT, which training on another machine may lack.
    from blazepose_tf.runtime.weights import weight_file

    model, description = load_described(weight_file(f"{name}.npz"))
    if kind and description.kind != kind:
        raise ValueError(f"{name!r} is a {description.kind}, not a {kind}")
    return model


def _values(model: keras.Model) -> dict[str, np.ndarray]:
    values = {v.path: np.asarray(keras.ops.convert_to_numpy(v.value), np.float32) for v in model.weights}
    pose = mean_pose_of(model)
    return values if pose is None else values | {MEAN_POSE: pose}


def _assign_all(values: dict[str, np.ndarray], model: keras.Model, path: str | os.PathLike) -> None:
    """Assigns what was read from `path`; ValueError, and nothing assigned, unless it is exactly what the model has."""
    report = _assign(values, model, dry=True)
    wrong = {"missing": report.missing, "of another shape": report.mismatched, "unknown": report.unused}
    if any(wrong.values()):
        text = "; ".join(f"{len(v)} {k}, e.g. {v[0]!r}" for k, v in wrong.items() if v)
        raise ValueError(f"{str(path)!r} holds weights of another model: {text}")
    _assign(values, model)


def _assign(values: dict[str, np.ndarray], model: keras.Model, *, dry: bool = False) -> TransferReport:
    values = dict(values)
    source, target = values.pop(MEAN_POSE, None), mean_pose_of(model)
    if source is not None and target is not None and source.shape == target.shape and _COORDINATE_BIAS in values:
        shift = np.where(np.isnan(source), 0.0, source - target)  # a new keypoint has no pose of its own
        values[_COORDINATE_BIAS] = (values[_COORDINATE_BIAS] + shift.ravel() / COORDINATE_SCALE).astype(np.float32)
    loaded, missing, mismatched = [], [], []
    for variable in model.weights:
        value = values.get(variable.path)
        if value is None:
            missing.append(variable.path)
        elif tuple(value.shape) != tuple(variable.shape):
            mismatched.append(variable.path)
        else:
            loaded.append(variable.path)
            if not dry:
                variable.assign(value)
    unused = sorted(set(values) - set(loaded) - set(mismatched))
    return TransferReport(tuple(loaded), tuple(missing), tuple(mismatched), tuple(unused))
