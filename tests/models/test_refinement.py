"""Refinement inside the graph: where it moves landmarks, and where it must not."""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf.codecs import heatmaps as heatmap_codec
from blazepose_tf.codecs import refinement
from blazepose_tf.models import build_detector, build_tracker, without_training_heads
from blazepose_tf.models.refinement import refined, with_refinement
from blazepose_tf.specs import ALIGNMENT, LANDMARKS, POSE_PRESENCE, DetectorSpec, TrackerSpec

SIZE, STRIDE = 32, 4.0


def logits_of(points: np.ndarray, peak: float = 0.9) -> np.ndarray:
    """(S, S, K) logits whose probability is a Gaussian around each point."""
    targets, _, _ = heatmap_codec.encode(points, np.ones(len(points), np.float32), size=SIZE, stride=STRIDE)
    chance = np.clip(peak * targets, 1e-4, None)
    return np.log(chance / (1 - chance)).astype(np.float32)


def refine(points: np.ndarray, logits: np.ndarray) -> np.ndarray:
    sigmas = np.full(len(points), refinement.LIMB_SIGMA, np.float32)
    return np.array(refined(points[None].astype(np.float32), logits[None], stride=STRIDE, sigmas=sigmas))[0]


def test_landmarks_move_to_their_peaks_and_the_rest_stays():
    rng = np.random.default_rng(0)
    truth = rng.uniform(20, 108, (7, 2)).astype(np.float32)
    regressed = truth + rng.uniform(-8, 8, truth.shape).astype(np.float32)
    visibility = rng.normal(size=(7, 1)).astype(np.float32)
    found = refine(np.concatenate([regressed, visibility], axis=1), logits_of(truth))
    # What is left of an error of up to 8 px: the Gaussian around the regressed place pulls by a tenth.
    assert np.abs(found[:, :2] - truth).max() < 1.0
    np.testing.assert_array_equal(found[:, 2:], visibility)
    ours = refinement.refine_smoothly(regressed, logits_of(truth), stride=STRIDE).points
    assert np.abs(found[:, :2] - ours).max() < 1.0


def test_of_two_peaks_the_nearer_one_is_meant():
    near, far = np.array([[40.0, 64.0]], np.float32), np.array([[100.0, 64.0]], np.float32)
    both = np.maximum(logits_of(near, 0.8), logits_of(far, 0.9))
    assert np.abs(refine(near + 6.0, both) - near).max() < 1.5
    assert np.abs(refine(far - 6.0, both) - far).max() < 1.5


def test_each_point_has_its_own_reach():
    names = ("left_hip", "left_knee")
    sigmas = refinement.prior_sigmas(names)
    regressed = np.array([[64.0, 64.0]] * 2, np.float32)
    near = np.array([4.0, 0.0], np.float32)
    # Two peaks per map: a weak one a cell away, a strong one nine cells away.
    weak, strong = logits_of(regressed + near, 0.3), logits_of(regressed - 9.0 * near, 0.9)
    logits = np.maximum(weak, strong)
    inside_graph = np.array(refined(regressed[None], logits[None], stride=STRIDE, sigmas=sigmas))[0]
    ours = refinement.refine_smoothly(regressed, logits, stride=STRIDE, sigmas=sigmas).points
    np.testing.assert_allclose(inside_graph, ours, atol=0.5)
    assert abs(ours[0, 0] - 68.0) < 4.0 and abs(ours[1, 0] - 28.0) < 4.0


def test_an_empty_map_and_a_place_outside_leave_the_landmark():
    empty = np.full((SIZE, SIZE, 1), -12.0, np.float32)
    inside, outside = np.array([[37.0, 91.0]]), np.array([[-300.0, 500.0]])
    np.testing.assert_allclose(refine(inside, empty), inside, atol=1e-2)
    np.testing.assert_allclose(refine(outside, logits_of(np.array([[64.0, 64.0]], np.float32))), outside, rtol=1e-4)


def test_the_model_keeps_its_other_outputs():
    spec = TrackerSpec(input_size=128)
    model = build_tracker(spec, variant="tiny", training_heads=True)
    fitted = with_refinement(model, spec)
    assert set(fitted.output) == {LANDMARKS, POSE_PRESENCE, ALIGNMENT}
    image = np.random.default_rng(1).uniform(size=(2, 128, 128, 3)).astype(np.float32)
    before, after = model(image), fitted(image)
    sigmas = refinement.prior_sigmas(spec.keypoint_names)
    expected = refined(before[LANDMARKS], before["heatmaps"], stride=spec.heatmap_stride, sigmas=sigmas)
    np.testing.assert_allclose(after[LANDMARKS], expected, atol=1e-4)
    np.testing.assert_allclose(after[ALIGNMENT], before[ALIGNMENT], atol=1e-4)


def test_models_without_both_are_refused():
    spec = TrackerSpec(input_size=128)
    with pytest.raises(ValueError, match="refinement needs landmarks"):
        with_refinement(without_training_heads(build_tracker(spec, variant="tiny")), spec)
    with pytest.raises(ValueError, match="refinement needs landmarks"):
        with_refinement(build_detector(DetectorSpec()), DetectorSpec())
