"""Random policies and deterministic changes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from blazepose_tf.data import augment
from blazepose_tf.data.config import DetectorDataConfig, OcclusionConfig, PhotometricConfig, ViewConfig, weakened
from blazepose_tf.geometry import roi as roi_lib

DRAWS = 4000


def seeds(count: int = DRAWS):
    return tf.stack([augment.example_seed(7, 1, i) for i in range(count)])


def drawn(policy, count: int = DRAWS):
    """Results of a policy over many examples."""
    graph = tf.function(lambda keys: tf.map_fn(policy, keys, fn_output_signature=tf.float32), autograph=False)
    return graph(seeds(count)).numpy()


def view_rows(view: augment.View):
    return tf.stack([view.shift[0], view.shift[1], view.log_scale, view.rotation, view.mirror])


@pytest.fixture(scope="module")
def views():
    config = ViewConfig(partial_probability=0.0, any_rotation_probability=0.0)
    return drawn(lambda key: view_rows(augment.sample_view(key, config)))


def test_seed_depends_on_each_of_its_parts():
    keys = [augment.example_seed(*parts) for parts in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 2**33)]]
    numbers = [tuple(augment.uniform(key, augment.VIEW, 2).numpy()) for key in keys]
    numbers += [tuple(augment.uniform(keys[0], augment.COLOUR, 2).numpy())]
    assert len(set(numbers)) == 6
    assert numbers[0] == tuple(augment.uniform(augment.example_seed(0, 0, 0), augment.VIEW, 2).numpy())


def test_views_have_the_configured_spread(views):
    shift, log_scale, rotation, mirror = views[:, :2], views[:, 2], views[:, 3], views[:, 4]
    # Standard errors with 4,000 draws are about 1.1 % of a standard deviation; clipping takes away 2 to 3 %.
    config = ViewConfig()
    assert shift.std() == pytest.approx(config.shift_std, rel=0.06)
    assert log_scale.std() == pytest.approx(config.scale_std, rel=0.08)
    assert np.degrees(rotation).std() == pytest.approx(config.rotation_std, rel=0.08)
    assert mirror.mean() == pytest.approx(0.5, abs=0.04)
    assert np.abs(views[:, :4].mean(axis=0)).max() < 0.015
    assert np.abs(shift).max() <= config.shift_limit + 1e-6
    assert np.abs(log_scale).max() <= config.scale_limit + 1e-6
    assert np.abs(np.degrees(rotation)).max() <= 30 + 1e-3


def test_regions_as_film_brings_them_stay_when_the_rest_is_weakened():
    gentle = weakened(ViewConfig(followed_probability=1.0), 0.0)
    rows = drawn(lambda key: view_rows(augment.sample_view(key, gentle)))[:, :4]
    # Clipping at 2.5 standard deviations takes away 2 %.
    np.testing.assert_allclose(rows.std(axis=0), roi_lib.FOLLOWED, rtol=0.06)
    assert np.abs(rows).max(axis=0) == pytest.approx(2.5 * np.array(roi_lib.FOLLOWED), rel=1e-5)
    some = weakened(ViewConfig(followed_probability=0.25, mirror_probability=0.0), 0.0)
    moved = drawn(lambda key: view_rows(augment.sample_view(key, some)))[:, :4].any(axis=1)
    assert moved.mean() == pytest.approx(0.25, abs=0.03)


def test_parts_of_bodies_are_upper_bodies_or_off_centre():
    config = ViewConfig(partial_probability=1.0)
    rows = drawn(lambda key: view_rows(augment.sample_view(key, config)), 400)
    upper = np.exp(rows[:, 2]) < 0.775
    assert 0.4 < upper.mean() < 0.6
    assert rows[upper, 1].max() < -0.1  # towards the head
    assert np.abs(rows[~upper, :2]).max() > 0.25


def test_any_angle_reaches_all_quadrants():
    config = ViewConfig(any_rotation_probability=1.0)
    rows = drawn(lambda key: view_rows(augment.sample_view(key, config)), 400)
    assert len(np.unique(np.floor(rows[:, 3] / (math.pi / 2)))) == 4


def test_switching_one_policy_off_leaves_the_other_draws(views):
    config = ViewConfig(partial_probability=0.0, any_rotation_probability=0.0, mirror_probability=0.0)
    rows = drawn(lambda key: view_rows(augment.sample_view(key, config)), 100)
    np.testing.assert_array_equal(rows[:, :4], views[:100, :4])


def test_pictures_of_a_detector_are_shown_at_many_sizes():
    config = DetectorDataConfig(plain_probability=0.0)
    rows = drawn(lambda key: view_rows(augment.sample_picture_view(key, config, empty=tf.constant(False))), 1000)
    size = np.exp(-rows[:, 2])
    assert (size.min(), size.max()) == pytest.approx((config.scale_min, config.scale_max), rel=0.02)
    assert (np.abs(rows[:, 3]) < math.pi / 2).mean() > 0.95


def test_pictures_with_nobody_in_them_are_shown_nearer_and_at_any_angle():
    config = DetectorDataConfig(plain_probability=0.0)
    rows = drawn(lambda key: view_rows(augment.sample_picture_view(key, config, empty=tf.constant(True))), 1000)
    assert np.exp(-rows[:, 2]).max() == pytest.approx(config.empty_scale_max, rel=0.02)
    # Half of half of them are upside down.
    assert (np.abs(rows[:, 3]) > math.pi / 2).mean() == pytest.approx(0.25, abs=0.06)


def test_no_view_is_the_plain_roi():
    roi = tf.constant([100.0, 80.0, 150.0, 0.3])
    np.testing.assert_allclose(
        augment.apply_view(roi, augment.no_view(), 256), roi_lib.crop_matrix(roi.numpy(), 256.0), rtol=1e-6
    )


@pytest.fixture(scope="module")
def negatives(body):
    person = body((100.0, 120.0), 150.0)
    box = np.float32([[60, 30, 140, 210]])
    main = tf.constant([100.0, 120.0, 230.0, 0.0])

    def draw(key):
        roi, background = augment.sample_negative(key, 640, 480, tf.constant(box), main, tf.constant(person))
        return tf.concat([roi, tf.cast(background, tf.float32)[None]], axis=0)

    return drawn(draw, 300), box[0]


def test_background_regions_keep_clear_of_people(negatives):
    rows, box = negatives
    background = rows[rows[:, 4] > 0.5]
    assert 0.5 < len(background) / len(rows) < 0.9
    low = np.maximum(background[:, :2] - background[:, 2:3] / 2, box[:2])
    high = np.minimum(background[:, :2] + background[:, 2:3] / 2, box[2:])
    inter = np.prod(np.clip(high - low, 0, None), axis=1)
    assert (inter / np.prod(box[2:] - box[:2])).max() < 0.3
    assert (inter / background[:, 2] ** 2).max() < 0.3
    assert ((background[:, 0] >= 0) & (background[:, 0] <= 640)).all()


def test_other_negatives_are_small_parts_of_the_person(negatives):
    rows, box = negatives
    part = rows[rows[:, 4] < 0.5]
    assert part[:, 2].max() <= 0.2 * 230 + 1e-3
    assert (part[:, :2] >= box[:2] - 5).all()
    assert (part[:, :2] <= box[2:] + 5).all()


def test_picture_without_people_gives_background_only():
    key = augment.example_seed(0, 0, 3)
    _, background = augment.sample_negative(
        key, 64, 48, tf.zeros([0, 4]), tf.constant([32.0, 24, 40, 0]), tf.zeros([33, 3])
    )
    assert background


def rectangle(x, y, half_width, half_height, angle, kind):
    look = [0.2, 0.4, 0.6, 1.0, 1.0, 1.0, 0.3, 0.7, 0.2, kind]
    boxes = tf.constant([[x, y, half_width, half_height, angle]])
    return augment.Occlusion(tf.constant(1), boxes, tf.constant([look]))


def test_rectangle_hides_what_is_below_it():
    crop = tf.fill([64, 64, 3], 255.0)
    points = tf.constant([[32.0, 32], [44, 32], [32, 44], [5, 5], [32, 32], [32, 32]])
    state = tf.constant([2.0, 2, 2, 2, 1, 0])
    # 16 px wide to each side and 8 px high: covers x 16..48 and y 24..40.
    painted, seen = augment.apply_occlusion(crop, points, state, rectangle(0.5, 0.5, 0.25, 0.125, 0.0, 0.0))
    np.testing.assert_array_equal(seen, [1, 1, 2, 2, 1, 0])
    np.testing.assert_allclose(painted[32, 20], [51, 102, 153], atol=1e-3)
    changed = np.any(painted.numpy() != 255, axis=-1)
    assert changed.sum() == 32 * 16
    assert changed[24:40, 16:48].all()


def test_turned_rectangle_stands_upright():
    crop = tf.fill([64, 64, 3], 255.0)
    points = tf.constant([[44.0, 32], [32, 44]])
    occlusion = rectangle(0.5, 0.5, 0.25, 0.125, math.pi / 2, 0.0)
    _, seen = augment.apply_occlusion(crop, points, tf.constant([2.0, 2]), occlusion)
    np.testing.assert_array_equal(seen, [2, 1])


@pytest.mark.parametrize("kind", [0.4, 0.9])
def test_patterns_and_pieces_stay_in_range_and_in_place(kind, picture):
    crop = tf.constant(picture(0, 64, 64), tf.float32)
    painted, _ = augment.apply_occlusion(
        crop, tf.zeros([1, 2]), tf.zeros([1]), rectangle(0.5, 0.5, 0.25, 0.125, 0.0, kind)
    )
    changed = np.any(painted.numpy() != crop.numpy(), axis=-1)
    assert changed[24:40, 16:48].mean() > 0.9
    changed[24:40, 16:48] = False
    assert not changed.any()
    assert 0 <= painted.numpy().min() <= painted.numpy().max() <= 255


def test_rectangles_come_as_often_as_configured():
    config = OcclusionConfig(probability=0.3, max_rectangles=2)
    counts = drawn(lambda key: tf.cast(augment.sample_occlusion(key, config).count, tf.float32), 2000)
    assert (counts > 0).mean() == pytest.approx(0.3, abs=0.04)
    assert set(np.unique(counts)) == {0.0, 1.0, 2.0}


def test_probabilities_out_of_range_are_refused():
    with pytest.raises(ValueError, match="mirror_probability"):
        ViewConfig(mirror_probability=1.5)
    with pytest.raises(ValueError, match="jpeg_probability"):
        PhotometricConfig(jpeg_probability=-0.1)
