"""Repetitions: counted without an error on films of known count, pace and view; phases of a made signal by hand."""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf import topology
from blazepose_tf.analysis import angles, repetitions, signals, summary
from blazepose_tf.synthetic.exercise import EXERCISES

# exercise, repetitions, seconds of each, degrees away from the camera, frames per second
FILMS = (
    ("squat", 5, 2.0, 0, 15), ("squat", 8, 1.2, 60, 30), ("squat", 3, 4.0, -80, 10), ("squat", 1, 2.5, 30, 15),
    ("arm_raise", 6, 1.5, 0, 15), ("arm_raise", 4, 3.0, 45, 10), ("lunge", 5, 2.5, 80, 15), ("lunge", 7, 1.6, -30, 30),
    ("curl", 9, 1.2, 70, 30), ("curl", 4, 3.0, -60, 10),
)  # fmt: skip


def test_nine_of_ten_films_are_counted_without_an_error(performed):
    wrong = []
    for seed, (exercise, count, seconds, yaw, rate) in enumerate(FILMS):
        found, times = performed(seed, exercise, repetitions=count, seconds=seconds, yaw=yaw, rate=rate)
        counted = len(repetitions.count(found, times).repetitions)
        if counted != count:
            wrong.append((exercise, count, seconds, yaw, rate, counted))
    assert {film[0] for film in FILMS} == set(EXERCISES)
    assert len(wrong) <= 1, wrong


def test_somebody_who_stands_has_no_repetitions(performed):
    found, times = performed(3, "squat", repetitions=0, seconds=1.0, pause=4.0)
    counted = repetitions.count(found, times)
    assert counted.repetitions == () and not counted.cut_off


def test_an_example_says_what_to_count(performed):
    """Half squats between full ones are no repetitions when a full one was shown."""
    found, times = performed(5, "squat", repetitions=6, seconds=2.0, yaw=70)
    knee = found["left_knee_flexion"].copy()
    third = (times > 5.0) & (times < 7.0)  # the third squat is made shallow, as somebody does who tires
    for name in found:
        found[name] = np.where(third, found[name][0] + 0.35 * (found[name] - found[name][0]), found[name])
    shown = repetitions.count(found, times, examples=[(0.8, 3.2)])
    assert len(shown.repetitions) == 5 and shown.angle is not None
    assert np.nanmax(knee) > 90
    with pytest.raises(ValueError, match="within the film"):
        repetitions.count(found, times, examples=[(40.0, 42.0)])
    with pytest.raises(ValueError, match="no joint moves"):
        repetitions.count(found, times, examples=[(0.0, 0.6)])


def trapezoid(times):
    """From 10 to 110 degrees in 1 s, 1.5 s there, back in 2 s; begins at 1 and 7 s."""
    return np.interp(times % 6.0, [0, 1, 2, 3.5, 5.5, 6], [10, 10, 110, 110, 10, 10])


def test_phases_of_a_made_movement():
    times = np.arange(0, 14, 1 / 30)
    values = trapezoid(times)
    counted = repetitions.count({"left_knee_flexion": values}, times)
    assert counted.cut_off and not counted.rests_high  # the third one begins at 13 s
    first, second = counted.repetitions
    assert second.start - first.start == pytest.approx(6.0, abs=0.1)
    assert (first.rest, first.extreme, first.range) == pytest.approx((10, 110, 100), abs=11)
    # Between 10 and 90 % of the way: 0.8 s out, 1.5 s and a tenth of both ways there, 1.6 s back.
    assert (first.out, first.hold, first.back) == pytest.approx((0.8, 1.8, 1.6), abs=0.15)
    rows = summary.repetition_rows(counted)
    assert len(rows) == 2 and len(rows[0]) == len(summary.REPETITION_COLUMNS)


def test_rest_at_the_large_angle_and_a_hesitation():
    times = np.arange(0, 13, 1 / 30)
    values = 180.0 - trapezoid(times)
    wobble = 12 * np.sin(2 * np.pi * times * 3) * ((times % 6 > 1.3) & (times % 6 < 1.7))  # at half of the way
    counted = repetitions.count({"hip_flexion": values + wobble}, times)
    assert counted.rests_high and len(counted.repetitions) == 2


def test_gaps_are_bridged_when_short_and_kept_when_long():
    times = np.arange(0, 4, 0.1)
    values = 10.0 * times
    values[5:8] = np.nan
    values[20:30] = np.nan
    smoothed = signals.smooth(values, times)
    np.testing.assert_allclose(smoothed[3:10], 10.0 * times[3:10], atol=0.1)
    assert np.isnan(smoothed[20:30]).all() and np.isfinite(smoothed[30:]).all()
    assert np.isnan(signals.smooth(np.full(5, np.nan), np.arange(5.0))).all()


def test_periodicity_tells_repetition_from_a_single_movement():
    times = np.arange(0, 10, 0.05)
    assert signals.periodicity(np.sin(2 * np.pi * times / 2), times) > 0.95
    assert signals.periodicity(np.random.default_rng(0).normal(size=len(times)), times) < 0.5
    assert signals.periodicity(times, times) < 0.3


def test_squats_on_film(shared_dir):
    """Two squats, and a third one that the film's end cuts off on the way up."""
    from blazepose_tf.evaluation import film
    from blazepose_tf.runtime import PosePipeline

    (clip,) = film.clips(shared_dir / "data/videos/squats.mp4")
    stream = PosePipeline().stream()
    points, times = [], []
    for image, time in clip.frames():
        points.append(stream(image, time).landmarks)
        times.append(time / 1000.0)
    found = angles.joint_angles(np.stack(points), topology.KEYPOINTS)
    for name in (None, "knee_flexion", "hip_flexion"):
        counted = repetitions.count(found, times, angle=name)
        assert len(counted.repetitions) == 2 and counted.cut_off
