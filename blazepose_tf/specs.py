"""What a model promises: sizes, ranges, output names and meanings, in one place for graphs, codecs and runtime.

The output names are the keys of a model's output dict, of training targets, losses, weights and metrics, and of the
signature of an exported file: one word per tensor everywhere.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from blazepose_tf import __version__, documents, topology

__all__ = [
    "ALIGNMENT",
    "DETECTOR",
    "FACE",
    "HEATMAPS",
    "IMAGE",
    "INSIDE_FRAME",
    "LANDMARKS",
    "LOGITS",
    "NOT_OCCLUDED",
    "OFFSETS",
    "POSE_PRESENCE",
    "REGRESSORS",
    "SEGMENTATION",
    "TORSO",
    "TRACKER",
    "WORLD_LANDMARKS",
    "DetectorSpec",
    "TrackerSpec",
]

# Kinds of models.
TRACKER = "tracker"
DETECTOR = "detector"
IMAGE = "image"
# Tracker outputs.
LANDMARKS = "landmarks"
POSE_PRESENCE = "pose_presence"
ALIGNMENT = "alignment"
HEATMAPS = "heatmaps"
OFFSETS = "offsets"
WORLD_LANDMARKS = "world_landmarks"
SEGMENTATION = "segmentation"
# Detector outputs.
REGRESSORS = "regressors"
LOGITS = "logits"
# Beyond it nothing is a pixel of a picture, a metre of a person or a number that arithmetic should meet.
FARTHEST = 1e6

# What stands for a person in a detector's grid: rigid parts, where a whole body is none (paper, section 2.2). An anchor
# of either says where the face is and brings the alignment points along.
FACE = "face"
TORSO = "torso"

# What a visibility label of 1 says. The paper (section 2.6): not occluded and position accurate. The 2020 model
# card: inside the frame. A model states in its metadata which one it was trained for.
NOT_OCCLUDED = "not_occluded"
INSIDE_FRAME = "inside_frame"


def _positive(owner: str, **values: float) -> None:
    for name, value in values.items():
        if value <= 0:
            raise ValueError(f"{owner}.{name} must be positive. Received: {name}={value!r}")


@dataclass(frozen=True)
class TrackerSpec:
    """Contract of a pose tracker.

    Attributes:
        input_size: side of the square crop in pixels.
        keypoint_names: names of the K keypoints, in output order.
        depth: landmarks carry z (crop pixels, hip-centred) between y and the visibility logit.
        mediapipe_head: landmarks are MediaPipe's flat 39 x 5 vector (33 keypoints, 2 alignment points, 4 hand
            points; x, y, z, visibility logit, presence logit) instead of (K, 3 or 4) with a separate alignment.
        heatmap_stride: crop pixels per heatmap cell (64x64 cells for 256 px).
        roi_scale: side of the region of interest / diameter of the body circle (card: 25 % margin).
        value_range: pixel values the network sees for black and white.
        visibility: NOT_OCCLUDED or INSIDE_FRAME.
    """

    input_size: int = 256
    keypoint_names: tuple[str, ...] = topology.KEYPOINTS
    depth: bool = False
    mediapipe_head: bool = False
    heatmap_stride: int = 4
    roi_scale: float = 1.25
    value_range: tuple[float, float] = (0.0, 1.0)
    visibility: str = NOT_OCCLUDED

    def __post_init__(self):
        _positive(
            "TrackerSpec", input_size=self.input_size, roi_scale=self.roi_scale, heatmap_stride=self.heatmap_stride
        )
        if self.input_size % 128:
            raise ValueError(f"TrackerSpec.input_size must be a multiple of 128. Received: {self.input_size}")
        if len(set(self.keypoint_names)) != len(self.keypoint_names) or not self.keypoint_names:
            raise ValueError(f"keypoint_names must be unique and not empty. Received: {self.keypoint_names}")
        if self.visibility not in (NOT_OCCLUDED, INSIDE_FRAME):
            raise ValueError(f"visibility must be {NOT_OCCLUDED!r} or {INSIDE_FRAME!r}. Received: {self.visibility!r}")
        if self.mediapipe_head and self.keypoint_names != topology.KEYPOINTS:
            raise ValueError("mediapipe_head needs the 33 keypoints of the topology")

    @property
    def num_keypoints(self) -> int:
        return len(self.keypoint_names)

    @property
    def heatmap_size(self) -> int:
        return self.input_size // self.heatmap_stride

    @property
    def mask_size(self) -> int:
        """Side of the mask in cells; MediaPipe's of 2021 have one as large as the crop."""
        return self.input_size // 2


