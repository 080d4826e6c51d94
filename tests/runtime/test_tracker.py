"""The tracker on real frames with every generation of official files, and decoding of our own head."""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf import specs, topology
from blazepose_tf.geometry import affine, roi
from blazepose_tf.runtime import metadata
from blazepose_tf.runtime.pipeline import PosePipeline
from blazepose_tf.runtime.tracker import Tracker

OFFICIAL = {
    "pose_landmark_full_body_2020.tflite": (1.5, False, False),
    "pose_landmark_lite_2021_03.tflite": (1.25, True, True),
    "pose_landmark_lite_2021.tflite": (1.25, True, True),
    "pose_landmark_full_2021.tflite": (1.25, True, True),
}
# Read off frame 100 of yoga_warrior2.mp4: mid-hip and a point on the body circle towards the shoulders.
ALIGNMENT = np.array([[254.0, 159.0], [340.0, 58.0]])
BODY = {"nose": (310, 100), "left_shoulder": (301, 114), "left_ankle": (297, 231), "right_ankle": (178, 226)}


@pytest.fixture(scope="module", params=list(OFFICIAL))
def named_tracker(request, peers):
    return request.param, Tracker(peers / request.param)


def test_landmarks_sit_on_the_person(named_tracker, yoga_frames):
    name, tracker = named_tracker
    scale, has_world, refine = OFFICIAL[name]
    assert tracker.spec.roi_scale == scale and tracker.refine == refine
    track = tracker(yoga_frames[4], roi.from_alignment(ALIGNMENT, scale))
    assert track.points.shape == (33, 2) and track.pose_presence > 0.95
    for keypoint, expected in BODY.items():
        found = track.points[topology.indices([keypoint])[0]]
        assert np.abs(found - expected).max() < 9, keypoint
    assert np.abs(track.alignment - ALIGNMENT).max() < 15
    assert track.z.shape == (33,) and track.presence.shape == (33,) and (track.visibility > 0.3).all()
    assert (track.world is not None) == has_world


def test_an_empty_place_has_no_person(named_tracker):
    _, tracker = named_tracker
    blank = np.full((200, 300, 3), 90, np.uint8)
    assert tracker(blank, np.array([150.0, 100.0, 150.0, 0.0])).pose_presence < 0.2


def test_turning_the_picture_turns_everything(peers, yoga_frames):
    """A quarter turn of the picture: same crop, so the same landmarks up to interpolation, turned."""
    tracker = Tracker(peers / "pose_landmark_lite_2021_03.tflite")
    image = yoga_frames[4]
    height = image.shape[0]
    turned = np.ascontiguousarray(np.rot90(image, -1))  # clockwise: (x, y) -> (height - y, x)
    turn = np.array([[0.0, -1.0, height], [1.0, 0.0, 0.0]])
    plain = tracker(image, roi.from_alignment(ALIGNMENT, 1.25))
    other = tracker(turned, roi.from_alignment(affine.apply(turn, ALIGNMENT), 1.25))
    assert np.abs(other.points - affine.apply(turn, plain.points)).max() < 0.5
    # World axes are the image's: x right, y down; a clockwise turn maps x to y.
    np.testing.assert_allclose(other.world[:, 1], plain.world[:, 0], atol=0.02)
    np.testing.assert_allclose(other.world[:, 0], -plain.world[:, 1], atol=0.02)


@pytest.fixture(scope="module")
def our_tracker(onnx_model):
    """A file with our own head (three columns, separate alignment) and constant outputs."""
    landmarks = np.zeros((1, 33, 3), np.float32)
    landmarks[0, :, 0], landmarks[0, :, 1] = np.arange(33), 100.0
    landmarks[0, 0, 2], landmarks[0, 1, 2] = np.log(3.0), -np.log(3.0)
    outputs = {
        specs.LANDMARKS: ((1, 33, 3), landmarks, 0),
        specs.POSE_PRESENCE: ((1, 1), np.log(9.0), 0),
        specs.ALIGNMENT: ((1, 2, 2), [[128, 128], [128, 28]], 0),
    }
    document = metadata.metadata_of(specs.TrackerSpec(), model="lite")
    return onnx_model("ours.onnx", 256, outputs, document), outputs, document


