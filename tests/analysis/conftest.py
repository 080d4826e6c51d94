"""Exercises without pictures: the points of rendered people, trembling as a tracker's do."""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf import topology
from blazepose_tf.analysis.angles import joint_angles
from blazepose_tf.synthetic.exercise import exercise_scenes


@pytest.fixture(scope="session")
def performed():
    """(angles, times) of a performed exercise; noise in pixels of a body 200 px tall."""

    def perform(seed, exercise, *, noise=1.0, rate=15.0, **options):
        scenes = exercise_scenes(seed, exercise, rate=rate, **options)
        points = np.stack([s.camera.project(s.persons[0].keypoints) for s in scenes])
        points += np.random.default_rng(seed).normal(0, noise, points.shape)
        return joint_angles(points, topology.KEYPOINTS), np.arange(len(points)) / rate

    return perform
