"""Rendered people with exact annotations: training data, demo and test material that need no download.

A picture is a pure function of (seed, index). numpy and OpenCV only.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from blazepose_tf.data.synthetic.render import Sample, render_scene
from blazepose_tf.data.synthetic.scene import sample_scene

__all__ = ["Sample", "iterate", "render_sample"]


def render_sample(
    seed: int, index: int, *, size: tuple[int, int] = (256, 256), persons: int | None = None, supersample: int = 2
) -> Sample:
    """The random picture number `index` of the series `seed`.

    Args:
        seed: of the series, 0 or more.
        index: of the picture, 0 or more; pictures can be drawn in any order.
        size: (height, width) pixels, at least 32.
        persons: how many persons; 0 gives an empty scene, None mostly one and sometimes two or three.
        supersample: 2 gives smooth edges, 1 is faster.

    Returns:
        The picture and its annotations; hips and shoulders of the first person are inside the picture.

    Raises:
        ValueError: a negative seed, index or number of persons, or a size below 32 pixels.
    """
    if seed < 0 or index < 0:
        raise ValueError(f"seed and index must not be negative. Received: seed={seed}, index={index}")
    scene = sample_scene(np.random.default_rng((seed, index)), size=size, persons=persons)
    return render_scene(scene, size=size, supersample=supersample)


def iterate(
    seed: int, count: int, *, start: int = 0, size: tuple[int, int] = (256, 256), persons: int | None = None
) -> Iterator[Sample]:
    """Yields the pictures `start` .. `start + count - 1` of the series `seed`; arguments as for `render_sample`."""
    for index in range(start, start + count):
        yield render_sample(seed, index, size=size, persons=persons)
