"""Scores while training, and the alarm for predictions that do not depend on the picture."""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf import topology
from blazepose_tf.codecs import anchors as anchors_lib
from blazepose_tf.codecs import detection as detection_codec
from blazepose_tf.codecs import heatmaps as heatmap_codec
from blazepose_tf.metrics.keypoints import normalizer
from blazepose_tf.models.mean_pose import mean_pose
from blazepose_tf.specs import DetectorSpec, TrackerSpec
from blazepose_tf.training.validation import validate_detector, validate_tracker, variation, wrong_spread

SPEC = TrackerSpec(input_size=128)


class Scripted:
    """Stands where a trained model would: answers the batches with what it was given."""

    def __init__(self, outputs):
        self.outputs = iter(outputs)

    def predict_on_batch(self, images):
        return next(self.outputs)


def people(count: int):
    rng = np.random.default_rng(1)
    points = mean_pose(topology.KEYPOINTS) * 128 + rng.normal(0, 8, (count, 1, 2)) + rng.normal(0, 3, (count, 33, 2))
    return points.astype(np.float32)


def batch(points, labelled):
    targets = {
        "landmarks": np.concatenate([points, np.ones((*points.shape[:2], 1), np.float32)], axis=-1),
        "alignment": np.tile(np.float32([[64, 64], [64, 12]]), (len(points), 1, 1)),
    }
    return {"image": np.zeros((len(points), 128, 128, 3), np.float32)}, targets, {"landmarks": labelled}


def test_pck_over_the_coco_points_of_what_is_labelled():
    points = people(3)
    labelled = np.ones((3, 33), np.float32)
    labelled[0, topology.indices(("nose",))] = 0
    found = points.copy()
    found[:, topology.indices(("left_heel",))] += 500.0  # not one of the 17
    found[0, topology.indices(("nose",))] += 500.0  # not labelled
    found[1, topology.indices(("left_wrist",))] += 500.0  # one of 17 * 3 - 1
    result = validate_tracker(
        Scripted([{"landmarks": found[:2]}, {"landmarks": found[2:]}]),
        [batch(points[:2], labelled[:2]), batch(points[2:], labelled[2:])],
        spec=SPEC,
        pictures=2,
    )
    assert result.scores["pck_torso"] == result.score == pytest.approx(49 / 50)
    assert result.images.shape == (2, 128, 128, 3) and np.isnan(result.truth[0, 0]).all()


def test_heatmaps_are_read_at_their_maxima():
    points = people(2)
    labelled = np.ones((2, 33), np.float32)
    maps, offsets, _ = heatmap_codec.encode(points, labelled, size=32, stride=4.0)
    result = validate_tracker(Scripted([{"heatmaps": maps, "offsets": offsets}]), [batch(points, labelled)], spec=SPEC)
    assert result.scores["pck_torso_heatmaps"] == 1.0
    assert result.scores["variation"] == pytest.approx(1.0, abs=1e-3)


def test_what_ships_decides():
    """Regressions that are a little off, and maps that know better: the score is that of both together."""
    points = people(2)
    labelled = np.ones((2, 33), np.float32)
    maps, offsets, _ = heatmap_codec.encode(points, labelled, size=32, stride=4.0)
    logits = np.where(maps > 0.5, 8.0, -8.0).astype(np.float32)
    shift = np.float32([12.0, 0.0])  # pixels: more than a fifth of the torso of a person of this size
    outputs = {"landmarks": points + shift, "heatmaps": logits, "offsets": offsets}
    result = validate_tracker(Scripted([outputs]), [batch(points, labelled)], spec=SPEC)
    assert result.score == result.scores["pck_torso_refined"] > result.scores["pck_torso"]


