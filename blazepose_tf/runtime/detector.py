"""The person detector at runtime: an image in, faces with their body alignment out.

The image is letterboxed through the same crop path as every other region: its roi is `roi.whole_image`.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass

import numpy as np

from blazepose_tf import specs
from blazepose_tf.codecs import anchors as anchors_lib
from blazepose_tf.codecs import detection as detection_codec
from blazepose_tf.geometry import affine, alignment, boxes, roi
from blazepose_tf.runtime import metadata as metadata_lib
from blazepose_tf.runtime.exposure import network_input
from blazepose_tf.runtime.interpreter import SharedModel, load_model
from blazepose_tf.runtime.warp import check_image

IOU_THRESHOLD = 0.3
# Nobody needs more people of one picture; the numbers of a damaged network may see one at every anchor.
MAX_DETECTIONS = 50
# A closer look takes squares of these shares of the long side, in turn while somebody is missing, and must be surer, in
# nats: it sees more places where nobody is, and bodies that are cut. Both were chosen on pictures (docs/design.md).
CLOSER_SHARES = (0.7, 0.5)
CLOSER_DOUBT = 0.2
# Detections are proposed to a tracker from so many nats below the threshold on: what is only half believed, the tracker
# may be sure of.
HALF_BELIEVED = 1.35
# Nats of a body circle that is e times as large, where one of several people is wanted: who is in front counts, not who
# is surest. Chosen on pictures of several people (docs/lab_notebook.md).
FRONT = 3.0
_OFFICIAL = {(s.input_size, s.num_anchors): s for s in (specs.DETECTOR_2020, specs.DETECTOR_2021)}


@dataclass(frozen=True, eq=False)
class Detection:
    """One person found in an image.

    Attributes:
        box: (4,) face box x0, y0, x1, y1 in image pixels.
        keypoints: (P, 2) points in image pixels; 0 is mid-hip, 1 the point on the body circle.
        score: in (0, 1).
    """

    box: np.ndarray
    keypoints: np.ndarray
    score: float

    @property
    def alignment(self) -> np.ndarray:
        """(2, 2) alignment points in image pixels."""
        return self.keypoints[:2]

    @property
    def prominence(self) -> float:
        """Nats by which people are looked at in turn: those of the score, and the size (`FRONT`)."""
        x, y = self.keypoints[1] - self.keypoints[0]
        return nats(self.score) + FRONT * math.log(max(math.hypot(x, y), 1e-6))


class Detector:
    """Finds people.

    Attributes:
        model: the opened file.
        spec: its contract.
    """

    def __init__(
        self,
        model: str | os.PathLike | bytes | SharedModel,
        *,
        threshold: float | None = None,
        iou_threshold: float = IOU_THRESHOLD,
        num_threads: int = 1,
        half_pixel: bool = True,
    ):
        """Opens a detector.

        Args:
            model: file or shipped name (`interpreter.load_model`), content or opened model; ours or one of MediaPipe's.
            threshold: scores below it are nobody; None is the spec's `score_threshold`.
            iou_threshold: overlap of faces above which two candidates of MediaPipe's detectors are the same person; of
                ours, body circle and incline say so (`geometry.alignment.SAME_PERSON`).
            num_threads: threads of one inference, when the file is opened here.
            half_pixel: False letterboxes as MediaPipe does (see `warp`).

        Raises:
            ValueError: the file is not a detector.
        """
        if isinstance(model, (str, os.PathLike, bytes)):
            model = load_model(model, num_threads=num_threads, role=specs.DETECTOR)
        self.model: SharedModel = model
        self.spec = detector_spec(self.model)
        if threshold is None:
            threshold = self.spec.score_threshold
        if not 0.0 < threshold < 1.0:
            raise ValueError(f"threshold must lie in (0, 1). Received: threshold={threshold}")
        self.threshold = threshold
        self.iou_threshold = iou_threshold
        self.half_pixel = half_pixel
        self._anchors = anchors_lib.grid_anchors(self.spec)
        self._logit_threshold = float(np.log(threshold / (1.0 - threshold)))

    def __call__(self, image: np.ndarray) -> list[Detection]:
        """Detections in a (H, W, 3) uint8 RGB image, best first."""
        crop, matrix = self.crop(image)
        return self.decode(self.infer(crop), matrix)

    def crop(self, image: np.ndarray, region: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The (S, S, 3) uint8 `network_input` and its (2, 3) matrix to image pixels.

        Args:
            image: (H, W, 3) uint8 RGB.
            region: (4,) roi to look at; None is the whole image, letterboxed.
        """
        check_image(image)
        if region is None:
            region = roi.whole_image(image.shape[1], image.shape[0])
        matrix = roi.crop_matrix(region, self.spec.input_size)
        crop = network_input(image, matrix, self.spec.input_size, border="zero", half_pixel=self.half_pixel)
        return crop, matrix

    def infer(self, crop: np.ndarray) -> dict[str, np.ndarray]:
        """The network's outputs (`specs.REGRESSORS`, `specs.LOGITS`) for an (S, S, 3) uint8 crop."""
        return self.model(crop, self.spec.value_range, (specs.REGRESSORS, specs.LOGITS))

    def decode(self, outputs: dict[str, np.ndarray], matrix: np.ndarray, doubt: float = 0.0) -> list[Detection]:
        """Detections in image pixels of one input's outputs, best first.

        Args:
            outputs: of `infer`.
            matrix: (2, 3), of `crop`.
            doubt: nats that are taken off their logits.
        """
        return self._people(outputs, matrix, doubt, self._logit_threshold, math.inf)

    def half_believed(self, outputs: dict[str, np.ndarray], matrix: np.ndarray, doubt: float = 0.0) -> list[Detection]:
        """As `decode`, those below the threshold by less than `HALF_BELIEVED`; also beside the others, of whom they say
        nothing."""
        return self._people(outputs, matrix, doubt, self._logit_threshold - HALF_BELIEVED, self._logit_threshold)

    def _people(self, outputs, matrix, doubt: float, least: float, below: float) -> list[Detection]:
        logits = outputs[specs.LOGITS].reshape(-1, 1) - np.float32(doubt)
        regressors = outputs[specs.REGRESSORS].reshape(-1, self.spec.num_values)
        # Nearly all anchors see nobody: only the others are decoded.
        alive = np.flatnonzero((logits[:, 0] >= least) & (logits[:, 0] < below))
        alive = alive[(np.abs(regressors[alive]) <= specs.FARTHEST).all(axis=-1)]
        if not alive.size:
            return []
        faces, points, scores = detection_codec.decode(
            regressors[alive], logits[alive], anchors=self._anchors[alive], num_keypoints=self.spec.num_keypoints
        )
        same = None
        if self.spec.num_keypoints == 2:  # MediaPipe's have four
            same = alignment.same_people(points[:, :2])
        faces, points, scores = boxes.weighted_nms(faces, points, scores, iou_threshold=self.iou_threshold, same=same)
        matrix = np.asarray(matrix, np.float32)
        faces = affine.apply(matrix, faces.reshape(-1, 2, 2)).reshape(-1, 4)
        points = affine.apply(matrix, points)
        best = slice(MAX_DETECTIONS)
        return [Detection(b, p, float(s)) for b, p, s in zip(faces[best], points[best], scores[best], strict=True)]


