"""Pictures through scripted and real networks, each for itself; one pipeline in many threads, and in a pickle."""

from __future__ import annotations

import pickle
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from blazepose_tf import specs
from blazepose_tf.media.pictures import read_picture
from blazepose_tf.runtime.detector import Detection, Detector, nats
from blazepose_tf.runtime.interpreter import TASK_MEMBERS, load_model
from blazepose_tf.runtime.pipeline import PosePipeline
from blazepose_tf.runtime.tracker import Tracker, raised

SIDE = 128
# The scripted networks see means, 54 and 100 of 255; of the red nothing is lightened.
DARK, GREY, BRIGHT = (162, 0, 0), (200, 50, 50), 200
DETECTED_ROI = [64.0, 64.0, 100.0, 0.0]
SHIFT = 0.04  # of the scripted tracker's region, by which it sees the body further right


def _image(level):
    return np.full((SIDE, SIDE, 3), level, np.uint8)


def test_a_given_region_needs_no_detector(scripted):
    pipeline = PosePipeline(*scripted, refine_roi=False)
    region = np.array([30.0, 40.0, 50.0, 0.5])
    result = pipeline(_image(GREY), roi=region)
    assert result.source == "given" and not result.detector_ran
    np.testing.assert_allclose(result.roi, region)
    assert pipeline(_image(DARK), roi=region).source == "none"
    with pytest.raises(ValueError, match="roi"):
        pipeline(_image(GREY), roi=np.array([1.0, 2.0, -3.0, 0.0]))
    with pytest.raises(ValueError, match="max_people=1"):
        pipeline(_image(GREY), roi=np.stack([region, region]))


def test_pictures_stand_alone_and_are_read_twice(scripted):
    pipeline = PosePipeline(*scripted)
    for _ in range(2):
        result = pipeline(_image(BRIGHT))
        assert result.source == "detected"
        np.testing.assert_allclose(result.roi, [64 + SHIFT * 100, 64, 100, 0], atol=1e-3)
    once = PosePipeline(*scripted, refine_roi=False)(_image(BRIGHT))
    np.testing.assert_allclose(once.roi, DETECTED_ROI, atol=1e-3)


def test_the_second_look_decides_by_what_the_file_asks_for(scripted):
    tracker = Tracker(scripted[1])
    assert tracker.confirmed(0.5) == 0.5  # a file that asks for nothing more
    assert PosePipeline(scripted[0], tracker)(_image(BRIGHT)).found
    presence = PosePipeline(scripted[0], tracker)(_image(BRIGHT)).pose_presence
    score = Detector(scripted[0])(_image(BRIGHT))[0].score

    def found(own_region: float, above: float, timestamp=None, **options) -> bool:
        """Of a file that asks for so many nats in the own region, where the score is so many above the threshold."""
        tracker._own_region = own_region  # as `calibrate` writes it
        threshold = raised(score, -above)
        result = PosePipeline(scripted[0], tracker, detection_threshold=threshold, **options)(_image(BRIGHT), timestamp)
        assert result.detections
        return result.found

    for timestamp, asked in ((None, 1.0), (0.0, 2.0)):  # a picture, a frame: nats more at the threshold itself
        assert found(nats(presence) - asked - 0.1, 0.01, timestamp)
        assert not found(nats(presence) - asked + 0.1, 0.01, timestamp)
        # The surer the detector is, the less is asked: two nats for one; never less than 0.5, or what the caller asks.
        assert found(nats(presence) - asked + 1.9, 1.0, timestamp)
        assert not found(nats(presence) - asked + 2.1, 1.0, timestamp)
        assert found(20.0, 12.0, timestamp)
        assert not found(20.0, 12.0, timestamp, presence_threshold=raised(presence, 0.1))
    assert found(nats(presence) + 9.0, 0.01, refine_roi=False)
    # Where the caller says that somebody is, the first reading stays.
    assert PosePipeline(scripted[0], tracker)(_image(BRIGHT), roi=np.array(DETECTED_ROI)).found


