"""Alignment and face boxes of labelled people, by hand-computed numbers."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from blazepose_tf import topology
from blazepose_tf.data import align
from blazepose_tf.geometry import alignment as alignment_lib

INDICES = align.BodyIndices.of(topology.KEYPOINTS)


def points(**named) -> np.ndarray:
    """(1, 33, 3) with the named points visible and all others unlabelled."""
    out = np.zeros((1, 33, 3), np.float32)
    for name, (x, y) in named.items():
        out[0, topology.KEYPOINTS.index(name)] = (x, y, 2)
    return out


def test_indices_follow_the_names():
    assert INDICES.body["hips"] == (23, 24) and INDICES.body["shoulders"] == (11, 12)
    assert INDICES.body["ankles"] == (27, 28)
    assert INDICES.body["feet"] == {29: 27, 31: 27, 30: 28, 32: 28}
    assert INDICES.face == tuple(range(11))
    own = align.BodyIndices.of(("right_ear", "tail", "nose"))
    assert own.body is None
    assert own.face == (2, *[-1] * 7, 0, -1, -1)
    assert align.BodyIndices.of(("a", "b")).face is None


def test_stored_alignment_wins(body):
    stored = np.float32([[[10, 20], [10, 5]], [[0, 0], [0, 0]]])
    both = np.stack([body(), body()])
    found, known = align.alignment(tf.constant(both), tf.constant(stored), indices=INDICES)
    np.testing.assert_array_equal(found[0], stored[0])
    np.testing.assert_array_equal(known, [True, True])
    # The other is geometry's own.
    derived = alignment_lib.from_keypoints(both[1, :, :2], (both[1, :, 2] > 0) * 1.0, **topology.alignment_indices())
    np.testing.assert_allclose(found[1], derived, rtol=1e-5)
    np.testing.assert_allclose(found[1, 0], [160, 130], atol=1e-3)


@pytest.mark.parametrize("missing", ["left_hip", "right_hip", "left_shoulder", "right_shoulder"])
def test_person_without_a_hip_or_shoulder_has_no_alignment(body, missing):
    person = body()[None]
    person[0, topology.KEYPOINTS.index(missing)] = 0
    _, known = align.alignment(tf.constant(person), tf.zeros([1, 2, 2]), indices=INDICES)
    assert not known[0]


def test_nobody_gives_empty_arrays():
    found, known = align.alignment(tf.zeros([0, 33, 3]), tf.zeros([0, 2, 2]), indices=INDICES)
    assert found.shape == (0, 2, 2)
    assert known.shape == (0,)
    boxes, known = align.face_boxes(tf.zeros([0, 33, 3]), tf.zeros([0, 4]), tf.zeros([0]), indices=INDICES)
    assert boxes.shape == (0, 4)


def test_face_box_of_eyes_nose_and_mouth():
    person = points(left_eye=(110, 50), right_eye=(90, 50), nose=(100, 60), mouth_left=(105, 70), mouth_right=(95, 70))
    # Largest distance: left eye to the right corner of the mouth, sqrt(15^2 + 20^2) = 25, times 1.5 = 37.5; eyes to
    # mouth 20, times 3 = 60: the larger. Centre of the bounding box (90..110, 50..70).
    boxes, known = align.face_boxes(tf.constant(person), tf.zeros([1, 4]), tf.constant([200.0]), indices=INDICES)
    assert known[0]
    np.testing.assert_allclose(boxes[0], [70, 30, 130, 90], atol=1e-3)


def test_missing_mouth_is_guessed_below_the_nose():
    person = points(left_eye=(110, 50), right_eye=(90, 50), nose=(100, 60))
    # Mouth at 60 + 0.6 * (60 - 50) = 66: eyes to mouth 16, side 48; points span y 50..66.
    boxes, _ = align.face_boxes(tf.constant(person), tf.zeros([1, 4]), tf.constant([200.0]), indices=INDICES)
    np.testing.assert_allclose(boxes[0], [76, 34, 124, 82], atol=1e-3)


def test_face_size_is_limited_by_the_body():
    person = points(left_ear=(101, 50), right_ear=(99, 50))
    boxes, _ = align.face_boxes(tf.constant(person), tf.zeros([1, 4]), tf.constant([100.0]), indices=INDICES)
    np.testing.assert_allclose(boxes[0], [93.5, 43.5, 106.5, 56.5], atol=1e-3)  # 0.13 radii
    wide = points(left_ear=(200, 50), right_ear=(0, 50))
    boxes, _ = align.face_boxes(tf.constant(wide), tf.zeros([1, 4]), tf.constant([100.0]), indices=INDICES)
    np.testing.assert_allclose(boxes[0], [70, 20, 130, 80], atol=1e-3)  # 0.6 radii


def test_stored_face_box_wins_and_a_single_point_is_no_face():
    person = np.concatenate([points(nose=(100, 60)), points(nose=(100, 60))])
    stored = np.float32([[1, 2, 3, 4], [0, 0, 0, 0]])
    boxes, known = align.face_boxes(
        tf.constant(person), tf.constant(stored), tf.constant([99.0, 99.0]), indices=INDICES
    )
    np.testing.assert_array_equal(boxes[0], stored[0])
    np.testing.assert_array_equal(known, [True, False])


def test_face_boxes_of_real_people_are_the_stored_ones(shared_dir):
    """The formula reproduces the boxes that the real annotations carry."""
    from blazepose_tf.converters import coco

    content = coco.load(shared_dir / "data" / "detector" / "val.json")
    people = [a for a in content["annotations"] if "face_box" in a and not a.get("ignore")][:200]
    keypoints = np.float32([a["keypoints"] for a in people]).reshape(-1, 33, 3)
    stored = np.float32([a["face_box"] for a in people])
    radius = np.linalg.norm(np.float32([a["scale_point"] for a in people]) - [a["center"] for a in people], axis=1)
    boxes, known = align.face_boxes(
        tf.constant(keypoints), tf.zeros([len(people), 4]), tf.constant(radius, tf.float32), indices=INDICES
    )
    stored[:, 2:] += stored[:, :2]
    close = np.abs(boxes.numpy() - stored).max(axis=1) < 1.0
    assert known.numpy().all()
    assert close.mean() > 0.97  # labels are rounded to a tenth of a pixel


def test_remap_table_points_behind_the_source_for_what_it_lacks():
    np.testing.assert_array_equal(align.remap_table(("a", "b"), ("b", "c", "a")), [1, 2, 0])
