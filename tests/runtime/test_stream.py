"""Film: the loop as a state machine over scripted networks, and the real networks on real clips."""

from __future__ import annotations

import threading

import cv2
import numpy as np
import pytest

from blazepose_tf.geometry import alignment, roi
from blazepose_tf.runtime.detector import nats
from blazepose_tf.runtime.pipeline import PosePipeline

SIDE = 128
# The scripted networks see means, 54 and 100 of 255; of the red nothing is lightened.
DARK, GREY, BRIGHT = (162, 0, 0), (200, 50, 50), 200
SHIFT = 0.04  # of the scripted tracker's region, by which it sees the body further right
DETECTED_ROI = [64.0 + SHIFT * 100, 64.0, 100.0, 0.0]  # of the second look


def _image(level):
    return np.full((SIDE, SIDE, 3), level, np.uint8)


def test_detect_track_lose_detect(scripted):
    stream = PosePipeline(*scripted).stream()
    steps = [
        (DARK, "none", True),
        (BRIGHT, "detected", True),
        (BRIGHT, "tracked", False),
        (GREY, "tracked", False),  # the detector alone would not see this one
        (DARK, "none", True),  # lost: the detector looks in the same frame
        (GREY, "tracked", False),  # and the tracker for a second where the body would be
        (DARK, "none", True),
    ]
    for number, (level, source, detector_ran) in enumerate(steps):
        result = stream(_image(level), 33.3 * number)
        assert (result.source, result.detector_ran) == (source, detector_ran), number
        assert result.found == (source != "none") == (len(result.landmarks) == 33)
        if source == "detected":
            np.testing.assert_allclose(result.roi, DETECTED_ROI, atol=1e-3)
            assert result.detection.score > 0.5
    assert stream(_image(GREY), 5000.0).source == "none"  # forgotten
    assert stream(_image(BRIGHT), 5033.0).source == "detected"


def test_a_film_is_looked_at_closer_part_by_part(scripted):
    image = _image(DARK)
    image[52:, 52:] = BRIGHT
    stream = PosePipeline(*scripted).stream()
    found = [stream(image, 33.3 * i).found for i in range(6)]
    assert found.index(True) == 4 and found[5]  # the middle and three corners show nobody
    plain = PosePipeline(*scripted, closer=False).stream()
    assert not any(plain(image, 33.3 * i).found for i in range(6))


def test_who_is_half_believed_is_looked_at_last(scripted):
    image = _image(DARK)
    image[23:105, 23:105] = BRIGHT  # the whole is too dark for the detector, by 0.6 nats; the person is not
    pipeline = PosePipeline(*scripted, closer=False)
    result = pipeline.stream()(image, 0.0)
    assert result.found and not result.detections
    assert nats(result.detection.score) == pytest.approx(-0.64, abs=0.05) and result.pose_presence > 0.99
    # The closer look believes in whom the whole shows half.
    assert nats(PosePipeline(*scripted).stream()(image, 0.0).detection.score) > 2.0
    # In a picture, too. One look alone would not be enough; nor is that of a tracker which is not very sure.
    assert pipeline(image).found and PosePipeline(*scripted)(image).detections
    assert not PosePipeline(*scripted, closer=False, refine_roi=False).stream()(image, 0.0).found
    image[23:105, 23:105] = 170
    look = pipeline.look(image)
    assert not look.detect() and look.half_believed()
    assert not pipeline.stream()(image, 0.0).found


def test_the_next_region_is_the_trackers_alignment(scripted):
    stream = PosePipeline(*scripted).stream()
    first, second, third = (stream(_image(BRIGHT), 33.3 * i) for i in range(3))
    # The first value passes the filter unchanged; the third is held back by it.
    np.testing.assert_allclose(second.roi, [64 + 2 * SHIFT * 100, 64, 100, 0], atol=1e-3)
    assert second.roi[0] < third.roi[0] < second.roi[0] + SHIFT * 100
    np.testing.assert_allclose(first.landmarks - first.roi[:2], 0.0, atol=1e-3)
    np.testing.assert_allclose(first.normalized, first.landmarks / SIDE, atol=1e-5)
    assert first.image_size == (SIDE, SIDE) and first.z is None and first.world is None


def test_only_a_tracked_frame_knows_where_the_points_were(scripted):
    stream, known = PosePipeline(*scripted).stream(), []
    decode = stream.pipeline.tracker.decode

    def spy(outputs, matrix, previous=None):
        known.append(previous)
        return decode(outputs, matrix, previous)

    stream.pipeline.tracker.decode = spy
    corner = np.array([30.0, 40.0, 50.0, 0.0])
    first = stream(_image(BRIGHT), 0.0)
    stream(_image(BRIGHT), 33.0)
    stream(_image(BRIGHT), 66.0, corner)  # perhaps somebody else
    stream(_image(BRIGHT), 9000.0)  # another scene
    # Who is found is read twice.
    assert [previous is None for previous in known] == [True, True, False, True, True, True]
    np.testing.assert_array_equal(known[2], first.landmarks)


def test_lost_in_one_place_found_in_another_within_a_frame(scripted):
    stream = PosePipeline(*scripted).stream()
    corner = np.array([20.0, 20.0, 20.0, 0.0])
    assert stream(_image(BRIGHT), 0.0, corner).source == "given"
    image = _image(BRIGHT)
    image[:40, :40] = DARK
    result = stream(image, 33.0)
    assert result.source == "detected" and result.detector_ran
    np.testing.assert_allclose(result.roi, DETECTED_ROI, atol=1e-3)