def test_a_tracker_without_alignment_has_one_look(scripted):
    tracker = Tracker(scripted[1])
    tracker._outputs = tuple(name for name in tracker._outputs if name != specs.ALIGNMENT)
    assert tracker(_image(BRIGHT), np.array(DETECTED_ROI)).alignment is None
    result = PosePipeline(scripted[0], tracker)(_image(BRIGHT))
    assert result.found
    np.testing.assert_allclose(result.roi, DETECTED_ROI, atol=1e-3)
    assert not PosePipeline(scripted[0], tracker, presence_threshold=0.999999)(_image(BRIGHT)).found


def test_the_tracker_chooses_among_the_candidates(scripted):
    class Misled(Detector):
        """Finds two more people than there are, with better scores."""

        def decode(self, outputs, matrix, doubt=0.0):
            (true,) = super().decode(outputs, matrix, doubt)
            wrong = [Detection(true.box, true.keypoints + np.float32([s, s]), 0.99) for s in (-40, -38)]
            return [*wrong, true]

    image = _image(BRIGHT)
    image[:, :44] = 0
    detector = Misled(scripted[0], threshold=0.05)
    result = PosePipeline(detector, scripted[1], refine_roi=False)(image)
    assert result.source == "detected" and result.detection.score < 0.99
    np.testing.assert_allclose(result.roi, DETECTED_ROI, atol=1e-3)
    result = PosePipeline(detector, scripted[1], candidates=2, closer=False)(image)
    assert not result.found and result.detection.score == 0.99
    with pytest.raises(ValueError, match="candidates=0"):
        PosePipeline(*scripted, candidates=0)


def _small_person():
    """Dark but for the corner below, right: a closer look there sees what the whole does not show."""
    image = _image(DARK)
    image[46:, 46:] = BRIGHT
    return image


def test_a_closer_look_finds_who_is_too_small_for_the_whole(scripted):
    assert not PosePipeline(*scripted, refine_roi=False, closer=False)(_small_person()).found
    pipeline = PosePipeline(*scripted, refine_roi=False)
    result = pipeline(_small_person())
    assert result.source == "detected"
    corner, side = SIDE - 0.35 * SIDE, 0.7 * DETECTED_ROI[2]
    np.testing.assert_allclose(result.roi, [corner, corner, side, 0.0], atol=1e-3)
    # It must be surer there.
    corner = pipeline.look(_small_person())
    (region,) = (r for r in corner.closer()[0] if r[0] > SIDE / 2 and r[1] > SIDE / 2)
    crop, matrix = pipeline.detector.crop(_small_person(), region)
    (sure,) = pipeline.detector.decode(pipeline.detector.infer(crop), matrix)
    assert nats(sure.score) - nats(result.detection.score) == pytest.approx(0.2, abs=1e-3)


def test_people_beside_who_was_found_are_looked_for_closer_while_places_are_free(scripted):
    class Scripted(Detector):
        """Sees the same person everywhere, in whatever it is shown."""

        looks = 0

        def infer(self, crop):
            Scripted.looks += 1
            return super().infer(crop)

    detector = Scripted(scripted[0])
    assert len(PosePipeline(detector, scripted[1])(_image(BRIGHT)).people) == 1
    assert Scripted.looks == 1  # no place is free
    many = PosePipeline(detector, scripted[1], max_people=3)(_image(BRIGHT))
    assert Scripted.looks == 1 + 1 + 5
    assert [pose.id for pose in many.people] == list(range(1, len(many.people) + 1))
    # The middle of the picture shows whom the whole shows; the corners show others.
    assert 1 < len(many.people) <= 3


def test_a_picture_between_two_frames_changes_neither(scripted):
    pipeline, film = PosePipeline(*scripted), PosePipeline(*scripted)
    expected = [film(_image(BRIGHT), 33.0 * i).landmarks for i in range(3)]
    for i in range(3):
        assert pipeline(_image(GREY)).source == "none"
        np.testing.assert_array_equal(pipeline(_image(BRIGHT), 33.0 * i).landmarks, expected[i])


