"""Import of MediaPipe's published models: their weights in this project's Keras models.

A file is recognised by what it computes (input, outputs, number of convolutions), not by its name. Layers are matched
in order of creation, which both sides keep in their names, and every kernel's shape is checked.

Reference: the LiteRT files of the npm package @mediapipe/pose and of the wheel mediapipe 0.10.21.
"""

from __future__ import annotations

import importlib.util
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np

from blazepose_tf import archives
from blazepose_tf.export.flatbuffer import Convolution, Graph, read_graph
from blazepose_tf.layers.normalization import EPSILON
from blazepose_tf.models import Description, build_detector, build_tracker
from blazepose_tf.models.presets import DETECTORS
from blazepose_tf.specs import INSIDE_FRAME, LOGITS, REGRESSORS, TrackerSpec

# Stages in the order in which the files number their layers.
_STAGES = (
    "f1", "f2", "f4", "f8", "f16", "f32",
    "decoder_d32", "decoder_d16", "decoder_d8", "decoder_d4",
    "pyramid_p16_top", "pyramid_p16_lateral", "pyramid_p16", "pyramid_p8_top", "pyramid_p8_lateral", "pyramid_p8",
    "regression_r8", "regression_skip8", "regression_r16", "regression_skip16", "regression_r32", "regression_skip32",
    "regression_r64", "regression_r128",
    "segmentation_fine", "segmentation_coarse", "segmentation_f2", "segmentation_f1",
)  # fmt: skip
_ROLES = {"conv": 0, "expand": 1, "depthwise": 2, "project": 3}
_NORMALISATION = {"conv": "norm", "project": "norm", "expand": "widen", "depthwise": "spread"}
# Kernel (H, W, O) of the heads of all trackers. Heatmaps of March 2021 have a 3x3 kernel, later ones 1x1.
_TRACKER_HEADS = {
    (2, 2, 195): "landmarks_0_conv",
    (2, 2, 1): "presence_0_conv",
    (2, 2, 117): "world_0_conv",
    (1, 1, 39): "heatmaps_0_conv",
    (3, 3, 39): "heatmaps_0_conv",
    (3, 3, 1): "segmentation_0_conv",
}
# The 2020 graphs cut the region of interest at 1.5 times the body circle, later ones at 1.25 times.
_ROI_SCALE_2020 = 1.5


# Where the graphs of the wheel keep their models.
_WHEEL_FOLDER = "mediapipe/modules/"
_INSTALL = "pip install mediapipe==0.10.21"


@dataclass(frozen=True)
class Official:
    """A published file: how to recognise it and what to build for it.

    Attributes:
        name: short name, also of files written for it.
        variant: preset.
        size: side of the input.
        convolutions: number of CONV_2D, number of DEPTHWISE_CONV_2D.
        outputs: number of values of each output, sorted.
        options: arguments of `build_tracker`.
        roi_scale: side of the region of interest over the diameter of the body circle.
    """

    name: str
    variant: str
    size: int
    convolutions: tuple[int, int]
    outputs: tuple[int, ...]
    options: dict = field(default_factory=dict)
    roi_scale: float = 1.25

    def build(self) -> tuple[keras.Model, Description]:
        """The model with random weights, and its description."""
        if self.variant in DETECTORS:
            return build_detector(variant=self.variant), Description(self.variant, DETECTORS[self.variant].spec)
        spec = TrackerSpec(mediapipe_head=True, roi_scale=self.roi_scale, visibility=INSIDE_FRAME)
        return build_tracker(spec, variant=self.variant, **self.options), Description(self.variant, spec)


