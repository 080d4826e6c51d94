"""MediaPipe Tasks bundles (.task) of a detector and a tracker, for MediaPipe's PoseLandmarker.

Its graph is fixed: a detector with 2254 anchors (224 px; strides 8, 16, 32; 2, 2, 6 per cell) of 12 numbers, and a
tracker (256 px) with five outputs in this order: landmarks (1, 195), presence as a probability, segmentation logits,
heatmap logits of 39 points, world landmarks (1, 117); regions of interest 1.25 times the body circle. Imported models
of 2021 have all of it. Our own are fitted to it by graph surgery; what they do not know is filled in neutrally:

- z is 0, a point's presence is its visibility, the hand points 35..38 are index finger and wrist;
- world landmarks are the crop's coordinates about the mid-hip, with the body circle's radius as one metre and z = 0;
- the heatmaps refine the landmarks inside the graph (`models.refinement`), and what MediaPipe gets instead of them is
  too weak to move a landmark again: its own refinement of the same maps gains half as much;
- the mask is empty;
- a detector's logits are shifted so that its detections begin at 0.5, where PoseLandmarker's do by default.
"""

from __future__ import annotations

import dataclasses
import math
import os
import zipfile

import keras
import numpy as np

from blazepose_tf import topology
from blazepose_tf.codecs.landmarks import MEDIAPIPE_POINTS
from blazepose_tf.export import litert
from blazepose_tf.export.task_metadata import with_task_metadata
from blazepose_tf.files import atomic_path
from blazepose_tf.layers.fusion import upsample
from blazepose_tf.models import Description, build_detector
from blazepose_tf.models.presets import DETECTORS
from blazepose_tf.models.refinement import with_refinement
from blazepose_tf.specs import (
    ALIGNMENT,
    DETECTOR_2021,
    HEATMAPS,
    IMAGE,
    LANDMARKS,
    LOGITS,
    POSE_PRESENCE,
    REGRESSORS,
    SEGMENTATION,
    WORLD_LANDMARKS,
    DetectorSpec,
    TrackerSpec,
)

TRACKER_MEMBER = "pose_landmarks_detector.tflite"
DETECTOR_MEMBER = "pose_detector.tflite"
TRACKER_OUTPUTS = (LANDMARKS, POSE_PRESENCE, SEGMENTATION, HEATMAPS, WORLD_LANDMARKS)
DETECTOR_OUTPUTS = (REGRESSORS, LOGITS)
ROI_SCALE = 1.25
# Logits that mean no.
_NEVER = -30.0
_ALIGNMENT_BYTES = 64
_PRECISIONS = (litert.FLOAT32, litert.FLOAT16)

Model = tuple[keras.Model, Description]


def write(
    path: str | os.PathLike, tracker: Model, detector: Model, *, precision: str = litert.FLOAT16
) -> tuple[str, ...]:
    """Writes a bundle.

    Args:
        path: the .task file.
        tracker: model and description.
        detector: model and description.
        precision: of both, float32 or float16: MediaPipe feeds its GPU-era graphs with floats.

    Returns:
        Names of the members.

    Raises:
        ValueError: models that PoseLandmarker's graph cannot take; the message says what it demands.
        OSError: the file cannot be written.
    """
    if precision not in _PRECISIONS:
        raise ValueError(f"a bundle's precision must be one of {_PRECISIONS}. Received: precision={precision!r}")
    fitted = {
        DETECTOR_MEMBER: (task_detector(*detector), DETECTOR_OUTPUTS),
        TRACKER_MEMBER: (task_tracker(*tracker), TRACKER_OUTPUTS),
    }
    members = {name: _member(*model, outputs, precision) for name, (model, outputs) in fitted.items()}
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            _write_aligned(archive, name, content)
    return tuple(members)