def test_stages_add_up(scripted):
    times = PosePipeline(*scripted)(_image(BRIGHT)).milliseconds
    assert set(times) == {"warp", "detector", "tracker", "decode", "filter", "total"}
    stages = sum(value for stage, value in times.items() if stage != "total")
    assert min(times.values()) > 0 and stages <= times["total"] and times["total"] - stages < 1.0


def test_wrong_arguments(scripted):
    with pytest.raises(ValueError, match="max_people"):
        PosePipeline(*scripted, max_people=0)
    with pytest.raises(ValueError, match="presence_threshold"):
        PosePipeline(*scripted, presence_threshold=1.5)
    pipeline = PosePipeline(*scripted)
    with pytest.raises(ValueError, match="uint8"):
        pipeline(np.zeros((10, 10), np.uint8))
    with pytest.raises(ValueError, match="finite"):
        pipeline(_image(GREY), float("inf"))


def test_any_padding_leaves_the_pose_in_place(peers, yoga_frames):
    """Image mode on a picture and on the same picture in a larger black one."""
    pipeline = PosePipeline(peers / "pose_detection_2021.tflite", peers / "pose_landmark_lite_2021.tflite")
    image = yoga_frames[10]
    framed = np.pad(image, ((60, 20), (40, 100), (0, 0)))
    a, b = pipeline(image), pipeline(framed)
    assert np.abs(b.landmarks - a.landmarks - [40, 60]).mean() < 0.012 * a.roi[2]


@pytest.fixture(scope="module")
def shipped():
    return PosePipeline()


def _people(testdata_dir):
    return [read_picture(path) for path in sorted((testdata_dir / "people" / "images").glob("*.jpg"))]


def test_threads_get_the_landmarks_of_their_own_picture(shipped, testdata_dir):
    """120 calls by eight threads in one pipeline give, to the bit, what they give one after the other."""
    pictures = _people(testdata_dir)
    alone = [shipped(picture) for picture in pictures]
    assert sum(result.found for result in alone) >= 4
    order = [i % len(pictures) for i in range(120)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda i: shipped(pictures[i]), order))
    for i, result in zip(order, together, strict=True):
        np.testing.assert_array_equal(result.landmarks, alone[i].landmarks)
        np.testing.assert_array_equal(result.visibility, alone[i].visibility)


def test_results_are_not_changed_by_later_calls(shipped, testdata_dir):
    pictures = _people(testdata_dir)
    results = [shipped(picture) for picture in pictures]
    copies = [(r.landmarks.copy(), r.visibility.copy()) for r in results]
    for picture in reversed(pictures):
        shipped(picture)
    for result, (landmarks, visibility) in zip(results, copies, strict=True):
        np.testing.assert_array_equal(result.landmarks, landmarks)
        np.testing.assert_array_equal(result.visibility, visibility)


def test_a_pickled_pipeline_reopens_its_files(shipped, testdata_dir):
    picture = _people(testdata_dir)[0]
    text = pickle.dumps(shipped)
    assert len(text) < 20_000  # no weights
    np.testing.assert_array_equal(pickle.loads(text)(picture).landmarks, shipped(picture).landmarks)


def test_a_model_from_memory_has_no_file_to_reopen(scripted, shipped):
    from_memory = PosePipeline(Path(shipped.detector.model.name).read_bytes(), scripted[1])
    with pytest.raises(TypeError, match="no file to reopen"):
        pickle.dumps(from_memory)


def test_a_bundle_gives_both_models(shipped, testdata_dir, tmp_path):
    bundle = tmp_path / "pose.task"
    with zipfile.ZipFile(bundle, "w") as archive:
        for role, part in ((specs.DETECTOR, shipped.detector), (specs.TRACKER, shipped.tracker)):
            archive.write(part.model.name, TASK_MEMBERS[role])
    picture = _people(testdata_dir)[0]
    bundled = pickle.loads(pickle.dumps(PosePipeline(bundle, bundle)))
    np.testing.assert_array_equal(bundled(picture).landmarks, shipped(picture).landmarks)
    with pytest.raises(ValueError, match="role must be one of"):
        load_model(bundle)