_GHUM = {"world": True, "segmentation": True}
_GHUM_OUTPUTS = (1, 117, 195, 256 * 256, 64 * 64 * 39)
OFFICIAL: tuple[Official, ...] = (
    Official("det_2020", "det_2020", 128, (34, 29), (896, 896 * 12)),
    Official("det_2021", "det_2021", 224, (45, 28), (2254, 2254 * 12)),
    Official(
        "full_2020",
        "full",
        256,
        (72, 68),
        (1, 195, 128 * 128),
        {"training_heads": False, "segmentation": True},
        _ROI_SCALE_2020,
    ),
    Official(
        "lite_2021_03", "lite", 256, (62, 56), (1, 117, 195, 128 * 128, 64 * 64 * 39), _GHUM | {"heatmap_kernel": 3}
    ),
    Official("ghum_lite", "ghum_lite", 256, (54, 34), _GHUM_OUTPUTS, _GHUM),
    Official("ghum_full", "ghum_full", 256, (58, 38), _GHUM_OUTPUTS, _GHUM),
    Official("ghum_heavy", "ghum_heavy", 256, (116, 82), _GHUM_OUTPUTS, _GHUM),
)


@dataclass(frozen=True)
class Imported:
    """A model with the published weights.

    Attributes:
        name: which file it was, `Official.name`.
        model: the Keras model.
        description: variant and spec, for `save_model`.
    """

    name: str
    model: keras.Model
    description: Description


def import_model(content: bytes, *, name: str = "model") -> Imported:
    """Builds the Keras model of a published LiteRT file and loads the file's weights.

    All outputs are kept: landmarks, presence (as a logit; the file applies the sigmoid), and where the file has them
    segmentation, heatmaps and world landmarks. Normalisations are set to pass their input on plus the file's bias.

    Args:
        content: of the .tflite file.
        name: of the file, for messages.

    Raises:
        ValueError: a damaged file, or none of the published models; the message lists those.
    """
    try:
        graph = read_graph(content, name=name)
    except ValueError as error:
        raise ValueError(f"{error}. {_supported()}") from error
    official = recognise(graph)
    model, description = official.build()
    _load(graph, model, description)
    return Imported(official.name, model, description)


def recognise(graph: Graph) -> Official:
    """The published model that computes what `graph` does; ValueError lists those that are known."""
    depthwise = sum(c.depthwise for c in graph.convolutions)
    counts = (len(graph.convolutions) - depthwise, depthwise)
    outputs = tuple(sorted(int(np.prod(shape)) for shape in graph.output_shapes))
    for official in OFFICIAL:
        size = (1, official.size, official.size, 3)
        if (graph.input_shape, counts, outputs) == (size, official.convolutions, official.outputs):
            return official
    raise ValueError(
        f"not one of the published pose models: input {graph.input_shape}, {counts[0]} convolutions, {counts[1]} "
        f"depthwise, outputs {graph.output_shapes}. {_supported()}"
    )


def _supported() -> str:
    return "Supported are MediaPipe's " + ", ".join(official.name for official in OFFICIAL)


def find_models(path: str | os.PathLike) -> dict[str, bytes]:
    """Pose models in a file: itself, or the members of a `.task` bundle or of the mediapipe wheel.

    Returns:
        Content by name of the file or member.

    Raises:
        OSError: the file cannot be read.
        ValueError: an archive without pose models.
    """
    path = Path(path)
    content = path.read_bytes()
    if not archives.is_archive(content):
        return {path.name: content}
    found = archives.read_members(content, lambda name: name.endswith(".tflite"), name=str(path))
    if any(name.startswith(_WHEEL_FOLDER) for name in found):
        found = {name: model for name, model in found.items() if name.startswith(f"{_WHEEL_FOLDER}pose_")}
    if not found:
        raise ValueError(f"{path}: an archive without pose models (.tflite)")
    return found


def installed_models() -> dict[str, bytes]:
    """Pose models inside the installed `mediapipe` package, which is not imported; content by file name.

    Raises:
        ImportError: mediapipe is not installed, or without models.
    """
    package = importlib.util.find_spec("mediapipe")
    folders = list(package.submodule_search_locations or ()) if package else []
    if not folders:
        raise ImportError(f"mediapipe is not installed: {_INSTALL}")
    files = sorted(Path(folders[0]).glob("modules/pose_*/*.tflite"))
    if not files:
        raise ImportError(f"the installed mediapipe in {folders[0]!r} carries no pose models: {_INSTALL}")
    return {file.name: file.read_bytes() for file in files}