def test_who_is_lost_is_looked_for_where_their_motion_leads(scripted):
    """The scripted body walks to the right; the region tried in its absence goes on at the pace seen so far."""
    stream = PosePipeline(*scripted).stream()
    for i in range(12):
        last = stream(_image(BRIGHT), 33.0 * i)
    pace = SHIFT * last.roi[2]  # of the raw alignment before the region, per frame: what the tracker adds each time
    tried = []
    crop = stream.pipeline.tracker.crop
    stream.pipeline.tracker.crop = lambda image, region, **_: tried.append(np.array(region)) or crop(image, region)
    assert not stream(_image(DARK), 33.0 * 12).found and not stream(_image(DARK), 33.0 * 13).found
    predicted, first, second = (float(region[0]) for region in tried)
    # The first try is the filtered region, the others go on from the body's last place.
    assert last.roi[0] + pace > predicted
    assert first > last.roi[0] + pace and second - first == pytest.approx(first - (last.roi[0] + pace), rel=0.01)


def test_gaps_in_time_start_anew_and_late_frames_do_not(scripted):
    stream = PosePipeline(*scripted).stream()
    sources = [stream(_image(BRIGHT), t).source for t in (0, 33, 33, 20, 66, 5000, 5033, 100, 133)]
    assert sources == ["detected", *["tracked"] * 4, "detected", "tracked", "detected", "tracked"]
    stream.reset()
    assert stream(_image(BRIGHT), 150).source == "detected"


@pytest.mark.parametrize(
    "detector, tracker",
    [
        ("pose_detection_2020.tflite", "pose_landmark_full_body_2020.tflite"),
        ("pose_detection_2021.tflite", "pose_landmark_lite_2021.tflite"),
    ],
)
def test_a_real_clip_is_tracked_steadily(peers, yoga_frames, detector, tracker):
    pipeline = PosePipeline(peers / detector, peers / tracker)
    calm, raw = pipeline.stream(), pipeline.stream(smoothing=False)
    results = [(calm(f, 40.0 * i), raw(f, 40.0 * i)) for i, f in enumerate(yoga_frames)]
    assert [r.source for r, _ in results] == ["detected"] + ["tracked"] * (len(yoga_frames) - 1)
    size = np.median([r.roi[2] for r, _ in results])
    for smooth, plain in results:
        # Smoothing moves nothing away: the woman holds her pose.
        assert np.abs(smooth.landmarks - plain.landmarks).mean() < 0.02 * size
        own = roi.to_alignment(smooth.roi, pipeline.tracker.spec.roi_scale)
        assert alignment.radius(own) == pytest.approx(132, rel=0.15)

    def jitter(landmarks):
        return np.abs(np.diff(landmarks, n=2, axis=0)).mean()

    assert jitter([r.landmarks for r, _ in results]) < 0.8 * jitter([p.landmarks for _, p in results])


def test_a_frame_of_another_size_scales_what_is_known(scripted):
    """Twice the size: the second frame's region is the predicted one, twice as large; the filters go on."""
    whole, changing = PosePipeline(*scripted).stream(), PosePipeline(*scripted).stream()
    for i in range(6):
        large = i >= 2
        side = SIDE * (2 if large else 1)
        expected = whole(_image(BRIGHT), 33.0 * i)
        result = changing(np.full((side, side, 3), BRIGHT, np.uint8), 33.0 * i)
        assert (result.source, result.main.id) == ("tracked" if i else "detected", 1)
        factor = 2 if large else 1
        np.testing.assert_allclose(result.roi[:3], expected.roi[:3] * factor, rtol=1e-5)
        np.testing.assert_allclose(result.landmarks, expected.landmarks * factor, rtol=1e-5)


def test_a_frame_of_another_shape_is_another_view(scripted):
    stream = PosePipeline(*scripted).stream()
    assert stream(np.full((96, 128, 3), BRIGHT, np.uint8), 0.0).source == "detected"
    assert stream(np.full((96, 128, 3), BRIGHT, np.uint8), 33.0).source == "tracked"
    assert stream(np.full((128, 96, 3), BRIGHT, np.uint8), 66.0).source == "detected"


@pytest.mark.parametrize("scale", [0.5, 0.75, 1.3333])
def test_a_real_clip_that_changes_size(yoga_frames, scale):
    """From the first new frame on landmarks are within a tenth of the torso of those of a film that always had it.

    The median over landmarks is compared: an arm in front of a leg is read here or there from build to build.
    """
    pipeline = PosePipeline()
    always, changing = pipeline.stream(), pipeline.stream()
    for i, frame in enumerate(yoga_frames):
        small = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        expected, result = always(small, 40.0 * i), changing(frame if i < 8 else small, 40.0 * i)
        if i >= 8:
            torso = np.linalg.norm(expected.landmarks[[11, 12]].mean(0) - expected.landmarks[[23, 24]].mean(0))
            assert np.median(np.linalg.norm(result.landmarks - expected.landmarks, axis=1)) < 0.1 * torso, i
            assert abs(result.roi[2] / expected.roi[2] - 1.0) < 0.1, i


def test_a_stream_refuses_a_second_thread_at_once(scripted):
    stream = PosePipeline(*scripted).stream()
    inside, leave = threading.Event(), threading.Event()
    tracker = stream.pipeline.detector
    crop = tracker.crop

    def slow(image, region=None):
        inside.set()
        assert leave.wait(20)
        return crop(image)

    tracker.crop = slow
    first = threading.Thread(target=stream, args=(_image(BRIGHT), 0.0))
    first.start()
    assert inside.wait(20)
    with pytest.raises(RuntimeError, match="another thread"):
        stream(_image(BRIGHT), 33.0)
    leave.set()
    first.join()
    assert stream(_image(BRIGHT), 33.0).source == "tracked"