def test_our_head_decodes_through_the_matrix(our_tracker):
    tracker = Tracker(our_tracker[0])
    assert tracker.spec == specs.TrackerSpec() and not tracker.refine
    # A region of side 128 centred on (74, 84): crop pixel (x, y) is image (10 + x / 2, 20 + y / 2).
    track = tracker(np.zeros((200, 300, 3), np.uint8), np.array([74.0, 84.0, 128.0, 0.0]))
    np.testing.assert_allclose(track.points[:, 0], 10 + 0.5 * np.arange(33), atol=1e-4)
    np.testing.assert_allclose(track.points[:, 1], 70.0, atol=1e-4)
    np.testing.assert_allclose(track.visibility[:3], [0.75, 0.25, 0.5], atol=1e-6)
    assert track.pose_presence == pytest.approx(0.9, abs=1e-6)
    np.testing.assert_allclose(track.alignment, [[74, 84], [74, 34]], atol=1e-4)
    assert track.z is None and track.world is None and track.presence is None


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        (specs.LANDMARKS, np.nan), (specs.POSE_PRESENCE, np.nan), (specs.ALIGNMENT, np.nan),
        (specs.LANDMARKS, 1e30), (specs.ALIGNMENT, -1e30),
    ],
)  # fmt: skip
def test_outputs_that_are_no_numbers_are_nobody(our_tracker, onnx_model, name, wrong):
    _, outputs, document = our_tracker
    shape, value, _ = outputs[name]
    broken = np.array(np.broadcast_to(np.asarray(value, np.float32), shape))
    broken.flat[0] = wrong
    image, region = np.zeros((200, 300, 3), np.uint8), np.array([74.0, 84.0, 128.0, 0.0])
    assert len(PosePipeline(tracker=our_tracker[0])(image, roi=region).people) == 1
    file = onnx_model(f"{wrong}_{name}.onnx", 256, {**outputs, name: (shape, broken, 0)}, document)
    result = PosePipeline(tracker=file)(image, roi=region)
    assert not result.people and "NaN" not in result.to_json()


def test_heatmaps_refine_the_landmarks_of_our_head(our_tracker, onnx_model):
    _, outputs, document = our_tracker
    maps = np.full((1, 64, 64, 33), -9.0, np.float32)
    maps[0, 26, 3, 12] = 5.0  # its centre is crop pixel (14, 106); the regression says (12, 100)
    refining = Tracker(onnx_model("maps.onnx", 256, {**outputs, specs.HEATMAPS: (maps.shape, maps, 0)}, document))
    image, region = np.zeros((256, 256, 3), np.uint8), np.array([128.0, 128.0, 256.0, 0.0])
    assert refining.refine
    np.testing.assert_allclose(refining(image, region).points[12], [14, 106], atol=0.3)  # the prior pulls
    plain = Tracker(refining.model, refine=False)(image, region)
    np.testing.assert_allclose(plain.points[12], [12, 100], atol=1e-4)


def test_of_two_peaks_the_one_near_the_previous_point_counts(our_tracker, onnx_model):
    _, outputs, document = our_tracker
    maps = np.full((1, 64, 64, 33), -9.0, np.float32)
    maps[0, [17, 32], 3, 12] = 2.0  # crop pixels (14, 70) and (14, 130); the regression says (12, 100)
    tracker = Tracker(onnx_model("two.onnx", 256, {**outputs, specs.HEATMAPS: (maps.shape, maps, 0)}, document))
    # A quarter of the picture's size in the crop: one image pixel is 4 of the crop's.
    crop, matrix = tracker.crop(np.zeros((256, 256, 3), np.uint8), np.array([96.0, 96.0, 64.0, 0.0]))
    raw = tracker.infer(crop)
    for y in (70.0, 130.0):
        at = np.array([64 + 14 / 4, 64 + y / 4])
        previous = np.tile(at + 0.5, (33, 1))
        np.testing.assert_allclose(tracker.decode(raw, matrix, previous).points[12], at, atol=0.2)


def test_refuses_other_models(peers, our_tracker, onnx_model):
    with pytest.raises(ValueError, match=r"expected a tracker. Received: a detector"):
        Tracker(peers / "pose_detection_2020.tflite")
    path, outputs, document = our_tracker
    with pytest.raises(ValueError, match="refine=True"):
        Tracker(path, refine=True)
    odd = {**outputs, specs.LANDMARKS: ((1, 21, 3), 0, 0)}
    with pytest.raises(ValueError, match="none of MediaPipe's"):
        Tracker(onnx_model("odd.onnx", 256, odd, None))
    with pytest.raises(ValueError, match="contradict"):
        Tracker(onnx_model("odd.onnx", 256, odd, document))


@pytest.mark.parametrize("region", [[1, 2, 3], [1, 2, 0, 0], [np.nan, 2, 3, 0]])
def test_refuses_wrong_regions(our_tracker, region):
    with pytest.raises(ValueError, match="roi must be finite"):
        Tracker(our_tracker[0]).crop(np.zeros((20, 20, 3), np.uint8), np.array(region))


def test_reading_in_one_step_is_inferring_and_decoding():
    """`read` looks at the engine's own memory: nothing of a track may lie there, or the next run would be refused."""
    tracker = Tracker("lite")
    image = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    tracks = []
    for region in (np.array([200.0, 150.0, 260.0, 0.2]), np.array([190.0, 160.0, 300.0, -0.4])):
        crop, matrix = tracker.crop(image, region)
        for previous in (None, np.full((33, 2), 150.0)):
            apart = tracker.decode(tracker.infer(crop), matrix, previous)
            tracks.append((tracker.read(crop, matrix, previous), apart))
    for read, apart in tracks:
        for name in ("points", "visibility", "alignment", "spread", "error"):
            np.testing.assert_array_equal(getattr(read, name), getattr(apart, name))
        assert read.pose_presence == apart.pose_presence
