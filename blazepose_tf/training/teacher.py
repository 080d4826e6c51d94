"""A finished tracker as a teacher: its heatmaps of the very crops that are shown, beside those of the labels.

A label's map has one peak, of the same height wherever it is. A teacher's says how sure one can be of a point that is
covered, and where else it might be, and says so anew of every view of a person. What is sure of itself it also says of
points that nobody has labelled.

Reference: Hinton et al. 2015 (arXiv 1503.02531); Beyer et al. 2022 (arXiv 2106.05237) for one view for both.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import numpy as np

from blazepose_tf.runtime.interpreter import load_model
from blazepose_tf.runtime.overlap import Ahead
from blazepose_tf.runtime.tracker import tracker_spec
from blazepose_tf.specs import HEATMAPS, IMAGE, TRACKER, TrackerSpec

# A label's Gaussian has a peak of 1; a point outside of the crop has none.
_LABELLED = 0.6
# Cells between the two peaks up to which teacher and label mean the same place.
_REACH = 3.5
# A teacher's peak from which it is believed about a point that has no label, and what its map then counts.
_SURE = 0.4
_UNLABELLED_WEIGHT = 0.5
_BATCHES_AHEAD = 2


class Teacher:
    """Heatmaps of a tracker file for the points of a model that trains."""

    def __init__(self, source: str | os.PathLike, names: Sequence[str], *, share: float, num_threads: int = 1):
        """Opens the file.

        Args:
            source: a tracker with heatmaps: .tflite, .onnx, .task, .keras, or the name of a shipped one.
            names: points of the model that trains; those that the teacher does not know are taught by labels alone.
            share: of the target where the teacher means the label's place; the rest is the label's.
            num_threads: of its inference; a Keras model has its backend's.

        Raises:
            OSError, ImportError: it cannot be opened.
            ValueError: no tracker, or one without heatmaps of these points.
        """
        self.model = load_model(source, num_threads=num_threads, role=TRACKER)
        self.spec, _ = tracker_spec(self.model)
        self.share = share
        if HEATMAPS not in self.model.output_shapes:
            raise ValueError(f"{self.model.name}: a teacher needs heatmaps. Received: {[*self.model.output_shapes]}")
        known = self.spec.keypoint_names
        self._rows = np.array([known.index(name) if name in known else -1 for name in names])
        if self._rows.max() < 0:
            raise ValueError(f"{self.model.name}: the teacher knows none of the points {', '.join(names)}")

    @property
    def input_size(self) -> int:
        """Side in pixels of the crops that it reads."""
        return self.spec.input_size

    def check(self, spec: TrackerSpec) -> None:
        """Whether its maps are those of a model.

        Raises:
            ValueError: crops or maps have another size, or pixels another range.
        """
        cells = self.model.output_shapes[HEATMAPS][1]
        own, wanted = (
            (self.input_size, cells, self.spec.value_range),
            (spec.input_size, spec.heatmap_size, spec.value_range),
        )
        if own != wanted:
            raise ValueError(
                f"{self.model.name}: a teacher of this training reads crops of {wanted[0]} px in {wanted[2]} and has "
                f"heatmaps of {wanted[1]} cells. Received: {own[0]} px, {own[2]}, {own[1]} cells"
            )

    def maps(self, images: np.ndarray) -> np.ndarray:
        """Heatmaps (B, H, H, K) in [0, 1] of crops (B, S, S, 3); 0 for points that it does not know."""
        values = np.asarray(images, np.float32)
        if self.model.engine == "keras":
            logits = self.model.infer(values, (HEATMAPS,))[HEATMAPS]
        else:  # files read one crop at a time
            logits = np.concatenate([self.model.infer(v[None], (HEATMAPS,))[HEATMAPS] for v in values])
        known = logits[..., self._rows]
        return np.where(self._rows >= 0, 1.0 / (1.0 + np.exp(-np.clip(known, -30.0, 30.0))), 0.0).astype(np.float32)

    def taught(self, batches: Iterator) -> Iterator:
        """The same batches with targets and weights of the heatmaps as `blended` makes them, a few of them ahead."""
        with Ahead(map(self._with_maps, batches), depth=_BATCHES_AHEAD) as ready:
            yield from ready

    def _with_maps(self, batch):
        inputs, targets, weights = batch
        maps, weight = blended(
            self.maps(np.asarray(inputs[IMAGE])),
            np.asarray(targets[HEATMAPS]),
            np.asarray(weights[HEATMAPS]),
            share=self.share,
        )
        return inputs, {**targets, HEATMAPS: maps}, {**weights, HEATMAPS: weight}


def blended(teacher: np.ndarray, label: np.ndarray, weights: np.ndarray, *, share: float):
    """Targets and weights of the heatmaps.

    A label that the teacher looks for elsewhere stays alone: a mean of both would be two peaks. So does what is empty.

    Args:
        teacher: (B, H, H, K) in [0, 1].
        label: (B, H, H, K) Gaussians of peak 1; zeros for points without a label and where nobody is.
        weights: (B, K); 0 for points of a person without a label.
        share: of the teacher's map where both mean the same place.

    Returns:
        (B, H, H, K) targets; (B, K) weights.
    """
    at, peak = _peaks(teacher)
    wanted, height = _peaks(label)
    labelled = (weights > 0) & (height > _LABELLED)
    agreed = labelled & (np.linalg.norm(at - wanted, axis=-1) <= _REACH)
    guessed = (weights == 0) & labelled.any(axis=1, keepdims=True) & (peak > _SURE)
    part = np.where(agreed, np.float32(share), np.where(guessed, np.float32(1), np.float32(0)))[:, None, None]
    person = np.max(weights, axis=1, keepdims=True)
    return label + part * (teacher - label), np.where(guessed, _UNLABELLED_WEIGHT * person, weights).astype(np.float32)


def _peaks(maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cells (B, K, 2) of the maxima, column and row, and their heights (B, K)."""
    size = maps.shape[1]
    flat = maps.reshape(len(maps), size * size, -1)
    cell = flat.argmax(axis=1)
    return np.stack([cell % size, cell // size], axis=-1).astype(np.float32), flat.max(axis=1)
