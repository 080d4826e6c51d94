"""The loop as a state machine over scripted networks, and the real networks on a real clip."""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf import specs
from blazepose_tf.geometry import alignment, roi
from blazepose_tf.runtime import metadata
from blazepose_tf.runtime.detector import Detection, Detector
from blazepose_tf.runtime.pipeline import PosePipeline

SIDE = 128
DARK, GREY, BRIGHT = 20, 100, 200
DETECTED_ROI = [64.0, 64.0, 100.0, 0.0]
# The scripted tracker always sees the body 4 % of its region's side further right.
SHIFT = 0.04


@pytest.fixture(scope="module")
def scripted(onnx_model):
    """The detector fires above brightness 0.5 of the whole picture, the tracker is sure above 0.3 of its region."""
    detector_spec = specs.DetectorSpec(64, (32,), (1,))
    regressors = np.zeros((1, 4, 8), np.float32)
    # First anchor at (16, 16): face (24, 8)..(40, 24), mid-hip (32, 32), circle point (32, 12); the image is
    # twice as large.
    regressors[0, 0] = [16, 0, 16, 16, 16, 16, 16, -4]
    detector = onnx_model(
        "detector.onnx",
        64,
        {
            specs.REGRESSORS: ((1, 4, 8), regressors, 0),
            specs.LOGITS: (
                (1, 4, 1),
                np.reshape([-6.0, -20, -20, -20], (1, 4, 1)),
                np.reshape([12.0, 0, 0, 0], (1, 4, 1)),
            ),
        },
        metadata.metadata_of(detector_spec, model="scripted"),
    )
    center = 128 + SHIFT * 256
    radius = 256 / 2.5
    tracker = onnx_model(
        "tracker.onnx",
        256,
        {
            specs.LANDMARKS: ((1, 33, 3), np.full((1, 33, 3), 128.0), 0),
            specs.POSE_PRESENCE: ((1, 1), -6.0, 20.0),
            specs.ALIGNMENT: ((1, 2, 2), [[center, 128.0], [center, 128.0 - radius]], 0),
        },
        metadata.metadata_of(specs.TrackerSpec(), model="scripted"),
    )
    return detector, tracker


def _image(level):
    return np.full((SIDE, SIDE, 3), level, np.uint8)


def test_detect_track_lose_detect(scripted):
    pipeline = PosePipeline(*scripted)
    steps = [
        (DARK, "none", True),
        (BRIGHT, "detected", True),
        (BRIGHT, "tracked", False),
        (GREY, "tracked", False),  # the detector alone would not see this one
        (DARK, "none", True),  # lost: the detector looks in the same frame
        (GREY, "none", True),
        (BRIGHT, "detected", True),
        (BRIGHT, "tracked", False),
    ]
    for number, (level, source, detector_ran) in enumerate(steps):
        result = pipeline(_image(level), 33.3 * number)
        assert (result.source, result.detector_ran) == (source, detector_ran), number
        assert result.found == (source != "none") == (len(result.landmarks) == 33)
        if source == "detected":
            np.testing.assert_allclose(result.roi, DETECTED_ROI, atol=1e-3)
            assert result.detection.score > 0.5


def test_the_next_region_is_the_trackers_alignment(scripted):
    pipeline = PosePipeline(*scripted)
    first, second, third = (pipeline(_image(BRIGHT), 33.3 * i) for i in range(3))
    # The first value passes the filter unchanged; the third is held back by it.
    np.testing.assert_allclose(second.roi, [64 + SHIFT * 100, 64, 100, 0], atol=1e-3)
    assert second.roi[0] < third.roi[0] < second.roi[0] + SHIFT * 100
    np.testing.assert_allclose(first.landmarks, 64.0, atol=1e-3)
    np.testing.assert_allclose(first.normalized, 0.5, atol=1e-5)
    assert first.image_size == (SIDE, SIDE) and first.z is None and first.world is None


def test_only_a_tracked_frame_knows_where_the_points_were(scripted):
    pipeline, known = PosePipeline(*scripted), []
    decode = pipeline.tracker.decode

    def spy(outputs, matrix, previous=None):
        known.append(previous)
        return decode(outputs, matrix, previous)

    pipeline.tracker.decode = spy
    corner = np.array([30.0, 40.0, 50.0, 0.0])
    first = pipeline(_image(BRIGHT), 0.0)
    pipeline(_image(BRIGHT), 33.0)
    pipeline(_image(BRIGHT), 66.0, corner)  # perhaps somebody else
    pipeline(_image(BRIGHT), 9000.0)  # another scene
    assert [previous is None for previous in known] == [True, False, True, True]
    np.testing.assert_array_equal(known[1], first.landmarks)


def test_lost_in_one_place_found_in_another_within_a_frame(scripted):
    pipeline = PosePipeline(*scripted)
    corner = np.array([20.0, 20.0, 20.0, 0.0])
    assert pipeline(_image(BRIGHT), 0.0, corner).source == "given"
    image = _image(BRIGHT)
    image[:40, :40] = DARK
    result = pipeline(image, 33.0)
    assert result.source == "detected" and result.detector_ran
    np.testing.assert_allclose(result.roi, DETECTED_ROI, atol=1e-3)


