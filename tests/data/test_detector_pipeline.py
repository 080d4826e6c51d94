"""The detector's input pipeline, on real records."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from blazepose_tf import specs
from blazepose_tf.codecs import anchors as anchors_lib
from blazepose_tf.codecs import detection
from blazepose_tf.data import config as config_lib
from blazepose_tf.data import detector_pipeline, records
from blazepose_tf.data.order import Source

SPEC = specs.DetectorSpec()
ANCHORS = anchors_lib.grid_anchors(SPEC)


def samples(data, **options) -> list[dict]:
    return list(detector_pipeline.detector_samples(data, spec=SPEC, **options).as_numpy_iterator())


def faces(sample: dict):
    """Distinct boxes and points that a sample teaches, and their summed weights."""
    boxes, points, _ = detection.decode(sample["regressors"], sample["logits"], anchors=ANCHORS)
    taught = sample["regressor_weights"] > 0
    found: dict[tuple, list] = {}
    for box, point, weight in zip(boxes[taught], points[taught], sample["regressor_weights"][taught], strict=True):
        found.setdefault(tuple(np.round(box, 1)), [point, 0.0])[1] += weight
    return found


def test_squares_stay_square_and_boxes_enclose():
    angle = math.pi / 4
    matrix = tf.constant([[math.cos(angle), -math.sin(angle), 0.0], [math.sin(angle), math.cos(angle), 0.0]]) * 2.0
    square = tf.constant([[10.0, -2, 14, 2]])  # centre (12, 0), side 4
    mapped = detector_pipeline.map_squares(matrix, square).numpy()[0]
    center = 24 * math.sqrt(0.5)
    np.testing.assert_allclose(mapped, [center - 4, center - 4, center + 4, center + 4], atol=1e-4)
    # The corners of the turned box are half a diagonal, 2 * 2 * sqrt(2), away from its centre.
    enclosing = detector_pipeline.map_boxes(matrix, square).numpy()[0]
    reach = 4 * math.sqrt(2)
    np.testing.assert_allclose(enclosing, [center - reach, center - reach, center + reach, center + reach], atol=1e-4)


def test_plain_letterbox_teaches_every_person(ten_records):
    for i, s in enumerate(samples(ten_records, training=False)):
        example = ten_records.example(i)
        # 320 x 240 in 192: scale 0.6, 24 black rows above and below.
        np.testing.assert_allclose(s["crop_matrix"], [[320 / 192, 0, 0], [0, 320 / 192, -40]], rtol=1e-5, atol=1e-4)
        assert s["image"][:23].max() == 0
        assert s["image"][30:160].mean() > 20
        found = faces(s)
        assert len(found) == example.num_persons
        for box, (point, weight) in found.items():
            mid_hips = 0.6 * example.keypoints[:, 23:25, :2].mean(axis=1) + [0, 24]
            assert np.abs(mid_hips - point[0]).max(axis=1).min() < 0.01
            noses = 0.6 * example.keypoints[:, 0, :2] + [0, 24]
            assert any(box[0] < x < box[2] and box[1] < y < box[3] for x, y in noses)
            assert weight == pytest.approx(1.0, abs=1e-3)


def test_picture_without_people_is_all_negative(ten_records):
    s = samples(ten_records, training=False)[9]
    assert s["logits"].max() == 0
    assert s["logit_weights"].min() == 1
    assert s["regressor_weights"].max() == 0


def test_augmented_epoch_repeats_exactly_and_teaches_faces_in_the_picture(ten_records):
    first = samples(ten_records, seed=4, epoch=2)
    rest = samples(ten_records, seed=4, epoch=2, skip_examples=7)
    for a, b in zip(rest, first[7:], strict=True):
        for key in a:
            np.testing.assert_array_equal(a[key], b[key], err_msg=key)
    taught = [faces(s) for s in first]
    assert sum(map(len, taught)) >= 5
    for found in taught:
        for box in found:
            center = [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2]
            assert 0 <= min(center) <= max(center) < 192
            assert box[2] - box[0] == pytest.approx(box[3] - box[1], abs=0.2)


def test_unknown_faces_and_ignored_regions_are_neither(tmp_path, example):
    def build(i):
        headless = example(0)
        points = headless.keypoints.copy()
        points[0, :11] = 0
        return example(0, keypoints=points, boxes=[[100, 40, 160, 200]], ignore_boxes=[[240, 40, 300, 200]])

    records.write_shards(range(1), build, folder=tmp_path, name="d")
    (s,) = samples(tmp_path, training=False)
    assert s["logits"].max() == 0
    ignored = s["logit_weights"].reshape(24, 24) == 0
    at = lambda x, y: ignored[int(0.6 * y + 24) // 8, int(0.6 * x) // 8]  # noqa: E731
    assert at(130, 120)
    assert at(270, 120)
    assert not at(20, 120)
    assert not at(210, 120)


def test_tiny_and_cut_off_faces_are_ignored(ten_records):
    config = config_lib.DetectorDataConfig(min_face=0.9)
    for s in samples(ten_records, config=config, training=False)[:9]:
        assert s["logits"].max() == 0
        assert 1 <= (s["logit_weights"] == 0).sum() < 60


def test_negatives_of_incompletely_labelled_sources_weigh_less(ten_records):
    config = config_lib.DetectorDataConfig(unlabelled_weight=0.25, dataset_weights={"dots": 0.5})
    source = Source(ten_records, complete=False)
    s = samples(source, config=config, training=False)[0]
    positive = s["logits"][:, 0] > 0
    assert set(s["logit_weights"][positive]) == {0.5}
    assert set(s["logit_weights"][~positive]) == {0.0, 0.125}


def test_batches_follow_the_contract(ten_records):
    dataset = detector_pipeline.detector_dataset(ten_records, spec=SPEC, batch_size=4)
    inputs, targets, weights = next(iter(dataset))
    assert tuple(inputs["image"].shape) == (4, 192, 192, 3)
    assert {k: tuple(v.shape) for k, v in targets.items()} == {"logits": (4, 576, 1), "regressors": (4, 576, 8)}
    assert {k: tuple(v.shape) for k, v in weights.items()} == {"logits": (4, 576), "regressors": (4, 576)}
    assert 0 <= tf.reduce_min(inputs["image"]) <= tf.reduce_max(inputs["image"]) <= 1


def test_damaged_picture_is_a_blank_without_weight(tmp_path, example):
    records.write_shards(
        range(3),
        lambda i: example(i, **({"image": b"\x89PNG\r\n\x1a\nno"} if i == 1 else {})),
        folder=tmp_path,
        name="d",
    )
    found = samples(tmp_path, training=False)
    assert [s["image_id"] for s in found] == [b"picture_0", b"", b"picture_2"]
    assert found[1]["logit_weights"].max() == 0