def test_variation_is_the_ratio_of_spreads():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(50, 4, 2))
    labelled = np.ones((50, 4))
    assert variation(truth, truth, labelled) == pytest.approx(1.0)
    assert variation(0.3 * truth + 7.0, truth, labelled) == pytest.approx(0.3)
    assert variation(np.broadcast_to(truth.mean(axis=0), truth.shape), truth, labelled) == pytest.approx(0.0, abs=1e-9)
    # Unlabelled points count in neither spread.
    labelled[:, 0] = 0
    wild = truth.copy()
    wild[:, 0] *= 1e6
    assert variation(wild, truth, labelled) == pytest.approx(1.0)


def test_a_spread_that_cannot_be_right_is_named():
    truth = np.random.default_rng(0).normal(64.0, 20.0, (60, 17, 2))
    labelled = np.ones((60, 17))
    thrown = truth.copy()
    thrown[0] += 3000.0  # one of sixty, as the normalisation of a batch hides it
    assert "explode" in wrong_spread({"variation": variation(thrown, truth, labelled)})
    still = np.broadcast_to(truth.mean(axis=0), truth.shape)
    assert "hardly vary" in wrong_spread({"variation": variation(still, truth, labelled)})
    sound = np.clip(truth, 30.0, 90.0)
    assert wrong_spread({"variation": variation(sound, truth, labelled)}) is None
    assert wrong_spread({}) is None  # a detector's scores have none


def test_without_a_torso_the_circle_is_the_measure():
    points = np.zeros((1, 2, 2))
    name, unit = normalizer(points, np.ones((1, 2)), np.float32([[[10, 10], [10, 47]]]), ("nose", "left_wrist"))
    assert name == "circle" and unit[0] == pytest.approx(20.0)


def test_detector_scores_by_hand():
    spec = DetectorSpec(input_size=64, strides=(8,), anchors_per_cell=(1,))
    grid = anchors_lib.grid_anchors(spec)
    boxes = np.float32([[8, 8, 24, 24], [40, 40, 56, 56]])
    circles = np.float32([[[16, 40], [16, 10]], [[48, 60], [48, 35]]])
    score, score_weight, values, value_weight = detection_codec.encode(boxes, circles, boxes[:0], spec=spec)
    targets = {"logits": score[None], "regressors": values[None]}
    weights = {"logits": score_weight[None, :, 0], "regressors": value_weight[None, :, 0]}
    data = [({"image": np.zeros((1, 64, 64, 3), np.float32)}, targets, weights)]
    perfect = {"regressors": values[None], "logits": np.where(score, 5.0, -5.0)[None].astype(np.float32)}
    scores = validate_detector(Scripted([perfect]), data, spec=spec, pictures=1).scores
    assert (scores["recall50"], scores["precision50"], scores["ap50"]) == (1.0, 1.0, 1.0)
    # Only the second face is seen.
    far = np.abs(grid - [48.0, 48.0]).max(axis=-1) > 16
    half = {**perfect, "logits": np.where(far[None, :, None], -5.0, perfect["logits"]).astype(np.float32)}
    scores = validate_detector(Scripted([half]), data, spec=spec).scores
    assert (scores["recall50"], scores["precision50"]) == (0.5, 1.0)


def test_no_pictures_is_an_error():
    with pytest.raises(ValueError, match="no pictures"):
        validate_tracker(Scripted([]), [], spec=SPEC)


def test_legs_read_as_one_or_exchanged_and_mirrored_people():
    points = people(4)
    for side, x in (("left", 90.0), ("right", 40.0)):  # a torso of the mean pose is about 30 px
        points[:, topology.indices((f"{side}_knee", f"{side}_ankle")), 0] = x
    found = points.copy()
    found[0, topology.indices(("right_knee",))] = found[0, topology.indices(("left_knee",))]
    found[1] = points[1, topology.mirror_permutation()]
    scores = validate_tracker(
        Scripted([{"landmarks": found}]), [batch(points, np.ones((4, 33), np.float32))], spec=SPEC
    ).scores
    assert (scores["legs_as_one"], scores["knee_as_one"], scores["ankle_as_one"]) == (0.125, 0.25, 0.0)
    assert (scores["legs_exchanged"], scores["knee_exchanged"]) == (0.25, 0.25)
    assert scores["mirrored"] == 0.25