@dataclass(frozen=True)
class DetectorSpec:
    """Contract of a person detector: a dense grid of anchors, each with a score, a face box and alignment points.

    Attributes:
        input_size: side of the square, letterboxed input in pixels.
        strides: input pixels per cell of each output level, in anchor order.
        anchors_per_cell: anchors in a cell of each level.
        num_keypoints: points after the box; the first two are mid-hip and the point on the body circle.
        value_range: pixel values the network sees for black and white.
        proxies: what the anchors of a cell stand for, in their order; a single one is that of all of them.
        score_threshold: where detections begin, unless the caller says otherwise; MediaPipe's graphs take 0.5.
    """

    input_size: int = 192
    strides: tuple[int, ...] = (8,)
    anchors_per_cell: tuple[int, ...] = (1,)
    num_keypoints: int = 2
    value_range: tuple[float, float] = (0.0, 1.0)
    score_threshold: float = 0.5
    proxies: tuple[str, ...] = (FACE,)

    def __post_init__(self):
        _positive("DetectorSpec", input_size=self.input_size)
        if len(self.strides) != len(self.anchors_per_cell) or not self.strides:
            raise ValueError(
                "strides and anchors_per_cell must have one entry per level. "
                f"Received: {self.strides}, {self.anchors_per_cell}"
            )
        if min(*self.strides, *self.anchors_per_cell) < 1:
            raise ValueError(
                "strides and anchors_per_cell must be positive. "
                f"Received: strides={self.strides}, anchors_per_cell={self.anchors_per_cell}"
            )
        if any(self.input_size % s for s in self.strides):
            raise ValueError(
                f"input_size must be a multiple of every stride. Received: {self.input_size}, {self.strides}"
            )
        if self.num_keypoints < 2:
            raise ValueError(f"num_keypoints must be at least 2. Received: {self.num_keypoints}")
        if not set(self.proxies) <= {FACE, TORSO} or not self.proxies:
            raise ValueError(f"proxies must be of {FACE!r} and {TORSO!r}. Received: {self.proxies}")
        if len(self.proxies) > 1 and set(self.anchors_per_cell) != {len(self.proxies)}:
            raise ValueError(
                "a cell needs one anchor for each of several proxies. "
                f"Received: {self.proxies}, anchors_per_cell={self.anchors_per_cell}"
            )
        if not 0.0 < self.score_threshold < 1.0:
            raise ValueError(f"score_threshold must lie in (0, 1). Received: {self.score_threshold}")

    @property
    def num_anchors(self) -> int:
        return sum(n * (self.input_size // s) ** 2 for s, n in zip(self.strides, self.anchors_per_cell, strict=True))

    @property
    def num_values(self) -> int:
        """Regressed values per anchor: box (cx, cy, w, h) and the keypoints' x, y."""
        return 4 + 2 * self.num_keypoints


# MediaPipe's files (spec of their graphs): anchors by stride, four keypoints, input in [-1, 1].
DETECTOR_2020 = DetectorSpec(128, (8, 16), (2, 6), 4, (-1.0, 1.0))
DETECTOR_2021 = DetectorSpec(224, (8, 16, 32), (2, 2, 6), 4, (-1.0, 1.0))
_KINDS = {TRACKER: TrackerSpec, DETECTOR: DetectorSpec}
_SHAPES = {
    "int": documents.COUNT,
    "float": documents.NUMBER,
    "bool": documents.FLAG,
    "str": documents.TEXT,
    "tuple[str, ...]": documents.ListOf(documents.TEXT),
    "tuple[int, ...]": documents.ListOf(documents.COUNT),
    "tuple[float, float]": documents.ListOf(documents.NUMBER, 2),
}


def kind_of(spec: TrackerSpec | DetectorSpec) -> str:
    """TRACKER or DETECTOR."""
    return TRACKER if isinstance(spec, TrackerSpec) else DETECTOR


def to_document(spec: TrackerSpec | DetectorSpec) -> dict:
    """The spec as model files carry it: {"kind": TRACKER or DETECTOR, "spec": {its fields}}."""
    fields = {name: list(v) if isinstance(v, tuple) else v for name, v in dataclasses.asdict(spec).items()}
    return {"kind": kind_of(spec), "spec": fields}


def from_document(document: dict) -> TrackerSpec | DetectorSpec:
    """Inverse of `to_document`; absent fields have their defaults, and other entries of the document are left alone.

    Raises:
        ValueError: an unknown kind, a field of the wrong type or that this version does not know, or senseless values.
    """
    kind = document.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise ValueError(f"kind must be one of {sorted(_KINDS)}. Received: kind={documents.show(kind)}")
    types = {field.name: str(field.type) for field in dataclasses.fields(_KINDS[kind])}
    given = documents.check(document.get("spec"), documents.OBJECT, "spec")
    if unknown := sorted(set(given) - set(types)):
        raise ValueError(
            f"the {kind} spec has fields {unknown} that blazepose_tf {__version__} does not know "
            f"(file written by {documents.show(document.get('version'))})"
        )
    documents.check(given, {name: _SHAPES[types[name]] for name in given}, "spec")
    return _KINDS[kind](**{name: _plain(value, types[name]) for name, value in given.items()})


def _plain(value, kind: str):
    """Values of a JSON document as the fields hold them; 8.0 is 8 to other writers."""
    if isinstance(value, list):
        return tuple(int(v) if "int" in kind else v for v in value)
    return int(value) if kind == "int" else value
