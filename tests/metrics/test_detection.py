"""Matching, average precision and the firing threshold by hand."""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf.metrics import detection


def test_each_person_is_found_once():
    # Two detections on person 0; the better score takes it, the other is wrong. Person 1 is missed.
    result = detection.match([[0.9, 0], [0.95, 0]], [0.8, 0.6])
    assert result.correct.tolist() == [True, False] and result.people == 2


def test_detections_on_unlabelled_people_are_dropped():
    result = detection.match(np.zeros((2, 1)), [0.8, 0.6], ignored=[True, False])
    assert result.scores.tolist() == [0.6] and result.correct.tolist() == [False]


def test_average_precision_by_hand():
    # Ranked: right, wrong, right; 2 people. Recall steps .5 (precision 1) and 1 (precision 2/3).
    matches = detection.Matches(np.array([0.9, 0.8, 0.7]), np.array([True, False, True]), 2)
    assert detection.average_precision(matches) == pytest.approx(0.5 + 0.5 * 2 / 3)
    assert detection.recall_at(matches, 0.75) == 0.5
    assert detection.precision_at(matches, 0.75) == 0.5


def test_pictures_merge():
    one = detection.match([[1.0]], [0.9])
    none = detection.match(np.zeros((0, 1)), np.zeros(0))
    both = detection.merge([one, none])
    assert both.people == 2 and detection.average_precision(both) == 0.5
    assert np.isnan(detection.average_precision(detection.merge([])))


def test_firing_threshold_lets_just_the_allowed_share_fire():
    best = np.arange(100) / 100.0  # .99 is the best score of one picture without people
    threshold = detection.firing_threshold(best, rate=0.05)
    assert (best >= threshold).sum() == 5
    assert threshold == pytest.approx(0.945)  # midway between the sixth and the fifth best
    tied = np.array([0.5] * 10 + [0.1] * 10)
    assert (tied >= detection.firing_threshold(tied, rate=0.05)).sum() == 0  # all ten would fire, which is too many
    with pytest.raises(ValueError, match="without people"):
        detection.firing_threshold([])
