"""The detector on real frames, and its decoding by hand-made tensors."""

from __future__ import annotations

import math

import numpy as np
import pytest

from blazepose_tf import specs
from blazepose_tf.geometry import alignment
from blazepose_tf.runtime import metadata
from blazepose_tf.runtime.detector import MAX_DETECTIONS, Detection, Detector
from blazepose_tf.runtime.weights import weight_file

OFFICIAL = ["pose_detection_2020.tflite", "pose_detection_2021.tflite"]


@pytest.fixture(scope="module", params=OFFICIAL)
def detector(request, peers):
    return Detector(peers / request.param)


def test_finds_the_person(detector, yoga_frames):
    found = detector(yoga_frames[4])
    assert len(found) == 1 and found[0].score > 0.8
    # Read off the picture: hips at about (253, 158), head at (310, 98).
    assert np.abs(found[0].alignment[0] - [253, 158]).max() < 10
    assert (found[0].box[:2] < [310, 98]).all() and (found[0].box[2:] > [310, 98]).all()


def test_follows_the_picture_when_it_is_padded(detector, yoga_frames):
    """30 % more background on one side moves everything by exactly that much.

    The median over frames is compared: in a single one the network's own noise reaches 12 % of the radius, and OpenCV
    builds do not decode a film to the same pixels.
    """
    moved, radii = [], []
    for image in yoga_frames[::4]:
        wide = np.pad(image, ((0, 0), (144, 0), (0, 0)), mode="edge")
        a, b = detector(image)[0], detector(wide)[0]
        moved.append(b.alignment - a.alignment)
        radii.append(alignment.radius(a.alignment))
    assert np.abs(np.median(moved, axis=0) - [144, 0]).max() < 0.1 * np.median(radii)


def test_nobody_is_an_empty_list(detector):
    assert detector(np.full((90, 120, 3), 128, np.uint8)) == []
    assert detector(np.zeros((1, 1, 3), np.uint8)) == []


def test_numbers_that_overflow_are_nobody():
    detector = Detector(weight_file("blazeface.tflite"))
    count, matrix = detector.spec.num_anchors, np.eye(2, 3, dtype=np.float32)
    logits = np.full((1, count, 1), -20.0, np.float32)
    regressors = np.zeros((1, count, detector.spec.num_values), np.float32)
    logits[0, :3] = 4.0
    regressors[0, 0, :] = 1e30
    regressors[0, 1, :] = np.nan
    logits[0, 2] = np.nan
    with np.errstate(all="raise"):
        assert detector.decode({specs.LOGITS: logits, specs.REGRESSORS: regressors}, matrix) == []


def test_decode_by_hand(peers):
    detector = Detector(peers / OFFICIAL[0])
    count = detector.spec.num_anchors
    logits = np.full((1, count, 1), -20.0, np.float32)
    regressors = np.zeros((1, count, 12), np.float32)
    # Anchors 0 and 1 sit in the first cell (centre 4, 4) of the 16x16 grid: one face seen twice, one far below half.
    logits[0, 0], logits[0, 1], logits[0, 2] = 4.0, 1.0, -0.1
    regressors[0, 0, :8] = [2, 4, 20, 20, 10, 30, 10, -10]
    regressors[0, 1, :8] = [4, 4, 20, 20, 12, 30, 12, -10]
    matrix = np.array([[2.0, 0, 5], [0, 2, -7]], np.float32)
    (found,) = detector.decode({specs.LOGITS: logits, specs.REGRESSORS: regressors}, matrix)
    high, low = 1 / (1 + np.exp(-4.0)), 1 / (1 + np.exp(-1.0))
    shift = 2.0 * low / (high + low)  # score-weighted mean of both candidates
    assert found.score == pytest.approx(high, abs=1e-6)
    np.testing.assert_allclose(found.box, [2 * (6 + shift - 10) + 5, -11, 2 * (6 + shift + 10) + 5, 29], atol=1e-4)
    np.testing.assert_allclose(found.alignment, [[2 * (14 + shift) + 5, 61], [2 * (14 + shift) + 5, -19]], atol=1e-4)


def test_refuses_other_models(peers):
    with pytest.raises(ValueError, match=r"expected a detector. Received: a tracker"):
        Detector(peers / "pose_landmark_lite_2021.tflite")
    with pytest.raises(ValueError, match="threshold"):
        Detector(peers / OFFICIAL[0], threshold=0.0)