def _load(graph: Graph, model: keras.Model, description: Description) -> None:
    """Sets all weights of `model` from the convolutions of `graph`."""
    normalised: dict[int, Convolution] = {}
    linear: dict[int, Convolution] = {}
    heads: dict[str, Convolution] = {}
    for convolution in graph.convolutions:
        name = convolution.name
        if (match := re.search(r"batch_normalization(?:_(\d+))?/", name)) or (
            match := re.match(r"conv2d(?:_(\d+))?$", name)
        ):
            normalised[int(match[1] or 0)] = convolution
        elif match := re.match(r"(?:[^;]*/)?depthwise_conv2d(?:_(\d+))?(?:/|$)", name):
            linear[int(match[1] or 0)] = convolution
        else:
            heads[_head_name(convolution, description)] = convolution
    names = [layer.name for layer in model.layers if layer.weights]
    bodies = [name for name in names if name.endswith(tuple(f"_{role}" for role in _ROLES))]
    with_norm = {name: norm for name in bodies if (norm := _norm_name(name)) in names}
    _match(model, _ordered(with_norm), normalised, with_norm)
    without_norm = [n for n in bodies if n not in with_norm and n.endswith("_depthwise")]
    _match(model, _ordered(without_norm), linear, {})
    head_names = {n for n in bodies if n not in with_norm and n not in without_norm}
    if head_names != set(heads):
        raise ValueError(f"the heads of the file differ from the model's. Received: {sorted(heads)}")
    for name, convolution in heads.items():
        _set(model.get_layer(name), convolution)


def _norm_name(name: str) -> str:
    block, _, role = name.rpartition("_")
    return f"{block}_{_NORMALISATION[role]}"


def _ordered(names) -> list[str]:
    """Layer names in order of creation in the published models."""

    def key(name: str):
        stage, index, role = name.rsplit("_", 2)
        if stage in (LOGITS, REGRESSORS):
            return (len(_STAGES), int(index), 0 if stage == LOGITS else 1, 0)
        return (_STAGES.index(stage), int(index), _ROLES[role], 0)

    return sorted(names, key=key)


def _head_name(convolution: Convolution, description: Description) -> str:
    height, width, _, channels = convolution.kernel.shape
    if isinstance(description.spec, TrackerSpec):
        name = _TRACKER_HEADS.get((height, width, channels))
    else:
        match = re.match(r"(?:[^;]*/)?(classif|regress)[a-z_]*_(\d+)", convolution.name)
        name = None
        if match and int(match[2]) in description.spec.strides:
            output = LOGITS if match[1] == "classif" else REGRESSORS
            name = f"{output}_{description.spec.strides.index(int(match[2]))}_conv"
    if name is None:
        raise ValueError(f"a layer of the file has no counterpart. Received: {convolution.name[:80]!r}")
    return name


def _match(model: keras.Model, names: list[str], numbered: dict[int, Convolution], norms: dict[str, str]) -> None:
    """Sets the layers `names` from the convolutions in order of their numbers."""
    if len(names) != len(numbered):
        raise ValueError(f"the file has {len(numbered)} layers where the model has {len(names)}")
    for name, number in zip(names, sorted(numbered), strict=True):
        convolution = numbered[number]
        _set(model.get_layer(name), convolution, norm=model.get_layer(norms[name]) if name in norms else None)


def _set(layer, convolution: Convolution, *, norm=None) -> None:
    if tuple(layer.kernel.shape) != convolution.kernel.shape:
        raise ValueError(
            f"kernel of {layer.name!r} must be {tuple(layer.kernel.shape)}. Received: {convolution.kernel.shape} "
            f"({convolution.name[:60]!r})"
        )
    layer.kernel.assign(convolution.kernel)
    if norm is not None:
        norm.gamma.assign(np.ones_like(convolution.bias))
        norm.beta.assign(convolution.bias)
        norm.moving_mean.assign(np.zeros_like(convolution.bias))
        norm.moving_variance.assign(np.full_like(convolution.bias, 1.0 - EPSILON))
    elif layer.use_bias:
        layer.bias.assign(convolution.bias)
    elif convolution.bias.any():
        raise ValueError(f"{layer.name!r} has no bias. Received: a file with one ({convolution.name[:60]!r})")
