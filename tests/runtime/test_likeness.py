"""How similar a pose probably is to its person."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from blazepose_tf import topology
from blazepose_tf.runtime import results
from blazepose_tf.runtime.likeness import expected_similarity, similarity
from blazepose_tf.runtime.poses import Pose, PoseResult

NAMES = topology.KEYPOINTS
K = len(NAMES)
BODY = ("left_shoulder", "right_hip", "left_knee", "right_ankle")


@pytest.mark.parametrize("radius_90", [4.0, 20.0, 80.0])
def test_it_is_the_mean_similarity_of_poses_that_are_as_far_off(radius_90):
    """Against what it is derived from: normal errors, nine tenths of which lie within the bars."""
    offset = np.random.default_rng(0).normal(0, 1, (4000, len(BODY), 2))
    nine_tenths = np.quantile(np.linalg.norm(offset, axis=-1), 0.9)
    offset *= radius_90 / nine_tenths
    seen = np.mean([similarity(o, np.zeros_like(o), 100.0, BODY) for o in offset])
    assert expected_similarity(np.full(len(BODY), radius_90), 100.0, BODY) == pytest.approx(seen, abs=0.01)


def test_points_without_support_count_nothing_and_cocos_points_are_those_that_count():
    error = np.zeros(K)
    assert expected_similarity(error, 100.0, NAMES) == 1
    error[[NAMES.index("left_eye_inner"), NAMES.index("left_pinky")]] = np.nan
    assert expected_similarity(error, 100.0, NAMES) == 1
    error[NAMES.index("left_knee")] = np.nan
    assert expected_similarity(error, 100.0, NAMES) == pytest.approx(16 / 17)
    assert expected_similarity(np.float32([np.nan, 0]), 100.0, ("racket_tip", "racket_grip")) == 0.5


def test_the_score_ranks_people_by_presence_and_by_how_well_they_are_read():
    region = np.float32([100, 100, 150, 0])
    sure = Pose(
        np.zeros((K, 2), np.float32), np.ones(K), None, 0.8, None, None, region, "detected", None, 1, NAMES, np.zeros(K)
    )
    vague = dataclasses.replace(sure, error=np.full(K, 12.0), id=2)
    unknown = dataclasses.replace(sure, error=None, pose_presence=0.7, id=3)
    assert sure.score == pytest.approx(0.8) and 0 < vague.score < 0.75 and unknown.score == 0.7
    assert sure.score > dataclasses.replace(sure, roi=region / 2, error=np.full(K, 12.0)).score < vague.score
    entries = results.coco_results(PoseResult((sure, vague), NAMES, (200, 200)), image_id=1, keypoints=NAMES)
    assert [e["score"] for e in entries] == [round(sure.score, 4), round(vague.score, 4)]