def task_tracker(model: keras.Model, description: Description) -> Model:
    """A tracker with the five outputs of the task, and its description."""
    spec = description.spec
    if not isinstance(spec, TrackerSpec):
        raise ValueError(f"PoseLandmarker needs a tracker. Received: {description.variant!r}, a {description.kind}")
    if spec.roi_scale != ROI_SCALE or spec.input_size != 256:
        raise ValueError(
            f"PoseLandmarker cuts regions of {ROI_SCALE} times the body circle at 256 px. Received: "
            f"roi_scale={spec.roi_scale}, input_size={spec.input_size}"
        )
    given = model.output
    if spec.mediapipe_head:
        landmarks, count = given[LANDMARKS], MEDIAPIPE_POINTS
        world = given.get(WORLD_LANDMARKS)
        if world is None:
            raise ValueError("PoseLandmarker needs world landmarks. Received: a model without them")
        heatmaps = given.get(HEATMAPS)
    else:
        if spec.keypoint_names != topology.KEYPOINTS:
            raise ValueError(f"PoseLandmarker needs the 33 keypoints. Received: {spec.num_keypoints} others")
        if HEATMAPS in given:
            given = with_refinement(model, spec).output
        landmarks, world = _landmarks(given[LANDMARKS], given[ALIGNMENT], given.get(WORLD_LANDMARKS))
        count, heatmaps = MEDIAPIPE_POINTS, None
    segmentation = given.get(SEGMENTATION)
    if segmentation is not None and segmentation.shape[1] != spec.input_size:  # ours and that of 2020: half the size
        segmentation = upsample(segmentation, name="segmentation_full_size")
    outputs = {
        LANDMARKS: landmarks,
        POSE_PRESENCE: keras.ops.sigmoid(given[POSE_PRESENCE]),
        SEGMENTATION: _filled(model, (256, 256, 1)) if segmentation is None else segmentation,
        HEATMAPS: _filled(model, (64, 64, count)) if heatmaps is None else heatmaps,
        WORLD_LANDMARKS: world,
    }
    return keras.Model(model.input, outputs, name=model.name), description


def _filled(model: keras.Model, shape: tuple[int, int, int]):
    """(B, *shape) of _NEVER."""
    # A slice that keeps its axes: the GPU delegate takes no other.
    first = model.input[:, :1, :1, :1]
    return keras.ops.zeros((1, *shape)) + first * 0.0 + _NEVER


def _landmarks(points, alignment, metres=None):
    """(B, 33, 3 or 4), (B, 2, 2) and metric points (B, 33, 3) -> the flat (B, 195) and world (B, 117) of MediaPipe.

    Without metric points the world is the picture's in radii of the body circle.
    """
    ops = keras.ops
    visible = points[..., -1:]
    z = points[..., 2:3] if points.shape[-1] == 4 else ops.zeros_like(visible)
    body = ops.concatenate([points[..., :2], z, visible, visible], axis=-1)
    circle = ops.concatenate([alignment, ops.zeros_like(alignment), ops.zeros_like(alignment[..., :1])], axis=-1)
    hands = [int(i) for i in topology.indices(("left_index", "left_wrist", "right_index", "right_wrist"))]

    def hands_of(values):  # apart, because XNNPACK concatenates five tensors at most
        return ops.concatenate([values[:, i : i + 1] for i in hands], axis=1)

    full = ops.concatenate([body, circle, hands_of(body)], axis=1)
    if metres is not None:
        middle = ops.zeros_like(metres[:, :1])
        world = ops.concatenate([metres, middle, middle, hands_of(metres)], axis=1)
        return ops.reshape(full, (-1, MEDIAPIPE_POINTS * 5)), ops.reshape(world, (-1, MEDIAPIPE_POINTS * 3))
    center = alignment[:, :1]
    radius = ops.sqrt(ops.sum(ops.square(alignment[:, 1:] - center), axis=-1, keepdims=True) + 1e-6)
    world = ops.concatenate([(full[..., :2] - center) / radius, full[..., 2:3] / radius], axis=-1)
    return ops.reshape(full, (-1, MEDIAPIPE_POINTS * 5)), ops.reshape(world, (-1, MEDIAPIPE_POINTS * 3))


