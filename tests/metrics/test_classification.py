"""F1, AUC and calibration worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf.metrics import classification


def test_f1_by_hand():
    result = classification.f1([0.9, 0.5, 0.4, 0.1, 0.8], [True, True, True, False, False])
    assert (result.true_positives, result.false_positives, result.false_negatives, result.true_negatives) == (
        2,
        1,
        1,
        1,
    )
    assert result.value == pytest.approx(2 / 3)
    assert result.flipped.value == pytest.approx(
        0.5
    )  # of the negatives: 1 right, 1 called positive, 1 wrongly negative


def test_f1_adds_up():
    rng = np.random.default_rng(0)
    scores, labels = rng.uniform(size=50), rng.integers(0, 2, 50).astype(bool)
    both = classification.f1(scores[:20], labels[:20]) + classification.f1(scores[20:], labels[20:])
    assert both == classification.f1(scores, labels)


def test_auc_counts_pairs():
    scores, labels = [0.1, 0.4, 0.4, 0.8], [False, True, False, True]
    # Pairs (positive, negative): .4/.1 won, .4/.4 tie, .8/.1 won, .8/.4 won -> 3.5 of 4.
    assert classification.roc_auc(scores, labels) == pytest.approx(3.5 / 4)
    assert np.isnan(classification.roc_auc([0.2, 0.3], [True, True]))


def test_calibration_by_hand():
    result = classification.calibration([0.95, 0.95, 0.05, 0.05], [True, False, False, False], bins=10)
    # Bin 9: mean score .95 against .5 true; bin 0: .05 against 0; both hold half: (.45 + .05) / 2.
    assert result.error == pytest.approx(0.25)
    assert (result + result).error == pytest.approx(0.25)


def test_nan_scores_are_an_error():
    with pytest.raises(ValueError, match="nan"):
        classification.f1([np.nan], [True])
