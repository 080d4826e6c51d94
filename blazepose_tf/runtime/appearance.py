"""What a person wears, in a few colours: tells people apart who cross each other (numpy).

It is held for as long as somebody is followed, and compared within one film only.
"""

from __future__ import annotations

import functools

import numpy as np

_POINTS = ("left_shoulder", "right_shoulder", "left_hip", "right_hip", "left_knee", "right_knee")


def _patterns() -> np.ndarray:
    """(3, 12, 6) weights of `_POINTS`: where chest, belly and thighs are sampled."""
    across = np.linspace(0.2, 0.8, 6)
    parts: list[list[tuple]] = []
    for downs in ((0.2, 0.4), (0.6, 0.8)):
        parts.append([((1 - v) * (1 - u), (1 - v) * u, v * (1 - u), v * u, 0, 0) for v in downs for u in across])
    along = np.linspace(0.2, 0.7, 6)
    parts.append([(0, 0, 1 - t, 0, t, 0) for t in along] + [(0, 0, 0, 1 - t, 0, t) for t in along])
    return np.array(parts)


_WHERE = _patterns()


@functools.lru_cache(maxsize=8)
def _indices(names: tuple[str, ...]) -> list[int] | None:
    return [names.index(name) for name in _POINTS] if set(_POINTS) <= set(names) else None


def colours(image: np.ndarray, points: np.ndarray, names: tuple[str, ...]) -> np.ndarray | None:
    """Mean colours of chest, belly and thighs.

    Args:
        image: (H, W, 3) uint8 RGB.
        points: (K, 2) pixels.
        names: the K keypoint names.

    Returns:
        (3, 3) in [0, 1]; nan for a part that lies mostly outside of the picture; None where the names lack shoulders,
        hips or knees.
    """
    indices = _indices(tuple(names))
    if indices is None:
        return None
    places = np.floor(_WHERE @ np.asarray(points, np.float64)[indices])
    height, width = image.shape[:2]
    inside = np.all((places >= 0) & (places < (width, height)), axis=-1)
    column, row = np.where(inside[..., None], places, 0).astype(np.intp).transpose(2, 0, 1)
    samples = image[row, column] * inside[..., None]
    count = inside.sum(axis=1)
    means = samples.sum(axis=1) / (255.0 * np.maximum(count, 1)[:, None])
    means[count < 6] = np.nan
    return means


def difference(a: np.ndarray | None, b: np.ndarray | None) -> float:
    """Mean distance of the colours of parts that both have, in [0, 1]; 0 where nothing can be compared."""
    if a is None or b is None:
        return 0.0
    apart = np.abs(a - b).mean(axis=-1)
    apart = apart[np.isfinite(apart)]
    return float(apart.mean()) if apart.size else 0.0
