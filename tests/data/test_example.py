"""The example and its features."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from blazepose_tf import topology
from blazepose_tf.data import example as lib


def same(a: lib.Example, b: lib.Example) -> None:
    for name in ("image", "width", "height", "names", "weight", "dataset", "image_id", "split"):
        assert getattr(a, name) == getattr(b, name)
    for name in ("keypoints", "alignment", "boxes", "face_box", "person_weight", "ignore_boxes"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def test_decode_inverts_encode(example):
    full = example(
        1,
        people=2,
        alignment=np.arange(8).reshape(2, 2, 2),
        boxes=np.arange(8).reshape(2, 4),
        face_box=[[1, 2, 3, 4], [0, 0, 0, 0]],
        person_weight=[0.5, 1.0],
        ignore_boxes=[[5, 6, 7, 8]],
        weight=0.25,
    )
    same(lib.decode(lib.encode(full)), full)


def test_features_stand_in_one_order(example):
    """The same example is the same bytes in every process."""
    raw = lib.encode(example(1, people=2, alignment=np.arange(8).reshape(2, 2, 2)))
    names = [
        "dataset",
        "image/encoded",
        "image/height",
        "keypoints/names",
        "person/alignment",
        "person/weight",
        "weight",
    ]
    positions = [raw.index(b"\n" + bytes([len(name)]) + name.encode()) for name in names]
    assert positions == sorted(positions)


def test_picture_without_people_survives(example):
    empty = example(1, people=0)
    back = lib.decode(lib.encode(empty))
    same(back, empty)
    assert back.keypoints.shape == (0, 33, 3)
    assert back.ignore_boxes.shape == (0, 4)


def test_graph_reader_agrees_with_decode(example):
    full = example(2, people=2, face_box=[[1, 2, 3, 4], [5, 6, 7, 8]], ignore_boxes=[[5, 6, 7, 8]], weight=0.5)
    parsed = lib.parse(tf.constant(lib.encode(full)), num_keypoints=33)
    for name in ("keypoints", "alignment", "boxes", "face_box", "person_weight", "ignore_boxes"):
        np.testing.assert_array_equal(parsed[name].numpy(), getattr(full, name), err_msg=name)
    assert (parsed["width"].numpy(), parsed["height"].numpy()) == (320, 240)
    assert parsed["weight"].numpy() == 0.5
    assert parsed["image_id"].numpy() == b"picture_2"


def test_graph_reader_fills_absent_features():
    features = {
        "image/encoded": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"x"])),
        "image/width": tf.train.Feature(int64_list=tf.train.Int64List(value=[4])),
        "image/height": tf.train.Feature(int64_list=tf.train.Int64List(value=[3])),
        "person/keypoints": tf.train.Feature(float_list=tf.train.FloatList(value=[1, 2, 2, 0, 0, 0])),
    }
    raw = tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()
    parsed = lib.parse(tf.constant(raw), num_keypoints=2)
    np.testing.assert_array_equal(parsed["keypoints"].numpy(), [[[1, 2, 2], [0, 0, 0]]])
    np.testing.assert_array_equal(parsed["person_weight"].numpy(), [1.0])
    assert parsed["alignment"].shape == (1, 2, 2)
    assert parsed["ignore_boxes"].shape == (0, 4)


def test_main_person_moves_to_the_front_with_all_it_has(example):
    both = example(1, people=2, person_weight=[0.5, 1.0])
    swapped = both.with_main_person(1)
    np.testing.assert_array_equal(swapped.keypoints, both.keypoints[::-1])
    np.testing.assert_array_equal(swapped.person_weight, [1.0, 0.5])


def test_keypoint_set_is_changed_by_name(example):
    reduced = example(1).with_keypoint_set(("left_wrist", "tail"))
    np.testing.assert_array_equal(
        reduced.keypoints[0, 0], example(1).keypoints[0, topology.KEYPOINTS.index("left_wrist")]
    )
    np.testing.assert_array_equal(reduced.keypoints[0, 1], 0.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": b""}, "encoded picture"),
        ({"width": 0}, "positive"),
        ({"keypoints": np.zeros((1, 5, 3))}, "keypoints must have shape"),
        ({"alignment": np.zeros((2, 2, 2))}, "alignment must have shape"),
        ({"keypoints": np.full((1, 33, 3), np.nan)}, "finite"),
        ({"keypoints": np.full((1, 33, 3), 3.0)}, "0, 1 or 2"),
        ({"names": ("a", "a")}, "unique"),
    ],
)
def test_wrong_values_are_named(example, change, message):
    with pytest.raises(ValueError, match=message):
        example(1, **change)


def test_garbage_is_no_record():
    with pytest.raises(ValueError, match="not a serialised example"):
        lib.decode(b"garbage that is not a protocol buffer")
