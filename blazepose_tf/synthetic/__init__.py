"""Rendered people with exact annotations: training data, demo and test material that need no download.

A picture is a pure function of (seed, index). numpy and OpenCV only.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from blazepose_tf.synthetic.annotations import Sample
from blazepose_tf.synthetic.dataset import write_samples
from blazepose_tf.synthetic.exercise import render_exercise
from blazepose_tf.synthetic.mocap import read_capture
from blazepose_tf.synthetic.pose import Pose
from blazepose_tf.synthetic.render import render_scene
from blazepose_tf.synthetic.scene import Scene, sample_scene
from blazepose_tf.synthetic.video import render_crossing, render_video
from blazepose_tf.topology import indices

_HIPS = indices(("left_hip", "right_hip"))

__all__ = [
    "Sample",
    "iterate",
    "read_capture",
    "render_crossing",
    "render_exercise",
    "render_sample",
    "render_video",
    "write_dataset",
]


def render_sample(
    seed: int,
    index: int,
    *,
    size: tuple[int, int] = (256, 256),
    persons: int | None = None,
    supersample: int = 2,
    poses: Sequence[Pose] = (),
) -> Sample:
    """The random picture number `index` of the series `seed`.

    Args:
        seed: of the series, 0 or more.
        index: of the picture, 0 or more; pictures can be drawn in any order.
        size: (height, width) pixels, at least 32.
        persons: how many persons; 0 gives an empty scene, None mostly one and sometimes two or three.
        supersample: 2 gives smooth edges, 1 is faster.
        poses: to take theirs from, of a motion capture (`mocap.read_capture`), say; any kind of pose without them.

    Returns:
        The picture and its annotations; hips and shoulders of the first person are inside the picture.

    Raises:
        ValueError: a negative seed, index or number of persons, or a size below 32 pixels.
    """
    if seed < 0 or index < 0:
        raise ValueError(f"seed and index must not be negative. Received: seed={seed}, index={index}")
    scene = sample_scene(np.random.default_rng((seed, index)), size=size, persons=persons, poses=poses)
    sample = render_scene(scene, size=size, supersample=supersample)
    if scene.persons and not _shows_subject(sample, scene):
        # One scene in a few hundred: what stands in front hides nearly everything. Take it away.
        scene = replace(scene, persons=scene.persons[:1], boxes=(), balls=())
        sample = render_scene(scene, size=size, supersample=supersample)
    return sample


def _shows_subject(sample: Sample, scene: Scene) -> bool:
    """Whether the first person of the sample is the first of the scene and at least 6 of its keypoints are visible."""
    if not len(sample.keypoints):
        return False
    hips = scene.camera.project(scene.persons[0].keypoints[_HIPS]).mean(0)
    return bool(np.abs(sample.alignment[0, 0] - hips).max() < 0.01 and (sample.keypoints[0, :, 2] == 2).sum() >= 6)


def iterate(
    seed: int,
    count: int,
    *,
    start: int = 0,
    size: tuple[int, int] = (256, 256),
    persons: int | None = None,
    empty: float = 0.0,
    poses: Sequence[Pose] = (),
) -> Iterator[Sample]:
    """Yields the pictures `start` .. `start + count - 1` of the series `seed`.

    Args:
        seed: of the series, 0 or more.
        count: how many pictures.
        start: index of the first.
        size: (height, width) pixels.
        persons: as for `render_sample`.
        empty: share of the pictures that show nobody, spread evenly.
        poses: as for `render_sample`.

    Raises:
        ValueError: `empty` outside 0..1, or as for `render_sample`.
    """
    if not 0 <= empty <= 1:
        raise ValueError(f"empty is a share and must be within [0, 1]. Received: empty={empty}")
    for index in range(start, start + count):
        nobody = int((index + 1) * empty) > int(index * empty)
        yield render_sample(seed, index, size=size, persons=0 if nobody else persons, poses=poses)


def write_dataset(
    folder: str | os.PathLike,
    count: int,
    seed: int,
    *,
    split: str = "train",
    size: tuple[int, int] = (256, 256),
    persons: int | None = None,
    empty: float = 0.0,
    poses: Sequence[Pose] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Writes `count` pictures of the series `seed` as JPEG files with COCO annotations, see `dataset`.

    Args:
        folder: created where missing; files of the same names are replaced.
        count: how many pictures.
        seed: of the series.
        split: name of the json file without its ending.
        size: (height, width) pixels.
        persons: as for `render_sample`.
        empty: share of the pictures that show nobody; negatives for a detector.
        poses: as for `render_sample`.
        progress: called with (pictures written, count) after each picture.

    Returns:
        The path of the json file.

    Raises:
        OSError: the folder cannot be written.
        ValueError: as for `iterate`.
    """
    samples = iterate(seed, count, size=size, persons=persons, empty=empty, poses=poses)
    return write_samples(folder, samples, count=count, split=split, progress=progress)
