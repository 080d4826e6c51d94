"""Depth, metric points and masks, from a COCO file to batches: they turn, mirror and scale with the view."""

from __future__ import annotations

import dataclasses
import json

import cv2
import numpy as np
import pytest

from blazepose_tf import specs, synthetic, topology
from blazepose_tf.converters import attributes, coco
from blazepose_tf.converters.annotations import Damage
from blazepose_tf.data import coco_reader, pipeline, records
from blazepose_tf.data import config as config_lib
from blazepose_tf.data.example import decode, encode
from blazepose_tf.geometry import affine

SPEC = specs.TrackerSpec(input_size=128, depth=True)
CONFIG = config_lib.TrackerDataConfig(
    view=dataclasses.replace(config_lib.ViewConfig(), mirror_probability=0.5, any_rotation_probability=0.5),
    photometric=config_lib.PhotometricConfig(
        *[0.0] * 8, low_resolution_probability=0.0, noise_probability=0.0, jpeg_probability=0.0
    ),
    occlusion=config_lib.OcclusionConfig(probability=0.0),
    negative_probability=0.0,
    world_targets=True,
    mask_targets=True,
)
PIXELS_PER_METRE = 90.0


def test_run_lengths_are_cocos():
    mask = np.array([[0, 1, 1], [0, 0, 1]], bool)
    assert attributes.encode(mask) == {"size": [2, 3], "counts": [2, 1, 1, 2]}
    assert attributes.encode(~mask) == {"size": [2, 3], "counts": [0, 2, 1, 1, 2]}
    for each in (mask, ~mask, np.zeros((4, 5), bool), np.ones((4, 5), bool)):
        np.testing.assert_array_equal(attributes.decode(attributes.encode(each)), each)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("z", [1.0, 2.0], "z: expected 33 entries"),
        ("z", [1e9] * 33, "z: expected finite numbers"),
        ("world", [[0.0, 0.0, 400.0]] * 33, "world: expected finite numbers"),
        ("segmentation", {"size": [4, 4], "counts": [3, 3]}, "segmentation: 6 pixels"),
        ("segmentation", {"size": [4, 4], "counts": [3.5, 3]}, "segmentation.counts: expected whole numbers"),
    ],
)
def test_senseless_attributes_are_told(field, value, message):
    with pytest.raises(ValueError, match=message):
        attributes.read({field: value}, 33)


def test_unknown_points_stay_unknown():
    entry = {"z": [None, *[1.5] * 32], "world": [*[[0.1, 0.2, 0.3]] * 32, None]}
    read = attributes.read(entry, 33)
    assert read.z[:, 1].tolist() == [0.0] + [1.0] * 32 and read.world[:, 3].tolist() == [1.0] * 32 + [0.0]
    assert attributes.fields(read) == entry
    assert attributes.read({"segmentation": [[1, 1, 5, 5, 1, 5]]}, 33).mask is None


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rendered")
    path = synthetic.write_dataset(folder, 6, 5, size=(160, 200), persons=1)
    coco_reader.write_records(path, folder / "records", every_person=True, name="people")
    return path, records.open_records(folder / "records" / "people.json")


def test_records_hold_what_was_rendered(rendered):
    path, opened = rendered
    assert not any(isinstance(picture, Damage) for picture in coco.read(path).pictures)
    for position in range(len(opened)):
        example = opened.example(position)
        index = int(example.image_id.split("_")[1].split(".")[0])
        sample = synthetic.render_sample(5, index, size=(160, 200), persons=1)
        np.testing.assert_allclose(example.world[0, :, :3], sample.world[0], atol=1e-4)
        np.testing.assert_allclose(example.z[0, :, 0], sample.z[0], atol=0.01)
        mask = cv2.imdecode(np.frombuffer(example.masks[0], np.uint8), cv2.IMREAD_UNCHANGED) > 0
        np.testing.assert_array_equal(mask, sample.masks[0])
        again = decode(encode(example))
        assert again.masks == example.masks
        np.testing.assert_array_equal(again.world, example.world)


def test_rendered_world_is_what_the_camera_saw():
    sample = synthetic.render_sample(3, 1, persons=1)
    hips = list(topology.indices(("left_hip", "right_hip")))
    np.testing.assert_allclose(sample.world[0, hips].mean(0), 0.0, atol=1e-6)
    # Away from the camera's axis perspective moves points; their order from left to right and up and down stays.
    for axis in (0, 1):
        assert np.corrcoef(sample.world[0, :, axis], sample.keypoints_unclipped[0, :, axis])[0, 1] > 0.95
    assert np.corrcoef(sample.world[0, :, 2], sample.z[0])[0, 1] > 0.999


