"""Rendered samples: determinism, exact keypoints, occlusion, circle, face box and the dataset on disk."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest

from blazepose_tf import synthetic, topology
from blazepose_tf.synthetic.annotations import body_circle, face_square
from blazepose_tf.synthetic.appearance import Material, sample_look
from blazepose_tf.synthetic.body import Body, build_skeleton
from blazepose_tf.synthetic.dress import build_solids
from blazepose_tf.synthetic.pose import from_angles
from blazepose_tf.synthetic.render import render_scene
from blazepose_tf.synthetic.scene import Ball, Box, Scene, look_at, lowest_point, on_the_floor

INDEX = {name: i for i, name in enumerate(topology.KEYPOINTS)}
SIZE = (160, 128)  # not square on purpose


@pytest.fixture(scope="module")
def samples():
    return list(synthetic.iterate(7, 40, size=SIZE))


def standing(yaw: float = 0.0, **angles: float) -> Scene:
    """One adult in front of a level camera 5 m away."""
    body = Body()
    rng = np.random.default_rng(1)
    pose = from_angles({"root_yaw": yaw, "left_shoulder_abduct": 30, "right_shoulder_abduct": 30} | angles)
    person = on_the_floor(build_skeleton(body, pose), sample_look(rng, body))
    camera = look_at(np.array((0, 0.9, 0)), distance=5, elevation=0, roll=0, focal=600, center=(128, 128))
    return Scene(camera, (person,), (), (), np.array((0.0, 0.6, 0.8)), 0.5, np.ones(3), 1, None)


def test_same_seed_and_index_give_the_same_sample(samples):
    again = synthetic.render_sample(7, 23, size=SIZE)  # drawn alone, not after 22 others
    for name in ("image", "keypoints", "alignment", "face_box", "masks", "keypoints_unclipped"):
        np.testing.assert_array_equal(getattr(again, name), getattr(samples[23], name))
    assert not np.array_equal(samples[23].image, samples[24].image)
    assert not np.array_equal(samples[23].image, synthetic.render_sample(8, 23, size=SIZE).image)


def test_shapes_and_types(samples):
    for s in samples:
        n = len(s.keypoints)
        assert n >= 1
        assert (s.image.shape, s.image.dtype) == ((*SIZE, 3), np.uint8)
        assert (s.keypoints.shape, s.keypoints.dtype) == ((n, 33, 3), np.float32)
        assert (s.alignment.shape, s.face_box.shape) == ((n, 2, 2), (n, 4))
        assert (s.masks.shape, s.masks.dtype) == ((n, *SIZE), bool)


def test_visible_keypoints_are_on_their_person(samples):
    """A visible point is inside the mask, which may miss limbs thinner than half a pixel: one pixel of tolerance."""
    total = 0
    for s in samples:
        for keypoints, mask in zip(s.keypoints, s.masks, strict=True):
            near = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3)))
            visible = keypoints[keypoints[:, 2] == 2]
            total += len(visible)
            assert near[visible[:, 1].astype(int), visible[:, 0].astype(int)].all()
    assert total > 300


def test_points_outside_the_picture_are_unlabelled(samples):
    height, width = SIZE
    outside = 0
    for s in samples:
        unclipped = s.keypoints_unclipped
        inside = ((unclipped[..., :2] >= 0) & (unclipped[..., :2] < (width, height))).all(-1)
        np.testing.assert_array_equal(s.keypoints[..., 2] > 0, inside)
        np.testing.assert_array_equal(s.keypoints[inside], unclipped[inside])
        assert not s.keypoints[~inside].any()
        outside += np.count_nonzero(~inside)
    assert outside > 0


def test_subject_has_hips_and_shoulders_in_the_picture(samples):
    torso = topology.indices(topology.GROUPS["torso"])
    assert all((s.keypoints[0, torso, 2] > 0).all() for s in samples)


def test_circle_covers_all_points_and_points_to_the_shoulders(samples):
    hips, shoulders = topology.indices(("left_hip", "right_hip")), topology.indices(("left_shoulder", "right_shoulder"))
    for s in samples:
        points = s.keypoints_unclipped[..., :2]
        center, arm = s.alignment[:, 0], s.alignment[:, 1] - s.alignment[:, 0]
        radius = np.linalg.norm(arm, axis=1)
        np.testing.assert_allclose(center, points[:, hips].mean(1), atol=1e-3)
        assert (np.linalg.norm(points - center[:, None], axis=2) <= radius[:, None]).all()
        spine = points[:, shoulders].mean(1) - center
        assert (np.einsum("ni,ni->n", spine, arm) > 0.999 * np.linalg.norm(spine, axis=1) * radius).all()


def test_circle_and_face_box_by_hand():
    points = np.zeros((33, 2))
    points[[INDEX["left_hip"], INDEX["right_hip"]]] = (110, 100), (90, 100)
    points[[INDEX["left_shoulder"], INDEX["right_shoulder"]]] = (115, 60), (85, 60)
    rest = [i for name, i in INDEX.items() if "hip" not in name and "shoulder" not in name]
    points[rest] = (100, 100)
    circle = body_circle(points, np.array((100.0, 20.0)))
    np.testing.assert_allclose(circle, [(100, 100), (100, 12)])  # farthest: the head top, 80; 1.1 * 80 = 88 upwards
    face = topology.indices(topology.GROUPS["face"])
    points[face] = (100, 40)
    points[[INDEX["left_ear"], INDEX["right_ear"]]] = (106, 40), (94, 40)
    points[[INDEX["mouth_left"], INDEX["mouth_right"]]] = (100, 44)
    # Ears 12 apart: 1.5 * 12 = 18; eyes to mouth 4: 3 * 4 = 12. Middle of the face: (100, 42).
    np.testing.assert_allclose(face_square(points, circle), (91, 33, 18, 18))
    points[face] = (100, 40)
    np.testing.assert_allclose(face_square(points, circle)[2:], 0.13 * 88)  # a far side never gets smaller than this


def test_left_is_left():
    """Facing the camera, the person's left is on the right of the picture; from behind on the left."""
    for yaw, sign in ((0, 1), (180, -1)):
        k = render_scene(standing(yaw), size=(256, 256)).keypoints[0]
        for name in ("shoulder", "hip", "eye", "ankle", "wrist", "foot_index"):
            assert sign * (k[INDEX[f"left_{name}"], 0] - k[INDEX[f"right_{name}"], 0]) > 0


