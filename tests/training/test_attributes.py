"""Depth, metric points and masks are learned on frozen features: losses, and a run whose points stay the same."""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf import specs, synthetic, topology
from blazepose_tf.losses.attributes import MaskLoss, WorldLoss
from blazepose_tf.losses.landmarks import LandmarkLoss
from blazepose_tf.models import build_tracker, load_tracker
from blazepose_tf.models.saving import Description, infer_description
from blazepose_tf.training import heads

LIMBS = ((0, 1, 2, 3),)


def _world(points, known=1.0) -> np.ndarray:
    points = np.asarray(points, np.float32).reshape(1, -1, 3)
    return np.concatenate([points, np.full((1, points.shape[1], 1), known, np.float32)], axis=-1)


def test_world_loss_is_a_distance_and_a_length():
    truth = _world([[0, 0, 0], [0, 0.3, 0], [0.2, 0, 0], [0.2, 0.3, 0]])
    loss = WorldLoss(limbs=LIMBS, bone_weight=0.5, knee=0.02)
    assert float(loss(truth, truth[..., :3])) == pytest.approx(0.0, abs=1e-6)
    moved = truth[..., :3] + np.array([0.1, 0.0, 0.0], np.float32)
    # Huber beyond its knee: 0.1 - 0.01 on one of three coordinates; lengths are the same.
    assert float(loss(truth, moved)) == pytest.approx(0.09 / 3, abs=1e-5)
    longer = truth[..., :3].copy()
    longer[0, 1, 1] = 0.4  # the left segment 0.1 too long: once against the right, once against its own
    assert float(loss(truth, longer)) == pytest.approx((0.09 / 3) / 4 + 0.5 * 0.2, abs=1e-4)
    half = truth.copy()
    half[0, 1, 3] = 0.0
    assert float(loss(half, longer)) == pytest.approx(0.0, abs=1e-6)
    assert float(loss(_world(np.ones((4, 3)), 0.0), truth[..., :3])) == 0.0


def test_mask_loss_prefers_the_mask():
    truth = np.zeros((1, 8, 8, 1), np.float32)
    truth[:, 2:6, 2:6] = 1.0
    loss = MaskLoss()
    right, wrong = (float(loss(truth, sign * (20.0 * truth - 10.0))) for sign in (1.0, -1.0))
    assert right < 0.02 and wrong > 10.0
    # Half a mask: shared 8 of 8 + 16, and half of its cells wrong by 10 nats.
    part = truth.copy()
    part[:, 4:6] = 0.0
    expected = 10.0 * 8 / 64 + 1.0 - (2 * 8 + 1) / (8 + 16 + 1)
    assert float(loss(truth, 20.0 * part - 10.0)) == pytest.approx(expected, abs=0.01)


def test_depth_counts_where_it_is_known():
    loss = LandmarkLoss(input_size=100, coordinate_weight=0.0, visibility_weight=0.0, depth_weight=2.0, knee=0.01)
    truth = np.array([[[0, 0, 1, 30, 1], [0, 0, 1, 30, 0]]], np.float32)
    predicted = np.array([[[5, 5, 10, 0], [5, 5, 90, 0]]], np.float32)
    np.testing.assert_allclose(loss.call(truth, predicted), [[2.0 * (0.2 - 0.005), 0.0]], rtol=1e-5)


def test_heads_are_an_option_and_none_of_it_was_there_before():
    plain = build_tracker(variant="tiny")
    names = {v.path for v in plain.weights}
    assert not any(name.startswith(("depth", "world", "segmentation")) for name in names)
    spec = specs.TrackerSpec(depth=True)
    deep = build_tracker(spec, variant="tiny", world=True, segmentation=True)
    assert names < {v.path for v in deep.weights}
    assert deep.output[specs.WORLD_LANDMARKS].shape == (None, 33, 3)
    assert deep.output[specs.SEGMENTATION].shape == (None, spec.mask_size, spec.mask_size, 1)


def test_taught_attributes_leave_every_point_as_it_was(taught):
    before = load_tracker("lite")
    after, description = taught(heads.attributes(infer_description(before)), before, steps=2)
    assert description.spec.depth and set(after.output) >= {specs.WORLD_LANDMARKS, specs.SEGMENTATION}
    pictures = np.stack([synthetic.render_sample(9, i, persons=1).image for i in range(2)]).astype(np.float32) / 255.0
    old, new = (model.predict_on_batch(pictures) for model in (before, after))
    landmarks = new.pop(specs.LANDMARKS)
    # The same weights in a larger graph: sums may be rounded in another order.
    np.testing.assert_allclose(landmarks[..., [0, 1, 3]], old.pop(specs.LANDMARKS), rtol=0.0, atol=5e-4)
    for name, values in old.items():
        np.testing.assert_allclose(new[name], values, rtol=0.0, atol=5e-4, err_msg=name)
    # Something was learned, in every head.
    assert np.abs(landmarks[..., 2]).max() > 0 and np.abs(new[specs.WORLD_LANDMARKS]).max() > 0


def test_a_detector_has_no_depth():
    with pytest.raises(ValueError, match="does not have"):
        heads.attributes(Description("blazeface", specs.DetectorSpec()))


def test_limbs_are_named_by_their_ends():
    limbs = topology.limb_indices()
    assert len(limbs) == 4
    assert [topology.KEYPOINTS[i] for i in limbs[0]] == ["left_shoulder", "left_elbow", "right_shoulder", "right_elbow"]
    assert topology.limb_indices(("left_knee", "left_ankle")) == ()
