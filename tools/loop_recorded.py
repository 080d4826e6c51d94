"""Networks whose outputs are written down: what `tools/loop_golden.py` has the loop read."""

from __future__ import annotations

import numpy as np

from blazepose_tf import specs, topology
from blazepose_tf.codecs.anchors import grid_anchors
from blazepose_tf.geometry import roi
from blazepose_tf.runtime import metadata
from blazepose_tf.runtime.detector import CLOSER_SHARES
from blazepose_tf.runtime.interpreter import SharedModel

NAMES = ("nose", "left_shoulder", "right_shoulder", "left_wrist", "right_wrist")
K = len(NAMES)
# Two levels, several anchors in a cell: what a port must take from the spec.
DETECTOR = specs.DetectorSpec(64, (8, 16), (2, 1), score_threshold=0.4)
LEGS = ("left_ankle", "right_ankle", "left_knee", "right_knee", "left_heel", "right_heel")
TRACKER = specs.TrackerSpec(input_size=128, keypoint_names=(*NAMES[:3], "racket", *LEGS), heatmap_stride=8)
# Maps of 4 x 4 cells keep the film small; it has the depth that ports pass over.
FILM_TRACKER = specs.TrackerSpec(input_size=128, keypoint_names=NAMES, heatmap_stride=32, depth=True)


class Recorded(SharedModel):
    """A model file's surface with outputs that were written down."""

    def __init__(self, spec):
        super().__init__()
        self.name, self.input_size = "recorded", spec.input_size
        self.metadata = metadata.metadata_of(spec, model="recorded")
        if isinstance(spec, specs.DetectorSpec):
            shapes = {specs.REGRESSORS: (spec.num_anchors, spec.num_values), specs.LOGITS: (spec.num_anchors, 1)}
        else:
            shapes = {specs.LANDMARKS: (spec.num_keypoints, 3 + spec.depth), specs.POSE_PRESENCE: (1,)}
            shapes |= {specs.ALIGNMENT: (2, 2), specs.HEATMAPS: (*[spec.heatmap_size] * 2, spec.num_keypoints)}
        self.output_shapes = {name: (1, *shape) for name, shape in shapes.items()}
        self.kind = self.metadata["kind"]
        self.script: list[dict] = []

    def __call__(self, crop, value_range=(0.0, 1.0), outputs=None) -> dict[str, np.ndarray]:
        call = self.script.pop(0)
        assert call["kind"] == self.kind, f"the loop asks the {self.kind}, the film has the {call['kind']} next"
        return self.tensors(call)

    def tensors(self, call: dict) -> dict[str, np.ndarray]:
        """Arrays of a call's document: a tracker's in full, a detector's without the anchors that see nobody."""
        if self.kind == specs.TRACKER:
            shapes = {name: shape for name, shape in self.output_shapes.items() if name in call}
            return {name: np.float32(call[name]).reshape(shape) for name, shape in shapes.items()}
        logits = np.full(self.output_shapes[specs.LOGITS], -12.0, np.float32)
        regressors = np.zeros(self.output_shapes[specs.REGRESSORS], np.float32)
        for anchor, logit, *values in call["anchors"]:
            logits[0, anchor], regressors[0, anchor] = logit, values
        return {specs.LOGITS: logits, specs.REGRESSORS: regressors}


def plain(values, digits: int = 5):
    return np.round(np.asarray(values, np.float64), digits).tolist()


def detector_rows(anchors, rng, faces) -> list:
    """Rows anchor, logit, values: what the anchors nearest to each face see of it, with some disagreement."""
    rows = []
    for x, y, side, strength in faces:
        near = np.argsort(np.abs(anchors - (x, y)).sum(axis=1), kind="stable")[:4]
        for anchor in sorted(near.tolist()):
            center = np.float64([x, y]) - anchors[anchor]
            hip, top = center + np.float64([0, 2.5 * side]), center - np.float64([0, side])
            values = np.concatenate([center, (side, 1.2 * side), hip, top]) + rng.normal(0, 0.3, 8)
            rows.append([anchor, round(strength + rng.normal(0, 0.5), 3), *plain(values, 3)])
    return sorted(rows)