def test_face_is_visible_from_the_front_only():
    face = topology.indices(("nose", "left_eye", "right_eye", "mouth_left", "mouth_right"))
    assert (render_scene(standing(0), size=(256, 256)).keypoints[0, face, 2] == 2).all()
    assert (render_scene(standing(180), size=(256, 256)).keypoints[0, face, 2] == 1).all()
    # In profile the far eye and ear are hidden; turned to the person's left, the left side is away from the camera.
    side = render_scene(standing(90), size=(256, 256)).keypoints[0, :, 2]
    assert (side[INDEX["right_ear"]], side[INDEX["left_ear"]], side[INDEX["nose"]]) == (2, 1, 2)


def test_own_body_hides():
    k = render_scene(standing(0, left_shoulder_flex=-40, left_elbow=60), size=(256, 256)).keypoints[0]
    assert k[INDEX["right_wrist"], 2] == 2
    hidden = render_scene(standing(90, right_shoulder_abduct=100), size=(256, 256)).keypoints[0]
    assert (hidden[INDEX["left_hip"], 2], hidden[INDEX["right_hip"], 2]) == (1, 2)


@pytest.mark.parametrize("shape", ["box", "ball"])
def test_object_in_front_hides_and_object_behind_does_not(shape):
    scene = standing()
    wrist = scene.persons[0].skeleton.joints["left_wrist"] + scene.persons[0].offset
    before = render_scene(scene, size=(256, 256))
    for z, state in ((0.8, 1), (-0.8, 2)):
        # On the line from the wrist to the camera, which is at (0, 0.9, 5).
        place = wrist + (np.array((0, 0.9, 5)) - wrist) * (z / 5)
        if shape == "box":
            new = replace(scene, boxes=(Box(place, np.eye(3), np.full(3, 0.1), Material((1, 0, 0))),))
        else:
            new = replace(scene, balls=(Ball(place, place, 0.1, Material((1, 0, 0))),))
        after = render_scene(new, size=(256, 256))
        assert after.keypoints[0, INDEX["left_wrist"], 2] == state
        assert before.keypoints[0, INDEX["left_wrist"], 2] == 2
        np.testing.assert_array_equal(after.keypoints[..., :2], before.keypoints[..., :2])
        assert (after.masks.sum() < before.masks.sum()) == (state == 1)


def test_keypoint_is_at_its_hand_computed_pixel():
    """Mid-hip at height y, 5 m in front of a level camera 0.9 m high with 600 px: 128 + (0.9 - y) * 600 / 5."""
    scene = standing()
    hips = render_scene(scene, size=(256, 256)).keypoints[0, [INDEX["left_hip"], INDEX["right_hip"]], :2]
    half = 0.053 * 1.75 * 600 / 5
    y = 128 + (0.9 - scene.persons[0].offset[1]) * 120
    np.testing.assert_allclose(hips, [(128 + half, y), (128 - half, y)], atol=1e-3)


def test_person_stands_on_the_floor():
    person = standing().persons[0]
    assert lowest_point(build_solids(person.skeleton, person.look)) + person.offset[1] == pytest.approx(0, abs=1e-9)


def test_masks_of_several_persons_do_not_overlap():
    s = synthetic.render_sample(3, 1, size=SIZE, persons=4)
    assert len(s.keypoints) >= 2
    assert s.masks.sum(0).max() == 1


