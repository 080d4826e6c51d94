"""The pose tracker at runtime: an image and a region of interest in, landmarks in image pixels out."""

from __future__ import annotations

import dataclasses
import math
import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from blazepose_tf import specs, topology
from blazepose_tf.codecs import landmarks as landmark_codec
from blazepose_tf.codecs import refinement
from blazepose_tf.codecs.error_bars import ERROR, ErrorBars
from blazepose_tf.geometry import affine, roi
from blazepose_tf.runtime import metadata as metadata_lib
from blazepose_tf.runtime.exposure import network_input
from blazepose_tf.runtime.interpreter import SharedModel, load_model
from blazepose_tf.runtime.mask import Mask

# The 2020 graphs cut with another margin than the later ones.
OFFICIAL_2020 = specs.TrackerSpec(depth=True, mediapipe_head=True, roi_scale=1.5, visibility=specs.INSIDE_FRAME)
OFFICIAL_2021 = specs.TrackerSpec(depth=True, mediapipe_head=True, visibility=specs.INSIDE_FRAME)


# Fields of `Track` that have a row for each point.
PER_POINT = ("points", "z", "visibility", "presence", "world", "spread", "error")


@dataclass(frozen=True, eq=False)
class Track:
    """What the tracker sees in one region of interest.

    Attributes:
        points: (K, 2) landmarks in image pixels.
        z: (K,) depth in image pixels relative to the hips, smaller is nearer; None without depth.
        visibility: (K,) in [0, 1]; the spec says what it means.
        presence: (K,) in [0, 1] probability that the landmark lies inside the crop; None where the model lacks it.
        pose_presence: in [0, 1], whether a person aligned with the region is there at all.
        alignment: (2, 2) refined alignment points in image pixels; None where the model lacks them.
        world: (K, 3) metres, hip-centred, axes of the image; None where the model lacks them.
        mask: of the person; None where it was not asked for.
        spread: (K,) of `codecs.refinement.Refined`; None where nothing was refined.
        error: (K,) image pixels within which 90 % of the labelled places lie, nan for points that the heatmaps do not
            support; None where the file has no error bars (`codecs.error_bars`).
    """

    points: np.ndarray
    z: np.ndarray | None
    visibility: np.ndarray
    presence: np.ndarray | None
    pose_presence: float
    alignment: np.ndarray | None
    world: np.ndarray | None
    mask: Mask | None = None
    spread: np.ndarray | None = None
    error: np.ndarray | None = None

    @property
    def sensible(self) -> bool:
        """Whether every number is one that a picture can give: a damaged or overflowing network's may not be."""
        parts = (self.points, self.z, self.visibility, self.presence, self.alignment, self.world)
        far = specs.FARTHEST
        return self.pose_presence <= far and all((np.abs(p) <= far).all() for p in parts if p is not None)


