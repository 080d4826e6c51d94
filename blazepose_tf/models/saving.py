"""Models on disk together with their spec: `.keras` files, and compact `.npz` weight files.

A `.keras` file written here is an ordinary one (plain `keras.models.load_model` reads it) with one more member,
`blazepose_tf.json`: kind, variant and spec. Every file is written under a temporary name first.
"""

from __future__ import annotations

import dataclasses
import json
import os
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras

from blazepose_tf import archives, documents, specs, topology
from blazepose_tf.files import atomic_path
from blazepose_tf.layers.normalization import use_fused_kernels
from blazepose_tf.models.heads import MEDIAPIPE_POINTS, MEDIAPIPE_VALUES
from blazepose_tf.models.presets import DETECTORS, TRACKERS
from blazepose_tf.specs import FACE, HEATMAPS, LANDMARKS, REGRESSORS, DetectorSpec, TrackerSpec

MEMBER = "blazepose_tf.json"
_DOCUMENT = documents.Part({"model": documents.TEXT, "facts": documents.Optional(documents.OBJECT)})


@dataclass(frozen=True)
class Description:
    """What a model is: preset, contract, and where it comes from.

    Attributes:
        variant: key of `presets.TRACKERS` or `presets.DETECTORS`.
        spec: its contract.
        facts: JSON values about its making that travel with it into every exported file: `training_data` (names,
            licences, people), `presence` (how it was calibrated).
    """

    variant: str
    spec: TrackerSpec | DetectorSpec
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """TRACKER or DETECTOR."""
        return specs.kind_of(self.spec)

    def with_score_threshold(self, value: float) -> Description:
        """The same detector with other detections; ValueError for a tracker, or a value outside of (0, 1)."""
        if not isinstance(self.spec, DetectorSpec):
            raise ValueError(f"only a detector has a score_threshold. Received: model={self.variant!r}")
        return dataclasses.replace(self, spec=dataclasses.replace(self.spec, score_threshold=value))

    def with_facts(self, **facts: Any) -> Description:
        """The same model with more known about its making; what it said under these names is replaced."""
        return dataclasses.replace(self, facts=self.facts | facts)

    def to_json(self) -> str:
        """JSON document of the description."""
        document = {"model": self.variant, **specs.to_document(self.spec)}
        return json.dumps(document | ({"facts": self.facts} if self.facts else {}))

    @classmethod
    def from_json(cls, text: str | bytes, where: str = "the model's description") -> Description:
        """Inverse of `to_json`; ValueError, which begins with `where`, for what this version cannot read."""
        document = documents.check(documents.parse(text, where), _DOCUMENT, where)
        try:
            return cls(document["model"], specs.from_document(document), document.get("facts") or {})
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error


def save_model(model: keras.Model, path: str | os.PathLike, description: Description) -> None:
    """Writes a `.keras` file with the description in it. It computes in float32, whatever it was trained in.

    Raises:
        ValueError: the name does not end in .keras.
        OSError: the file cannot be written.
    """
    if Path(path).suffix != ".keras":
        raise ValueError(f"a Keras model's file name must end in .keras. Received: path={str(path)!r}")

    with atomic_path(path) as temporary:
        in_float32(model).save(temporary)
        with zipfile.ZipFile(temporary, "a") as archive:
            archive.writestr(MEMBER, description.to_json())


def in_float32(model: keras.Model) -> keras.Model:
    """The model itself, or, if it computes in another precision (mixed training), a copy that does not."""
    if all(getattr(layer, "compute_dtype", "float32") == "float32" for layer in model.layers):
        return model

    def plain(layer):
        config = layer.get_config()
        # Operations of keras.ops stand among the layers and have no precision of their own.
        return type(layer).from_config(config | {"dtype": "float32"} if "dtype" in config else config)

    copy = keras.models.clone_model(model, clone_function=plain)
    copy.set_weights(model.get_weights())
    return copy


def load_model(path: str | os.PathLike) -> tuple[keras.Model, Description]:
    """Reads a `.keras` file and its description; for a file saved by Keras alone the description is inferred.

    Raises:
        OSError: no such file.
        ValueError: not a Keras model, or none of this project's.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such model file")
    model, documents_in_it = archives.load_keras(path)
    use_fused_kernels(model)
    text = documents_in_it.get(MEMBER)
    try:
        description = infer_description(model) if text is None else Description.from_json(text)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return model, description


def infer_description(model: keras.Model) -> Description:
    """Description of a model of this project from its name and shapes.

    Keypoint names follow from their number: the 33 of the topology, or the set with that many, or numbers.

    Raises:
        ValueError: the model has neither a tracker's nor a detector's outputs.
    """
    shapes = {name: tuple(t.shape) for name, t in model.output.items()} if isinstance(model.output, dict) else {}
    size = model.inputs[0].shape[1]
    variant = model.name.partition("_")[2]
    if REGRESSORS in shapes:
        default = DETECTORS[variant].spec if variant in DETECTORS else DetectorSpec()
        keypoints = (shapes[REGRESSORS][-1] - 4) // 2
        spec = dataclasses.replace(default, input_size=size, num_keypoints=keypoints)
        if len(spec.proxies) > 1 and shapes[REGRESSORS][1] * len(spec.proxies) == spec.num_anchors:
            # Of the first version of this variant, whose only proxy was the face.
            spec = dataclasses.replace(spec, anchors_per_cell=(1,) * len(spec.strides), proxies=(FACE,))
        return Description(variant, spec)
    if variant not in TRACKERS or not ({LANDMARKS, HEATMAPS} & set(shapes)):
        raise ValueError(f"not a tracker or detector of blazepose_tf. Received: outputs={sorted(shapes)}")
    shape = shapes.get(LANDMARKS, ())
    if shape[-1:] == (MEDIAPIPE_POINTS * MEDIAPIPE_VALUES,):
        return Description(variant, TrackerSpec(size, mediapipe_head=True))
    count = shape[1] if shape else shapes[HEATMAPS][-1]
    return Description(variant, TrackerSpec(size, _names(count), depth=shape[-1:] == (4,)))


def _names(count: int) -> tuple[str, ...]:
    sets = [names for names in topology.KEYPOINT_SETS.values() if len(names) == count]
    return sets[0] if sets else tuple(f"keypoint_{i}" for i in range(count))