def test_a_given_region_needs_no_detector(scripted):
    pipeline = PosePipeline(*scripted)
    region = np.array([30.0, 40.0, 50.0, 0.5])
    result = pipeline(_image(GREY), roi=region)
    assert result.source == "given" and not result.detector_ran
    np.testing.assert_allclose(result.roi, region)
    assert pipeline(_image(DARK), roi=region).source == "none"
    with pytest.raises(ValueError, match="roi"):
        pipeline(_image(GREY), roi=np.array([1.0, 2.0, -3.0, 0.0]))


def test_gaps_in_time_start_anew_and_late_frames_do_not(scripted):
    pipeline = PosePipeline(*scripted)
    sources = [pipeline(_image(BRIGHT), t).source for t in (0, 33, 33, 20, 66, 5000, 5033, 100, 133)]
    assert sources == ["detected", *["tracked"] * 4, "detected", "tracked", "detected", "tracked"]
    pipeline.reset()
    assert pipeline(_image(BRIGHT), 150).source == "detected"


def test_image_mode_stands_alone_and_looks_twice(scripted):
    pipeline = PosePipeline(*scripted, mode="image")
    for _ in range(2):
        result = pipeline(_image(BRIGHT))
        assert result.source == "detected"
        np.testing.assert_allclose(result.roi, [64 + SHIFT * 100, 64, 100, 0], atol=1e-3)
    once = PosePipeline(*scripted, mode="image", refine_roi=False)(_image(BRIGHT))
    np.testing.assert_allclose(once.roi, DETECTED_ROI, atol=1e-3)


def test_the_tracker_chooses_among_the_candidates(scripted):
    class Misled(Detector):
        """Finds two more people than there are, with better scores."""

        def decode(self, outputs, matrix):
            (true,) = super().decode(outputs, matrix)
            wrong = [Detection(true.box, true.keypoints + np.float32([s, s]), 0.99) for s in (-40, -38)]
            return [*wrong, true]

    image = _image(BRIGHT)
    image[:, :44] = 0
    detector = Misled(scripted[0], threshold=0.05)
    result = PosePipeline(detector, scripted[1], mode="image", refine_roi=False)(image)
    assert result.source == "detected" and result.detection.score < 0.99
    np.testing.assert_allclose(result.roi, DETECTED_ROI, atol=1e-3)
    result = PosePipeline(detector, scripted[1], mode="image", candidates=2)(image)
    assert not result.found and result.detection.score == 0.99
    with pytest.raises(ValueError, match="candidates=0"):
        PosePipeline(*scripted, candidates=0)


def test_stages_add_up(scripted):
    times = PosePipeline(*scripted)(_image(BRIGHT)).milliseconds
    assert set(times) == {"warp", "detector", "tracker", "decode", "filter", "total"}
    stages = sum(value for stage, value in times.items() if stage != "total")
    assert min(times.values()) > 0 and stages <= times["total"] and times["total"] - stages < 1.0


def test_wrong_arguments(scripted):
    with pytest.raises(ValueError, match="mode"):
        PosePipeline(*scripted, mode="movie")
    with pytest.raises(ValueError, match="presence_threshold"):
        PosePipeline(*scripted, presence_threshold=1.5)
    pipeline = PosePipeline(*scripted)
    with pytest.raises(ValueError, match="uint8"):
        pipeline(np.zeros((10, 10), np.uint8))
    with pytest.raises(ValueError, match="finite"):
        pipeline(_image(GREY), float("inf"))


@pytest.mark.parametrize(
    "detector, tracker",
    [
        ("pose_detection_2020.tflite", "pose_landmark_full_body_2020.tflite"),
        ("pose_detection_2021.tflite", "pose_landmark_lite_2021.tflite"),
    ],
)
def test_a_real_clip_is_tracked_steadily(peers, yoga_frames, detector, tracker):
    calm = PosePipeline(peers / detector, peers / tracker)
    raw = PosePipeline(peers / detector, peers / tracker, smoothing=False)
    results = [(calm(f, 40.0 * i), raw(f, 40.0 * i)) for i, f in enumerate(yoga_frames)]
    assert [r.source for r, _ in results] == ["detected"] + ["tracked"] * (len(yoga_frames) - 1)
    size = np.median([r.roi[2] for r, _ in results])
    for smooth, plain in results:
        # Smoothing moves nothing away: the woman holds her pose.
        assert np.abs(smooth.landmarks - plain.landmarks).mean() < 0.02 * size
        own = roi.to_alignment(smooth.roi, calm.tracker.spec.roi_scale)
        assert alignment.radius(own) == pytest.approx(132, rel=0.15)

    def jitter(landmarks):
        return np.abs(np.diff(landmarks, n=2, axis=0)).mean()

    assert jitter([r.landmarks for r, _ in results]) < 0.8 * jitter([p.landmarks for _, p in results])


def test_any_padding_leaves_the_pose_in_place(peers, yoga_frames):
    """Image mode on a picture and on the same picture in a larger black one."""
    pipeline = PosePipeline(
        peers / "pose_detection_2021.tflite", peers / "pose_landmark_lite_2021.tflite", mode="image"
    )
    image = yoga_frames[10]
    framed = np.pad(image, ((60, 20), (40, 100), (0, 0)))
    a, b = pipeline(image), pipeline(framed)
    assert np.abs(b.landmarks - a.landmarks - [40, 60]).mean() < 0.012 * a.roi[2]