class Tracker:
    """Reads one person's pose out of a region of interest.

    Attributes:
        model: the opened file.
        spec: its contract.
    """

    def __init__(
        self,
        model: str | os.PathLike | bytes | SharedModel,
        *,
        num_threads: int = 1,
        half_pixel: bool = True,
        refine: bool | None = None,
        mask: bool = False,
    ):
        """Opens a tracker.

        Args:
            model: file or shipped name (`interpreter.load_model`), content or opened model; ours or one of MediaPipe's.
            num_threads: threads of one inference, when the file is opened here.
            half_pixel: False crops as MediaPipe does (see `warp`).
            refine: move landmarks to the peaks of the heatmap output, for MediaPipe's files in its own way. None does
                so where there is such an output.
            mask: read the mask of the person, too.

        Raises:
            ValueError: the file is not a tracker, or refinement is wanted from one without heatmaps, or a mask from
                one without.
        """
        if isinstance(model, (str, os.PathLike, bytes)):
            model = load_model(model, num_threads=num_threads, role=specs.TRACKER)
        self.model: SharedModel = model
        self.spec, self._presence_is_logit = tracker_spec(self.model)
        shapes = self.model.output_shapes
        self._count = landmark_codec.MEDIAPIPE_POINTS if self.spec.mediapipe_head else self.spec.num_keypoints
        has_heatmaps = specs.HEATMAPS in shapes and shapes[specs.HEATMAPS][-1] == self._count
        if refine and not has_heatmaps:
            raise ValueError(
                f"{self.model.name}: has no heatmaps of {self._count} points to refine with. Received: refine=True"
            )
        if mask and specs.SEGMENTATION not in shapes:
            raise ValueError(
                f"{self.model.name}: gives no mask (output {specs.SEGMENTATION!r}); lite_3d does. Received: mask=True"
            )
        self.refine = has_heatmaps if refine is None else refine
        self._sigmas = refinement.prior_sigmas(self.spec.keypoint_names)
        document = (self.model.metadata or {}).get(ERROR) if self.refine else None
        self._error_bars = None if document is None else ErrorBars.of_file(document, self.spec, self.model.name)
        self._own_region = metadata_lib.own_region(self.model.metadata, name=self.model.name)
        self._leg_pairs = refinement.leg_pairs(self.spec.keypoint_names)
        self._sides = topology.sides(self.spec.keypoint_names)
        self.half_pixel = half_pixel
        wanted = [specs.LANDMARKS, specs.POSE_PRESENCE, specs.ALIGNMENT, specs.WORLD_LANDMARKS]
        wanted += [specs.HEATMAPS] if self.refine else []
        wanted += [specs.SEGMENTATION] if mask else []
        self._outputs = tuple(name for name in wanted if name in shapes)

    @property
    def angle_factors(self) -> dict[str, float]:
        """What the file says about bars of angles (`codecs.error_bars.fit_angles`); empty where it says nothing."""
        return {} if self._error_bars is None else self._error_bars.angles

    @property
    def symmetric(self) -> bool:
        """Whether each point of a side has one of the other, so that a mirrored crop can be read."""
        return self._sides is not None

    def confirmed(self, threshold: float) -> float:
        """The presence that a person's own region has to have where one that is off needs `threshold`."""
        return raised(threshold, self._own_region)

    def __call__(self, image: np.ndarray, region: np.ndarray) -> Track:
        """Landmarks of the person in `region`.

        Args:
            image: (H, W, 3) uint8 RGB.
            region: (4,) roi: center x, y, size, rotation in image pixels and radians.
        """
        return self.read(*self.crop(image, region))

    def crop(self, image: np.ndarray, region: np.ndarray, *, mirror: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """The (S, S, 3) uint8 `network_input`, mirrored if wanted, and its (2, 3) matrix to image pixels."""
        region = np.asarray(region, np.float32)
        if region.shape != (4,) or not np.isfinite(region).all() or region[2] <= 0:
            raise ValueError(f"roi must be finite (center x, center y, size > 0, rotation). Received: roi={region}")
        matrix = roi.crop_matrix(region, self.spec.input_size, float(mirror))
        return network_input(image, matrix, self.spec.input_size, half_pixel=self.half_pixel), matrix

    def read(self, crop: np.ndarray, matrix: np.ndarray, previous: np.ndarray | None = None) -> Track:
        """`infer` and `decode` in one, without a copy of the outputs in between."""
        reader = lambda outputs: self.decode(outputs, matrix, previous)  # noqa: E731
        return self.model.read(crop, self.spec.value_range, self._outputs, reader)

    def infer(self, crop: np.ndarray) -> dict[str, np.ndarray]:
        """The network's outputs that decoding needs, for an (S, S, 3) uint8 crop."""
        return self.model(crop, self.spec.value_range, self._outputs)

    def decode(self, outputs: dict[str, np.ndarray], matrix: np.ndarray, previous: np.ndarray | None = None) -> Track:
        """Landmarks in image pixels of one crop's outputs.

        Args:
            outputs: of `infer`.
            matrix: (2, 3), of `crop`. Of a mirrored one the left points come back at the left side's places.
            previous: (K, 2) image pixels, the points of the frame before, for their refinement; not of a mirrored one.

        Raises:
            ValueError: a mirrored crop, of points that are not `symmetric`.
        """
        matrix = np.asarray(matrix, np.float32)
        raw = outputs[specs.LANDMARKS].reshape(self._count, -1).copy()
        spread = None
        if self.refine:
            raw[:, :2], spread = self._refined(raw[:, :2], outputs[specs.HEATMAPS][0], matrix, previous)
        if self.spec.mediapipe_head:
            decoded = landmark_codec.decode_mediapipe(raw)
        else:
            refined = outputs.get(specs.ALIGNMENT)
            decoded = landmark_codec.decode(raw, None if refined is None else refined.reshape(2, 2))
        presence = float(outputs[specs.POSE_PRESENCE].reshape(-1)[0])
        if self._presence_is_logit:
            presence = 1.0 / (1.0 + math.exp(-min(max(presence, -88.0), 88.0)))
        # Both kinds of points in one go: on so few of them the calls cost more than the arithmetic.
        count = len(decoded.points)
        alignment = decoded.alignment
        points = decoded.points if alignment is None else np.concatenate([decoded.points, alignment])
        points = affine.apply(matrix, points)
        scale = affine.scale_of(matrix)
        track = Track(
            points=points[:count],
            z=None if decoded.z is None else decoded.z * scale,
            visibility=decoded.visibility,
            presence=decoded.presence,
            pose_presence=presence,
            alignment=None if alignment is None else points[count:],
            world=self._world(outputs, matrix[:, :2] / scale),
            mask=self._mask(outputs, matrix),
            spread=spread,
            error=None if self._error_bars is None or spread is None else self._error_bars(spread) * scale,
        )
        return self._turned_back(track) if affine.mirrors(matrix) else track

    def _turned_back(self, track: Track) -> Track:
        """The track of a mirrored crop, whose points are those of the other side."""
        if self._sides is None:
            raise ValueError(f"{self.model.name}: a mirrored crop, of points that lack their other side")
        seen = {name: getattr(track, name) for name in PER_POINT}
        parts: dict[str, Any] = {name: None if part is None else part[self._sides] for name, part in seen.items()}
        return dataclasses.replace(track, **parts)

    def _refined(self, points, heatmaps, matrix: np.ndarray, previous: np.ndarray | None):
        """Points and their spread, which MediaPipe's way does not tell."""
        stride = float(self.spec.heatmap_stride)
        if self.spec.mediapipe_head:
            return refinement.refine_mediapipe(points, heatmaps, stride=stride), None
        if previous is None:
            return refinement.refine(points, heatmaps, stride=stride, sigmas=self._sigmas, pairs=self._leg_pairs)
        # The matrix turns and scales, so that its transpose turns back.
        turn, scale = matrix[:, :2], affine.scale_of(matrix)
        previous = (np.asarray(previous, np.float32) - matrix[:, 2]) @ turn / np.float32(scale * scale)
        return refinement.refine_smoothly(points, heatmaps, stride=stride, sigmas=self._sigmas, previous=previous)

    def _mask(self, outputs: dict[str, np.ndarray], matrix: np.ndarray) -> Mask | None:
        if specs.SEGMENTATION not in self._outputs:
            return None
        return Mask.of_logits(outputs[specs.SEGMENTATION], matrix, self.spec.input_size)

    def _world(self, outputs: dict[str, np.ndarray], rotation: np.ndarray) -> np.ndarray | None:
        if specs.WORLD_LANDMARKS not in outputs:
            return None
        world = outputs[specs.WORLD_LANDMARKS].reshape(-1, 3)[: self.spec.num_keypoints].copy()
        # The network sees the body upright in its crop: x and y turn back by the roi's rotation.
        world[:, :2] = world[:, :2] @ rotation.T
        return world


def raised(threshold: float, nats: float) -> float:
    """The probability whose logit is so many nats above that of `threshold`, in (0, 1)."""
    return 1.0 / (1.0 + (1.0 - threshold) / threshold * math.exp(-nats))


def tracker_spec(model: SharedModel) -> tuple[specs.TrackerSpec, bool]:
    """Contract of an opened tracker and whether its presence is a logit: from metadata, else by MediaPipe's shapes.

    Raises:
        ValueError: the file is something else; the message says what it looks like.
    """
    shapes = model.output_shapes
    if specs.LANDMARKS not in shapes or specs.POSE_PRESENCE not in shapes:
        kind = "a detector" if specs.REGRESSORS in shapes else "an unknown model"
        raise ValueError(f"{model.name}: expected a tracker. Received: {kind} with outputs {shapes}")
    if model.metadata is not None:
        spec = metadata_lib.spec_of(model.metadata, name=model.name)
        if not isinstance(spec, specs.TrackerSpec):
            raise ValueError(f"{model.name}: expected a tracker. Received: kind={model.metadata['kind']!r}")
        count = landmark_codec.MEDIAPIPE_POINTS * 5 if spec.mediapipe_head else spec.num_keypoints * (3 + spec.depth)
        if model.input_size != spec.input_size or int(np.prod(shapes[specs.LANDMARKS])) != count:
            raise ValueError(f"{model.name}: its outputs {shapes} contradict its spec {spec}")
        return spec, bool(model.metadata.get("presence_is_logit", True))
    if shapes[specs.LANDMARKS] == (1, 195) and model.input_size == OFFICIAL_2021.input_size:
        # MediaPipe's files end in a sigmoid. Only the first generation lacks world landmarks.
        return (OFFICIAL_2021 if specs.WORLD_LANDMARKS in shapes else OFFICIAL_2020), False
    if tuple(shapes[specs.LANDMARKS][-2:]) == (len(topology.KEYPOINTS), 3) and specs.ALIGNMENT in shapes:
        return specs.TrackerSpec(input_size=model.input_size), True
    raise ValueError(
        f"{model.name}: a tracker without {metadata_lib.METADATA_NAME} metadata that is none of MediaPipe's. "
        f"Received: outputs {shapes}"
    )