def task_detector(model: keras.Model, description: Description) -> Model:
    """A detector with the anchors and the threshold of the task, and its description."""
    spec = description.spec
    if not isinstance(spec, DetectorSpec):
        raise ValueError(f"PoseLandmarker needs a detector. Received: {description.variant!r}, a {description.kind}")
    threshold, task_threshold = spec.score_threshold, DETECTOR_2021.score_threshold
    shift = _logit(task_threshold) - _logit(threshold)
    if dataclasses.replace(spec, score_threshold=task_threshold) == DETECTOR_2021:
        given = model.output
        outputs = {REGRESSORS: given[REGRESSORS], LOGITS: given[LOGITS] + shift} if shift else given
        return keras.Model(model.input, outputs, name=model.name), Description(description.variant, DETECTOR_2021)
    if spec.strides != (8,) or spec.anchors_per_cell not in ((1,), (2,)):
        raise ValueError(
            f"PoseLandmarker has the anchors of {DETECTOR_2021}; a detector with one or two anchors per cell at stride "
            f"8 can be fitted to them. Received: strides={spec.strides}, anchors_per_cell={spec.anchors_per_cell}"
        )
    size = DETECTOR_2021.input_size
    at_224 = dataclasses.replace(spec, input_size=size)
    scale = 1.0
    if spec.input_size != size:
        resized = build_detector(at_224, variant=description.variant)
        for target, source in zip(resized.weights, model.weights, strict=True):
            target.assign(source)
        # The same face in pixels gives the same raw values; the head's scale follows the input size where it has one.
        if DETECTORS[description.variant].regression_scale is not None:
            scale = spec.input_size / size
        model = resized
    image = keras.Input((size, size, 3), name=IMAGE)
    (low, high), (task_low, task_high) = spec.value_range, DETECTOR_2021.value_range
    gain = (high - low) / (task_high - task_low)
    given = model(keras.layers.Rescaling(gain, low - gain * task_low)(image))
    outputs = {
        REGRESSORS: _spread(_twelve(given[REGRESSORS] * scale, spec.num_keypoints), 0.0),
        LOGITS: _spread(given[LOGITS] + shift, _NEVER),
    }
    return keras.Model(image, outputs, name=model.name), Description(description.variant, DETECTOR_2021)


def _logit(probability: float) -> float:
    return math.log(probability / (1.0 - probability))


def _twelve(values, keypoints: int):
    """(B, A, 4 + 2P) -> (B, A, 12): box and four points, the first two again where there are no more."""
    if keypoints >= 4:
        return values[..., :12]
    return keras.ops.concatenate([values[..., :8], values[..., 4:8]], axis=-1)


def _spread(values, filling: float):
    """(B, 784 or 1568, n) of one or two anchors per cell -> (B, 2254, n): the task has two at stride 8.

    The second of a cell that has one, and the anchors of the coarser levels, never fire.
    """
    ops = keras.ops
    fine_count = DETECTOR_2021.anchors_per_cell[0] * (DETECTOR_2021.input_size // DETECTOR_2021.strides[0]) ** 2
    if values.shape[1] < fine_count:
        pair = ops.concatenate([values, values * 0.0 + filling], axis=-1)
        values = ops.reshape(pair, (-1, fine_count, values.shape[2]))
    rest = DETECTOR_2021.num_anchors - fine_count
    return ops.concatenate([values, values[:, :rest] * 0.0 + filling], axis=1)


def _member(model: keras.Model, description: Description, outputs: tuple[str, ...], precision: str) -> bytes:
    content = litert.to_litert(model, description.spec, name=description.variant, precision=precision, metadata=False)
    return with_task_metadata(
        content,
        name=f"{description.kind}_{description.variant}",
        value_range=description.spec.value_range,
        outputs=outputs,
    )


def _write_aligned(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Stores a member so that its content begins at a multiple of 64 bytes: MediaPipe maps bundles into memory."""
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    start = archive.fp.tell() + 30 + len(name)
    gap = -(start + 4) % _ALIGNMENT_BYTES
    info.extra = np.array([0xD935, gap], "<u2").tobytes() + b"\0" * gap  # the field that Android's zipalign writes
    archive.writestr(info, content)