def test_nobody():
    s = synthetic.render_sample(3, 2, size=SIZE, persons=0)
    assert (s.keypoints.shape, s.alignment.shape, s.face_box.shape) == ((0, 33, 3), (0, 2, 2), (0, 4))
    assert s.masks.shape == (0, *SIZE)
    assert s.image.std() > 0


def test_share_of_empty_pictures():
    counts = [len(s.keypoints) for s in synthetic.iterate(2, 8, size=(64, 64), persons=1, empty=0.25)]
    assert counts.count(0) == 2


@pytest.mark.parametrize("kwargs", [{"size": (16, 64)}, {"persons": -1}, {"supersample": 0}])
def test_bad_arguments(kwargs):
    with pytest.raises(ValueError, match="Received"):
        synthetic.render_sample(0, 0, **kwargs)
    with pytest.raises(ValueError, match="must not be negative"):
        synthetic.render_sample(-1, 0)


def test_video_moves_smoothly_and_stays_in_the_picture():
    frames = [s.keypoints[0] for s in synthetic.render_video(4, 40, size=(120, 160), supersample=1)]
    points = np.stack(frames)
    assert (points[..., 2] > 0).all()
    steps = np.linalg.norm(np.diff(points[..., :2], axis=0), axis=2)
    assert steps.max() < 9  # px a frame: a fingertip crosses the picture in half a second at most
    assert np.ptp(points[:, INDEX["left_hip"], 1]) > 10  # it squats
    again = next(iter(synthetic.render_video(4, 1, size=(120, 160), supersample=1)))
    np.testing.assert_array_equal(again.keypoints[0], points[0])


def test_dataset_round_trip(tmp_path):
    seen = []
    path = synthetic.write_dataset(
        tmp_path / "set", 6, 5, size=SIZE, empty=0.2, persons=2, progress=lambda done, count: seen.append((done, count))
    )
    assert path == tmp_path / "set" / "train.json"
    assert seen == [(i + 1, 6) for i in range(6)]
    assert not list((tmp_path / "set").rglob("*.partial"))
    content = json.loads(path.read_text())
    assert content["categories"][0]["keypoints"] == list(topology.KEYPOINTS)
    assert [image["width"] for image in content["images"]] == [SIZE[1]] * 6
    expected = list(synthetic.iterate(5, 6, size=SIZE, empty=0.2, persons=2))
    for image, sample in zip(content["images"], expected, strict=True):
        stored = cv2.imread(str(tmp_path / "set" / "images" / image["file_name"]))[..., ::-1]
        assert np.abs(stored.astype(int) - sample.image).mean() < 8  # JPEG
        people = [a for a in content["annotations"] if a["image_id"] == image["id"]]
        assert len(people) == len(sample.keypoints)
        for i, a in enumerate(people):
            if a["ignore"]:
                assert a["iscrowd"] == 1 and a["weight"] == 0 and not any(a["keypoints"])
                continue
            np.testing.assert_allclose(np.reshape(a["keypoints"], (33, 3)), sample.keypoints[i], atol=0.006)
            np.testing.assert_allclose([a["center"], a["scale_point"]], sample.alignment[i], atol=0.006)
            np.testing.assert_allclose(a["face_box"], sample.face_box[i], atol=0.006)
            assert a["area"] == sample.masks[i].sum()
            assert a["num_keypoints"] == a["keypoint_source"].count("s") == (sample.keypoints[i, :, 2] > 0).sum()
            x, y, w, h = a["bbox"]
            assert 0 <= x < x + w <= SIZE[1] and 0 <= y < y + h <= SIZE[0]
    assert any(not a["ignore"] for a in content["annotations"])


def test_dataset_is_read_like_any_other(tmp_path):
    from blazepose_tf.data import coco_reader, records  # loads TensorFlow, which the other tests here do without

    path = synthetic.write_dataset(tmp_path, 3, 9, size=SIZE, persons=1)
    coco_reader.write_records(path, tmp_path / "records", name="d")
    opened = records.open_records(tmp_path / "records")
    assert len(opened) == 3
    for position in range(3):
        example = opened.example(position)
        sample = synthetic.render_sample(9, position, size=SIZE, persons=1)
        np.testing.assert_allclose(example.keypoints, sample.keypoints, atol=0.006)
        np.testing.assert_allclose(example.alignment, sample.alignment, atol=0.006)
        x, y, side, _ = sample.face_box[0]
        np.testing.assert_allclose(example.face_box, [(x, y, x + side, y + side)], atol=0.02)


def test_needs_neither_tensorflow_nor_keras():
    code = (
        "import sys; from blazepose_tf import synthetic; synthetic.render_sample(0, 0, size=(64, 64));"
        "print([m for m in ('tensorflow', 'keras') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