@pytest.fixture(scope="module")
def flat(tmp_path_factory):
    """People seen from infinitely far: a pixel is the same length everywhere. White where the mask is."""
    folder = tmp_path_factory.mktemp("flat")
    (folder / "images").mkdir()
    images, annotations = [], []
    rng = np.random.default_rng(2)
    for i in range(8):
        sample = synthetic.render_sample(11, i, size=(64, 64), persons=1)
        world = sample.world[0].astype(np.float64)
        center = rng.uniform((130.0, 110.0), (190.0, 130.0))
        points = center + PIXELS_PER_METRE * world[:, :2]
        inside = ((points > 1) & (points < (319, 239))).all(axis=1)
        mask = np.zeros((240, 320), np.uint8)
        for point in points:
            cv2.circle(mask, (int(point[0]), int(point[1])), 12, 255, -1)
        cv2.imwrite(str(folder / "images" / f"{i}.png"), np.dstack([mask] * 3))
        images.append({"id": i, "file_name": f"{i}.png", "width": 320, "height": 240})
        known = np.ones((33, 1))
        labels = attributes.Attributes(
            np.column_stack([PIXELS_PER_METRE * world[:, 2], known]),
            np.column_stack([world, known]),
            attributes.encode(mask > 0),
        )
        annotations.append({
            "id": i, "image_id": i, "category_id": 1, "iscrowd": 0, "bbox": [1, 1, 318, 238],
            "keypoints": np.column_stack([np.where(inside[:, None], points, 0), 2 * inside]).ravel().tolist(),
            "center": center.tolist(), "scale_point": (center - (0, 100)).tolist(), **attributes.fields(labels),
        })  # fmt: skip
    annotations.append({**annotations[0], "id": 99, "keypoints": annotations[1]["keypoints"], "image_id": 1})
    for name in ("z", "world", "segmentation"):
        del annotations[-1][name]
    category = {"id": 1, "name": "person", "keypoints": list(topology.KEYPOINTS)}
    document = {"images": images, "annotations": annotations, "categories": [category]}
    (folder / "flat.json").write_text(json.dumps(document))
    coco_reader.write_records(folder / "flat.json", folder / "records", every_person=True, name="flat")
    return records.open_records(folder / "records" / "flat.json")


def test_augmenting_then_projecting_is_projecting_then_augmenting(flat):
    seen = {False: 0, True: 0}
    for epoch in range(3):
        for sample in pipeline.tracker_samples(flat, spec=SPEC, config=CONFIG, seed=4, epoch=epoch).as_numpy_iterator():
            if not sample["mask_known"]:
                assert not sample["world"].any() and not sample["z"].any() and not sample["mask"].any()
                continue
            matrix = sample["crop_matrix"]
            scale = affine.scale_of(matrix)
            labelled = sample["state"] > 0
            hip = sample["alignment"][0]
            metres = PIXELS_PER_METRE / scale  # crop pixels per metre
            np.testing.assert_allclose(
                (sample["points"] - hip)[labelled], metres * sample["world"][labelled, :2], atol=0.05
            )
            np.testing.assert_allclose(sample["z"][:, 0], metres * sample["world"][:, 2], atol=0.05)
            assert sample["world"][:, 3].all() and sample["z"][:, 1].all()
            # The picture is white where the mask is: both went through one resampling.
            white = sample["image"][..., 0].reshape(64, 2, 64, 2).mean(axis=(1, 3)) / 255.0
            rows, columns = np.mgrid[0:64, 0:64] * 2.0 + 1.0
            place = affine.apply(matrix, np.stack([columns.ravel(), rows.ravel()], axis=-1)).reshape(64, 64, 2)
            inside = ((place > 2) & (place < (318, 238))).all(axis=-1)
            # Two cells of the picture are one of the mask, so that edges are as much softer.
            assert np.abs(white - sample["mask"][..., 0])[inside].mean() < 0.02
            seen[bool(np.linalg.det(matrix[:, :2]) < 0)] += 1
    assert min(seen.values()) > 3


def test_batches_carry_targets_and_weights_by_what_is_known(flat):
    dataset = pipeline.tracker_dataset(flat, spec=SPEC, config=CONFIG, batch_size=9, training=False)
    _, targets, weights = next(dataset.as_numpy_iterator())
    assert targets[specs.LANDMARKS].shape == (9, 33, 5)
    assert targets[specs.WORLD_LANDMARKS].shape == (9, 33, 4) and weights[specs.WORLD_LANDMARKS].shape == (9,)
    assert targets[specs.SEGMENTATION].shape == (9, 64, 64, 1)
    known = targets[specs.WORLD_LANDMARKS][..., 3].all(axis=1)
    assert known.sum() == 8
    np.testing.assert_array_equal(weights[specs.SEGMENTATION] > 0, known)
    plain = dataclasses.replace(CONFIG, world_targets=False, mask_targets=False)
    other = pipeline.tracker_dataset(
        flat, spec=dataclasses.replace(SPEC, depth=False), config=plain, batch_size=9, training=False
    )
    _, fewer, _ = next(other.as_numpy_iterator())
    np.testing.assert_array_equal(fewer[specs.LANDMARKS], targets[specs.LANDMARKS][..., :3])
    assert specs.WORLD_LANDMARKS not in fewer and specs.SEGMENTATION not in fewer


def test_painted_rectangles_are_not_the_person(flat):
    config = dataclasses.replace(CONFIG, occlusion=config_lib.OcclusionConfig(1.0, 2, 0.3, 0.5))
    plain = pipeline.tracker_samples(flat, spec=SPEC, config=CONFIG, seed=4).as_numpy_iterator()
    hidden = pipeline.tracker_samples(flat, spec=SPEC, config=config, seed=4).as_numpy_iterator()
    less = 0
    for a, b in zip(plain, hidden, strict=True):
        assert (b["mask"] <= a["mask"]).all()
        # A point that was seen and is below a rectangle now lies where the mask has gone.
        for x, y in b["points"][(a["state"] == 2) & (b["state"] == 1)]:
            if 4 <= x < 124 and 4 <= y < 124:  # a rectangle may begin between a point and its cell's centre
                assert b["mask"][int(y // 2) - 1 : int(y // 2) + 2, int(x // 2) - 1 : int(x // 2) + 2].min() == 0
        less += b["mask"].sum() < a["mask"].sum()
    assert less > 2