def nats(score: float) -> float:
    """The logit of a score."""
    score = min(max(score, 1e-6), 1.0 - 1e-6)
    return math.log(score / (1.0 - score))


def detector_spec(model: SharedModel) -> specs.DetectorSpec:
    """Contract of an opened detector: from its metadata, else by the shapes of MediaPipe's files.

    Raises:
        ValueError: the file is something else; the message says what it looks like.
    """
    shapes = model.output_shapes
    if specs.REGRESSORS not in shapes or specs.LOGITS not in shapes:
        kind = "a tracker" if specs.LANDMARKS in shapes else "an unknown model"
        raise ValueError(f"{model.name}: expected a detector. Received: {kind} with outputs {shapes}")
    if model.metadata is not None:
        spec = metadata_lib.spec_of(model.metadata, name=model.name)
        if not isinstance(spec, specs.DetectorSpec):
            raise ValueError(f"{model.name}: expected a detector. Received: kind={model.metadata['kind']!r}")
        expected = (spec.num_anchors, spec.num_values)
        if model.input_size != spec.input_size or tuple(shapes[specs.REGRESSORS][-2:]) != expected:
            raise ValueError(f"{model.name}: its outputs {shapes} contradict its spec {spec}")
        return spec
    key = (model.input_size, int(np.prod(shapes[specs.LOGITS])))
    if key not in _OFFICIAL:
        raise ValueError(
            f"{model.name}: a detector without {metadata_lib.METADATA_NAME} metadata that is none of MediaPipe's. "
            f"Received: input_size={key[0]}, anchors={key[1]}; known: {sorted(_OFFICIAL)}"
        )
    return _OFFICIAL[key]
