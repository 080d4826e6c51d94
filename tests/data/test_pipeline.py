"""The tracker's input pipeline, on real records."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
import tensorflow as tf

from blazepose_tf import specs, topology
from blazepose_tf.data import config as config_lib
from blazepose_tf.data import pipeline, records
from blazepose_tf.data.damage import DamageReport
from blazepose_tf.data.order import Source
from blazepose_tf.geometry import affine
from blazepose_tf.geometry import roi as roi_lib

SPEC = specs.TrackerSpec(input_size=128)
CALM = config_lib.PhotometricConfig(
    0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, low_resolution_probability=0.0, noise_probability=0.0, jpeg_probability=0.0
)
PLAIN = config_lib.TrackerDataConfig(
    photometric=CALM, occlusion=config_lib.OcclusionConfig(probability=0.0), negative_probability=0.0
)


def collect(dataset) -> list[dict]:
    return list(dataset.as_numpy_iterator())


def equal(a: dict, b: dict) -> None:
    assert a.keys() == b.keys()
    for key in a:
        np.testing.assert_array_equal(a[key], b[key], err_msg=key)


@pytest.fixture(scope="module")
def epoch(ten_records):
    """One augmented epoch with everything on."""
    return collect(pipeline.tracker_samples(ten_records, spec=SPEC, seed=3, epoch=1))


def test_epoch_holds_every_picture_once(epoch):
    assert sorted(s["image_id"] for s in epoch) == sorted(f"picture_{i}".encode() for i in range(10))
    assert [s["position"] for s in epoch] == list(range(10))
    assert {s["presence"] for s in epoch if s["image_id"] == b"picture_9"} == {0.0}


def test_resumed_epoch_is_the_rest_of_the_whole(ten_records, epoch):
    config = config_lib.TrackerDataConfig(parallel_calls=2)
    rest = collect(pipeline.tracker_samples(ten_records, spec=SPEC, config=config, seed=3, epoch=1, skip_examples=6))
    assert len(rest) == 4
    for a, b in zip(rest, epoch[6:], strict=True):
        equal(a, b)


def test_other_epoch_is_another_view(ten_records, epoch):
    other = {s["image_id"]: s for s in collect(pipeline.tracker_samples(ten_records, spec=SPEC, seed=3, epoch=2))}
    assert all((other[s["image_id"]]["crop_matrix"] != s["crop_matrix"]).any() for s in epoch)


def test_matrix_points_and_alignment_agree(ten_records):
    """Mapped back by the crop matrix, labels are where the records have them; mirrored ones with sides exchanged."""
    by_id = {f"picture_{i}".encode(): ten_records.example(i) for i in range(9)}
    mirrored = 0
    for s in collect(pipeline.tracker_samples(ten_records, spec=SPEC, config=PLAIN, seed=0)):
        if s["image_id"] not in by_id:
            continue
        label = by_id[s["image_id"]].keypoints[0]
        if np.linalg.det(s["crop_matrix"][:, :2]) < 0:
            mirrored += 1
            label = label[topology.mirror_permutation()]
        np.testing.assert_allclose(affine.apply(s["crop_matrix"], s["points"]), label[:, :2], atol=0.01)
        np.testing.assert_array_equal(s["state"], label[:, 2])
        center = affine.apply(s["crop_matrix"], s["alignment"])[0]
        np.testing.assert_allclose(center, label[23:25, :2].mean(axis=0), atol=0.01)
    assert 1 <= mirrored <= 8


def test_evaluation_is_the_plain_roi_in_file_order(ten_records):
    samples = collect(pipeline.tracker_samples(ten_records, spec=SPEC, training=False))
    assert [s["image_id"] for s in samples] == [f"picture_{i}".encode() for i in range(10)]
    for s in samples[:9]:
        # Mid-hip in the middle, upright, the circle 1 / 1.25 of the crop.
        np.testing.assert_allclose(s["alignment"], [[64, 64], [64, 64 - 64 / 1.25]], atol=1e-3)
        assert s["presence"] == 1
    roi = roi_lib.crop_matrix(roi_lib.from_alignment(samples[0]["alignment"]), 128.0)
    np.testing.assert_allclose(roi, [[1, 0, 0], [0, 1, 0]], atol=1e-4)


def dot_picture(points, encode, width=320, height=240, sigma=3.5):
    xs, ys = np.arange(width) + 0.5, np.arange(height) + 0.5
    image = np.zeros((height, width))
    for x, y in points:
        image += 255 * np.exp(-0.5 * (((xs[None] - x) / sigma) ** 2 + ((ys[:, None] - y) / sigma) ** 2))
    return encode(np.repeat(np.round(image)[..., None], 3, axis=-1).astype(np.uint8), kind=".png")


def test_dot_painted_on_a_keypoint_stays_on_it(tmp_path, example, encode, body):
    """Render a Gaussian at a keypoint, run the whole of alignment, augmentation and warp, compare centroids."""
    wrist = topology.KEYPOINTS.index("left_wrist")
    person = body((150.3, 128.7), 120.0, 0.2)
    picture = dot_picture([person[wrist, :2]], encode)
    records.write_shards(
        range(8), lambda i: example(i, image=picture, keypoints=person[None]), folder=tmp_path, name="dots"
    )
    spec = specs.TrackerSpec(input_size=256)
    view = config_lib.ViewConfig(partial_probability=0.0, any_rotation_probability=0.2)
    config = config_lib.TrackerDataConfig(
        view=view, photometric=CALM, occlusion=PLAIN.occlusion, negative_probability=0.0
    )
    errors = []
    for s in collect(pipeline.tracker_samples(tmp_path, spec=spec, config=config, seed=1)):
        mirrored = np.linalg.det(s["crop_matrix"][:, :2]) < 0
        index = topology.KEYPOINTS.index("right_wrist") if mirrored else wrist
        weight = s["image"][..., 0].astype(np.float64)
        axis = np.arange(256) + 0.5
        found = np.array([(weight.sum(0) * axis).sum(), (weight.sum(1) * axis).sum()]) / weight.sum()
        errors.append(np.abs(found - s["points"][index]).max())
    assert len(errors) == 8
    assert max(errors) < 0.05


def test_batches_follow_the_contract(ten_records):
    dataset = pipeline.tracker_dataset(ten_records, spec=SPEC, batch_size=4, seed=3)
    batches = list(dataset)
    assert len(batches) == 2  # the incomplete third is left out
    inputs, targets, weights = batches[0]
    assert {k: tuple(v.shape) for k, v in inputs.items()} == {"image": (4, 128, 128, 3)}
    assert {k: tuple(v.shape) for k, v in targets.items()} == {
        "landmarks": (4, 33, 3),
        "pose_presence": (4, 1),
        "alignment": (4, 2, 2),
        "heatmaps": (4, 32, 32, 33),
        "offsets": (4, 32, 32, 132),
    }
    assert {k: tuple(v.shape) for k, v in weights.items()} == {
        "landmarks": (4, 33),
        "pose_presence": (4,),
        "alignment": (4, 2),
        "heatmaps": (4, 33),
        "offsets": (4, 33),
    }
    assert 0 <= tf.reduce_min(inputs["image"]) <= tf.reduce_max(inputs["image"]) <= 1
    assert tf.reduce_max(inputs["image"]) > 0.3
    for part in (inputs, targets, weights):
        assert all(v.dtype == tf.float32 and bool(tf.reduce_all(tf.math.is_finite(v))) for v in part.values())


def test_evaluation_keeps_the_last_batch(ten_records):
    dataset = pipeline.tracker_dataset(ten_records, spec=SPEC, batch_size=4, training=False)
    assert [len(inputs["image"]) for inputs, _, _ in dataset] == [4, 4, 2]


@pytest.fixture(scope="module")
def damaged(tmp_path_factory, example):
    """Twelve records: 2 with a wrong checksum, 5 no picture, 7 a person without hips, 11 (the last) no picture."""
    folder = tmp_path_factory.mktemp("damaged")

    def build(i):
        if i in (5, 11):
            return example(i, image=b"\xff\xd8\xff\xe0 this is no picture")
        if i == 7:
            broken = example(i)
            points = broken.keypoints.copy()
            points[0, 23] = 0
            return example(i, keypoints=points)
        return example(i)

    records.write_shards(range(12), build, folder=folder, name="d", num_shards=1)
    opened = records.open_records(folder)
    content = bytearray((folder / "d-00000-of-00001.tfrecord").read_bytes())
    content[opened.offsets[2] + 300] ^= 0xFF
    (folder / "d-00000-of-00001.tfrecord").write_bytes(content)
    return opened


def test_damage_is_counted_named_and_replaced_by_blanks(damaged, caplog):
    report = DamageReport()
    samples = collect(pipeline.tracker_samples(damaged, spec=SPEC, training=False, report=report))
    assert len(samples) == 12
    blank = [i for i, s in enumerate(samples) if s["image_id"] == b""]
    assert blank == [2, 5, 7, 11]
    assert all(samples[i]["weight"] == 0 and not samples[i]["state"].any() for i in blank)
    assert report.count == 4
    assert "damaged record at byte" in report.reasons[2]
    assert "picture_5: picture does not decode" in report.reasons[5]
    assert f"picture_7: {pipeline.NO_ALIGNMENT}" in report.reasons[7]
    assert "skipped a damaged example (4 so far)" in caplog.text


def test_damage_does_not_move_the_others(damaged):
    """Positions stay where they are, also after resuming behind a hole."""
    whole = collect(pipeline.tracker_samples(damaged, spec=SPEC, training=False))
    rest = collect(pipeline.tracker_samples(damaged, spec=SPEC, training=False, skip_examples=6))
    for a, b in zip(rest, whole[6:], strict=True):
        equal(a, b)


def test_weights_of_dataset_source_picture_and_person_multiply(tmp_path, example):
    records.write_shards(
        range(2),
        lambda i: example(i, weight=0.5, person_weight=[0.5], dataset="ab"[i]),
        folder=tmp_path,
        name="d",
    )
    config = config_lib.TrackerDataConfig(dataset_weights={"b": 0.1})
    source = Source(records.open_records(tmp_path), weight=2.0)
    samples = collect(pipeline.tracker_samples(source, spec=SPEC, config=config, training=False))
    np.testing.assert_allclose([s["weight"] for s in samples], [0.5, 0.05])


def test_datasets_with_different_keypoints_train_together(tmp_path, example):
    own = ("tail", "left_hip", "right_hip", "left_shoulder", "right_shoulder", "nose")
    records.write_shards(range(2), example, folder=tmp_path, name="full")
    records.write_shards(range(2, 4), lambda i: example(i).with_keypoint_set(own), folder=tmp_path, name="few")
    spec = specs.TrackerSpec(input_size=128, keypoint_names=("nose", "left_knee", "tail"))
    both = [tmp_path / "full.json", tmp_path / "few.json"]
    samples = collect(pipeline.tracker_samples(both, spec=spec, training=False))
    np.testing.assert_array_equal([s["state"] for s in samples], [[2, 2, 0], [2, 2, 0], [2, 0, 0], [2, 0, 0]])
    # The alignment comes from all points of a source, not from the three that are learnt.
    np.testing.assert_allclose([s["alignment"][0] for s in samples], np.full((4, 2), 64.0), atol=1e-3)


def test_keypoints_stay_on_their_pixels_in_real_pictures(shared_dir, tmp_path):
    """A crop of a real picture, made by the pipeline, equals OpenCV's with the matrix that it reports."""
    from blazepose_tf.data import coco_reader
    from blazepose_tf.runtime import warp as runtime_warp

    path = shared_dir / "data" / "tracker" / "val.json"
    coco_reader.write_records(path, tmp_path, name="real", limit=4)
    opened = records.open_records(tmp_path)
    spec = specs.TrackerSpec()
    for i, s in enumerate(collect(pipeline.tracker_samples(opened, spec=spec, training=False))):
        picture = cv2.imdecode(np.frombuffer(opened.example(i).image, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
        theirs = runtime_warp.warp(np.ascontiguousarray(picture), s["crop_matrix"], 256)
        assert np.abs(theirs - s["image"]).mean() < 0.5  # decoders and interpolations differ by a grey level


def test_mirror_of_a_one_sided_set_shows_the_other_side(ten_records):
    spec = specs.TrackerSpec(input_size=128, keypoint_names=("left_wrist",))
    view = config_lib.ViewConfig(mirror_probability=1.0)
    config = config_lib.TrackerDataConfig(view, CALM, PLAIN.occlusion, negative_probability=0.0)
    samples = collect(pipeline.tracker_samples(ten_records, spec=spec, config=config).take(3))
    right = topology.KEYPOINTS.index("right_wrist")
    for s in samples:
        number = int(s["image_id"].decode().split("_")[1])
        label = ten_records.example(number).keypoints
        if len(label):
            found = affine.apply(s["crop_matrix"], s["points"])[0]
            np.testing.assert_allclose(found, label[0, right, :2], atol=0.01)


def test_skip_beyond_the_epoch_is_refused(ten_records):
    with pytest.raises(ValueError, match="skip_examples must be in"):
        pipeline.tracker_samples(ten_records, spec=SPEC, skip_examples=11)


def test_own_points_change_sides_with_the_body_however_their_names_are_spelt(example, tmp_path):
    """The glove is put on the wrist, so that it has to lie where the wrist is labelled, mirrored or not."""
    left, right = (topology.KEYPOINTS.index(f"{side}_wrist") for side in ("left", "right"))
    names = (*topology.KEYPOINTS, "Left Glove", "glove-R")

    def build(i):
        made = example(i)
        keypoints = np.concatenate([made.keypoints, made.keypoints[:, [left, right]]], axis=1)
        return dataclasses.replace(made, names=names, keypoints=keypoints)

    records.write_shards(range(3), build, folder=tmp_path, name="gloves")
    view = config_lib.ViewConfig(mirror_probability=1.0)
    config = config_lib.TrackerDataConfig(view, CALM, PLAIN.occlusion, negative_probability=0.0)
    spec = specs.TrackerSpec(input_size=128, keypoint_names=names)
    samples = collect(pipeline.tracker_samples(records.open_records(tmp_path), spec=spec, config=config))
    for s in samples:
        np.testing.assert_allclose(s["points"][-2:], s["points"][[left, right]], atol=1e-3)
    assert any(s["state"][left] > 0 for s in samples)