def test_metadata_gives_the_spec(peers):
    from blazepose_tf.runtime import metadata

    content = (peers / OFFICIAL[0]).read_bytes()
    document = metadata.metadata_of(specs.DETECTOR_2020, model="det_2020")
    assert Detector(metadata.write_metadata(content, document)).spec == specs.DETECTOR_2020
    wrong = metadata.metadata_of(specs.DetectorSpec(128, (8,), (1,)), model="x")
    with pytest.raises(ValueError, match="contradict"):
        Detector(metadata.write_metadata(content, wrong))


def test_detections_begin_where_the_spec_says(onnx_model):
    spec = specs.DetectorSpec(64, (32,), (1,), score_threshold=0.2)
    outputs = {
        specs.REGRESSORS: ((1, 4, 8), np.tile(np.float32([0, 0, 16, 16, 0, 16, 0, -4]), (1, 4, 1)), 0),
        specs.LOGITS: ((1, 4, 1), np.float32([-1.0, -2.0, -9.0, -9.0]).reshape(1, 4, 1), 0),  # scores 0.27, 0.12
    }
    path = onnx_model("threshold.onnx", 64, outputs, metadata.metadata_of(spec, model="scripted"))
    image = np.zeros((64, 64, 3), np.uint8)
    assert [round(d.score, 2) for d in Detector(path)(image)] == [0.27]
    assert [round(d.score, 2) for d in Detector(path, threshold=0.1)(image)] == [0.27, 0.12]
    assert Detector(path, threshold=0.5)(image) == []
    with pytest.raises(ValueError, match="score_threshold must lie in"):
        specs.DetectorSpec(score_threshold=1.0)


def test_body_circles_say_who_is_the_same(onnx_model):
    """Of three candidates two share the body and not the face box: one person. Two share the box and not the body."""
    spec = specs.DetectorSpec(64, (32,), (1,))
    # Anchors at (16, 16), (48, 16), (16, 48), (48, 48): box, mid-hip and circle point relative to them.
    values = np.float32(
        [
            [0, 0, 8, 8, 0, 20, 0, 4],  # mid-hip (16, 36), circle point (16, 20)
            [-32, 0, 8, 8, 0, 20, 0, 4],  # the same box; mid-hip (48, 36)
            [40, 0, 8, 8, 1, -12, 1, -28],  # another box; mid-hip (17, 36), circle point (17, 20): a 16th away
            [0, 0, 8, 8, 0, 0, 0, -8],
        ]
    )
    logits = np.float32([2.0, 1.0, 0.0, -9.0])  # scores 0.881, 0.731, 0.5
    outputs = {
        specs.REGRESSORS: ((1, 4, 8), values[None], 0),
        specs.LOGITS: ((1, 4, 1), logits.reshape(1, 4, 1), 0),
    }
    path = onnx_model("bodies.onnx", 64, outputs, metadata.metadata_of(spec, model="scripted"))
    first, second = Detector(path, threshold=0.4)(np.zeros((64, 64, 3), np.uint8))
    share = 0.5 / (0.5 + first.score)
    np.testing.assert_allclose(first.alignment, [[16 + share, 36], [16 + share, 20]], atol=1e-3)
    np.testing.assert_allclose(second.alignment, [[48, 36], [48, 20]], atol=1e-3)


def test_who_is_in_front_comes_before_who_is_surer():
    def person(score, radius):
        return Detection(np.zeros(4, np.float32), np.float32([[50, 60], [50, 60 - radius]]), score)

    far = person(0.9, 10.0)
    assert far.prominence == pytest.approx(math.log(9.0) + 3.0 * math.log(10.0))
    assert person(0.6, 20.0).prominence > far.prominence > person(0.6, 15.0).prominence
    assert math.isfinite(person(1.0, 0.0).prominence)


def test_a_network_that_sees_people_everywhere_gives_a_bounded_list():
    detector = Detector("blazeface")
    anchors = detector.spec.num_anchors
    rng = np.random.default_rng(0)
    outputs = {
        specs.LOGITS: rng.normal(1.0, 0.1, (1, anchors, 1)).astype(np.float32),
        specs.REGRESSORS: rng.normal(0.0, 0.1, (1, anchors, detector.spec.num_values)).astype(np.float32),
    }
    found = detector.decode(outputs, np.float32([[1, 0, 0], [0, 1, 0]]))
    assert len(found) == MAX_DETECTIONS
    scores = [detection.score for detection in found]
    assert scores == sorted(scores, reverse=True)