def maps(spec, rng, peaks) -> np.ndarray:
    """(S, S, K) logits: one or two hills per point on a low, uneven ground."""
    cells = spec.heatmap_size
    y, x = np.mgrid[:cells, :cells] + 0.5
    maps = rng.normal(-6.0, 0.5, (cells, cells, spec.num_keypoints))
    for k, hills in enumerate(peaks):
        for hill_x, hill_y, height in hills:
            maps[..., k] += height * np.exp(-((x - hill_x) ** 2 + (y - hill_y) ** 2) / 4.5)
    return np.round(maps, 2)


def _tracker_call(rng, presence: float, *, shift=(0.0, 0.0), jump: float = 0.0, mirror: bool = False) -> dict:
    """A tracker's outputs for a body that stands `shift` beside its crop's middle, in crop pixels."""
    body = np.float64([[64, 20], [84, 40], [44, 40], [100, 70], [70, 112]])
    if mirror:
        body = body[topology.mirror_permutation(NAMES)] * [-1.0, 1.0] + [FILM_TRACKER.input_size, 0.0]
    body = body + shift + rng.normal(0, 1.0, (K, 2))
    body[3] += jump
    hills = [[(*(p / FILM_TRACKER.heatmap_stride), 8)] for p in body]
    center = np.float64([64, 66]) + shift
    return {
        "kind": specs.TRACKER,
        specs.LANDMARKS: plain(np.concatenate([body, rng.normal([0.0, 1.5], [9.0, 1.0], (K, 2))], axis=1), 2),
        specs.POSE_PRESENCE: presence,
        specs.ALIGNMENT: plain([center, center - (rng.normal(0, 2.0), 52.0)], 2),
        specs.HEATMAPS: maps(FILM_TRACKER, rng, hills).reshape(-1).tolist(),
    }


# Faces in pixels of a whole picture of 320x240: middle x, y, side, logit. At a glance the third is not to be seen.
ONE, TWO, SMALL = (150.0, 60.0, 40.0, 3.0), (60.0, 160.0, 30.0, 2.0), (240.0, 100.0, 20.0, 2.0)
NEAR = (230.0, 120.0, 80.0, 1.5)
FAINT, HALF = (150.0, 60.0, 40.0, -0.6), (150.0, 60.0, 40.0, -1.7)  # at the threshold, and below it


class Script:
    """Networks' outputs as random numbers and the wishes of a film make them."""

    def __init__(self, seed: int, size: tuple[int, int] = (320, 240)):
        self.rng, self.anchors = np.random.default_rng(seed), grid_anchors(DETECTOR)
        self.regions = [roi.whole_image(*size), *(part for share in CLOSER_SHARES for part in roi.parts(*size, share))]

    def detector(self, *faces, part: int | None = None) -> dict:
        """The detector's outputs for faces in the picture's pixels: of the whole, or of a part of the closer look."""
        x, y, side, _ = self.regions[0 if part is None else part + 1]
        scale, left, top = DETECTOR.input_size / side, x - side / 2, y - side / 2
        seen = [((fx - left) * scale, (fy - top) * scale, size * scale, sure) for fx, fy, size, sure in faces]
        return {"kind": specs.DETECTOR, "anchors": detector_rows(self.anchors, self.rng, seen)}

    def seen(self, **how) -> dict:
        """The tracker's, sure of a person."""
        return _tracker_call(self.rng, 3.0, **how)

    def sure(self, **how) -> dict:
        """The tracker's, very sure of a person."""
        return _tracker_call(self.rng, 9.0, **how)

    def unseen(self) -> dict:
        """The tracker's, sure of nobody."""
        return _tracker_call(self.rng, -2.0)

    def doubtful(self) -> dict:
        """The tracker's, surer of a person than of nobody, and not as sure as in the person's own region."""
        return _tracker_call(self.rng, 0.2)
