"""COCO's AP against cases worked out by hand and against the definition."""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf import topology
from blazepose_tf.evaluation import annotations, coco_ap
from blazepose_tf.evaluation.predictions import Paired, Prediction
from blazepose_tf.metrics import oks

pytest.importorskip("pycocotools")
SEVENTEEN = topology.indices(topology.COCO_17)
# Recall thresholds 0, 0.01, ..., 1 up to a quarter, a half, three quarters.
QUARTER, HALF, THREE_QUARTERS = 26 / 101, 51 / 101, 76 / 101


@pytest.fixture
def people(write_dataset, annotation, standing):
    return annotations.load(write_dataset([annotation(n, standing(90, 110)) for n in range(1, 5)])).people


def prediction(person, score, *, missing=0, shift=0.0, value=np.nan):
    """The truth, moved by `shift` pixels, without the first `missing` of the 17 points."""
    points = person.points + shift
    points[SEVENTEEN[:missing]] = value
    return Prediction(person.image_id, person.id, points, np.ones(33), score)


@pytest.mark.parametrize("half", [np.nan, (np.nan, 50.0), (50.0, np.nan), np.inf])
def test_a_pose_with_missing_points_counts_as_what_is_left_of_it(people, half):
    # 9 of 17 points right: similarity 0.529, a hit at 0.5 and a false alarm, more certain than all hits, from 0.55 on.
    found = [prediction(people[0], 0.9), prediction(people[1], 0.8), None, None]
    found[2] = prediction(people[2], 0.95, missing=8, value=half)
    ap = coco_ap.average_precision(Paired(people, found))
    assert ap["AP50_17"] == pytest.approx(THREE_QUARTERS)
    assert ap["AP75_17"] == pytest.approx(HALF * 2 / 3)
    assert ap["AP_17"] == pytest.approx((THREE_QUARTERS + 9 * HALF * 2 / 3) / 10)
    # The 33 lack 8, too: 25 of 33 are 0.758, a hit up to 0.75.
    assert ap["AP75_33"] == pytest.approx(THREE_QUARTERS)
    assert ap["AP_33"] == pytest.approx((6 * THREE_QUARTERS + 4 * HALF * 2 / 3) / 10)


def test_a_pose_without_any_point_is_a_false_alarm(people):
    found = [prediction(people[0], 0.9, missing=17), prediction(people[1], 0.5), None, None]
    ap = coco_ap.average_precision(Paired(people, found))
    assert ap["AP_17"] == pytest.approx(QUARTER / 2)  # the only hit is the second of two


def test_nobody_found_is_nothing_right(people):
    ap = coco_ap.average_precision(Paired(people, [None] * 4))
    assert ap["AP_17"] == ap["AP_33"] == 0.0


def test_people_without_a_point_of_the_set_are_neither_hits_nor_misses(write_dataset, annotation, standing):
    """The second has labels of hands only: the 17 lack them."""
    entries = [annotation(n, standing(90, 110)) for n in (1, 2)]
    hands = topology.indices(topology.GROUPS["hands"])
    flat = np.reshape(entries[1]["keypoints"], (33, 3))
    flat[np.setdiff1d(np.arange(33), hands), 2] = 0
    entries[1]["keypoints"] = flat.ravel().tolist()
    people = annotations.load(write_dataset(entries)).people
    far = prediction(people[1], 0.9, shift=300.0)
    ap = coco_ap.average_precision(Paired(people, [prediction(people[0], 0.4), far]))
    assert ap["AP_17"] == pytest.approx(1.0)
    assert ap["AP_33"] == pytest.approx(HALF / 2)


def by_definition(paired: Paired, threshold: float) -> float:
    """AP at one threshold with our own similarity: precision at 101 recalls, made monotone."""
    rows = [(p.score, q, p) for q, p in zip(paired.people, paired.predictions, strict=True) if p is not None]
    rows.sort(key=lambda row: -row[0])
    hits = []
    for _, person, found in rows:
        labelled = person.state[None, SEVENTEEN]
        truth, points = person.points[None, SEVENTEEN], found.points[None, SEVENTEEN]
        hits.append(oks.oks(points, truth, labelled, [person.area], topology.COCO_17)[0] >= threshold)
    hits = np.array(hits)
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    recall = np.cumsum(hits) / len(paired.people)
    at = np.searchsorted(recall, np.linspace(0, 1, 101))
    return float(np.mean([precision[i] if i < len(precision) else 0.0 for i in at]))


def test_pycocotools_and_the_definition_agree(write_dataset, annotation, standing):
    rng = np.random.default_rng(4)
    people = annotations.load(write_dataset([annotation(n, standing(90, 110)) for n in range(1, 31)])).people
    found = []
    for person in people:
        made = prediction(person, float(rng.uniform(0.1, 0.9)), missing=int(rng.integers(0, 9)))
        made.points[...] += rng.normal(0, rng.uniform(0, 8), (33, 2))
        found.append(made if rng.uniform() < 0.9 else None)
    paired = Paired(people, found)
    ap = coco_ap.average_precision(paired)
    assert 0.1 < ap["AP_17"] < 0.9
    assert ap["AP50_17"] == pytest.approx(by_definition(paired, 0.5), abs=1e-9)
    assert ap["AP75_17"] == pytest.approx(by_definition(paired, 0.75), abs=1e-9)
    assert ap["AP_17"] == pytest.approx(
        np.mean([by_definition(paired, t) for t in np.linspace(0.5, 0.95, 10)]), abs=1e-9
    )
