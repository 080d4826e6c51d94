"""Anchors of the detectors: the centres of a grid's cells, level by level, row by row, anchor by anchor."""

from __future__ import annotations

import numpy as np

from blazepose_tf.specs import DetectorSpec


def grid_anchors(spec: DetectorSpec) -> np.ndarray:
    """Anchor centres in input pixels.

    Levels of the same stride share a grid position but not an anchor: all anchors of a cell stand together, which is
    the order in which a 1x1 head with `anchors_per_cell * num_values` channels is flattened.

    Args:
        spec: detector contract.

    Returns:
        (num_anchors, 2) float32 x, y in input pixels.

    Reference: MediaPipe SsdAnchorsCalculator with fixed anchor size.
    """
    levels = []
    for stride, count in zip(spec.strides, spec.anchors_per_cell, strict=True):
        grid = spec.input_size // stride
        centers = (np.arange(grid, dtype=np.float32) + 0.5) * stride
        cells = np.stack(np.meshgrid(centers, centers, indexing="xy"), axis=-1).reshape(-1, 2)
        levels.append(np.repeat(cells, count, axis=0))
    return np.concatenate(levels).astype(np.float32)
