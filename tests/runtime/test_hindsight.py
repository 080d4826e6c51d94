"""Smoothing of recordings: laws of the two-pass filter, gaps, several people, and `predict --smoothing=recorded`."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import cv2
import numpy as np
import pytest

from blazepose_tf import topology
from blazepose_tf.runtime import Hindsight, Recording
from blazepose_tf.runtime.hindsight import smooth, spikes
from blazepose_tf.runtime.poses import Pose, PoseResult

K = len(topology.KEYPOINTS)


def _recording(points, times, *, size=200.0, source="tracked", person=1):
    """A film of one person, points (T, 2) for all landmarks, None where nobody is seen."""
    frames = []
    for place, time in zip(points, times, strict=True):
        people = ()
        if place is not None:
            landmarks = np.tile(np.float32(place), (K, 1))
            roi = np.array([100, 100, 1.25 * size, 0], np.float32)
            pose = Pose(landmarks, np.ones(K, np.float32), None, 0.9, None, None, roi, source, None, person,
                        topology.KEYPOINTS)  # fmt: skip
            people = (pose,)
        frames.append(PoseResult(people, topology.KEYPOINTS, (640, 480), timestamp_ms=time))
    return Recording(tuple(frames), topology.KEYPOINTS, (640, 480), {})


def test_constant_velocity_has_no_lag_at_uneven_times():
    times = np.cumsum(np.random.default_rng(0).uniform(15, 70, 60))
    points = np.stack([10 + 0.1 * times, 300 - 0.05 * times], axis=-1)
    found = _recording(points, times).smoothed().landmarks()[:, 7]
    np.testing.assert_allclose(found, points, atol=0.01)


def test_noise_falls():
    rng = np.random.default_rng(1)
    noisy = 200 + rng.normal(0, 2.0, (200, 2))
    found = _recording(noisy, np.arange(200) * 100 / 3).smoothed().landmarks()[:, 0]
    assert found.std() < 0.35 * noisy.std()


def test_the_response_is_one_half_at_the_cutoff():
    seconds = np.full(600, 1 / 60)
    wave = np.sin(2 * np.pi * 3.0 * np.cumsum(seconds))[:, None, None]
    found, _ = smooth(wave, seconds, 3.0)
    np.testing.assert_allclose(found[200:400], 0.5 * wave[200:400], atol=0.01)


def test_two_passes_agree_with_the_smoothing_spline_solved_at_once():
    """Least squares of data and of the wandering velocity, as one dense system."""
    rng = np.random.default_rng(2)
    seconds, values, cutoff = rng.uniform(0.02, 0.06, 12), rng.normal(size=12), 4.0
    rows, right = [], []
    for t in range(12):
        row = np.zeros(24)
        row[2 * t] = 1.0
        rows.append(row)
        right.append(values[t])
    for t in range(1, 12):
        dt, q = seconds[t], (2 * np.pi * cutoff) ** 4 * seconds[t]
        spread = q * np.array([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]])
        step = np.zeros((2, 24))
        step[:, 2 * t : 2 * t + 2] = np.eye(2)
        step[:, 2 * t - 2 : 2 * t] = -np.array([[1, dt], [0, 1]])
        rows += list(np.linalg.solve(np.linalg.cholesky(spread), step))
        right += [0.0, 0.0]
    expected = np.linalg.lstsq(np.array(rows), np.array(right), rcond=None)[0]
    place, speed = smooth(values[:, None, None], seconds, cutoff)
    np.testing.assert_allclose(place[:, 0, 0], expected[::2], atol=1e-5)
    np.testing.assert_allclose(speed[:, 0, 0], expected[1::2], atol=1e-3)


def test_a_gap_is_not_bridged():
    """Left of a gap (nobody, a jump in time, a new detection) stands 100, right of it 300: neither draws the other."""
    still, moved = [(100.0, 100.0)] * 6, [(300.0, 100.0)] * 6
    steps = np.arange(13) * 40.0
    nobody = _recording([*still, None, *moved], steps)
    late = _recording([*still, *moved], np.concatenate([steps[:6], 5000 + steps[:6]]))
    cut = _recording([*still, *moved], steps[:12])
    frames = list(cut.frames)
    frames[6] = dataclasses.replace(frames[6], people=(dataclasses.replace(frames[6].people[0], source="detected"),))
    for recording in (nobody, late, dataclasses.replace(cut, frames=tuple(frames))):
        found = recording.smoothed()
        np.testing.assert_allclose(found.landmarks(), recording.landmarks(), atol=1e-3)
        assert (found.found() == recording.found()).all()


def test_people_are_smoothed_on_their_own():
    rng, times = np.random.default_rng(3), np.arange(20) * 40.0
    first, second = rng.normal(100, 3, (20, 2)), rng.normal(400, 3, (20, 2))
    one, two = _recording(first, times), _recording(second, times, person=2)
    both = dataclasses.replace(one, frames=tuple(
        dataclasses.replace(a, people=a.people + b.people) for a, b in zip(one, two, strict=True)))  # fmt: skip
    found = both.smoothed()
    np.testing.assert_array_equal(found.landmarks(1), one.smoothed().landmarks(1))
    np.testing.assert_array_equal(found.landmarks(2), two.smoothed().landmarks(2))


@pytest.mark.parametrize("length", [1, 2])
def test_a_spike_goes_and_a_real_jump_stays(length):
    points = np.full((12, 1, 2), 100.0)
    points[5 : 5 + length] = 200.0
    seconds, size = np.full(12, 1 / 30), np.full(12, 200.0)
    assert np.flatnonzero(spikes(points, seconds, size, 4.0)).tolist() == list(range(5, 5 + length))
    points[5:] = 200.0
    assert not spikes(points, seconds, size, 4.0).any()


def test_short_and_wrong():
    assert len(_recording([], []).smoothed()) == 0
    np.testing.assert_allclose(_recording([(3, 4)], [0.0]).smoothed().landmarks()[0, 0], [3, 4])
    with pytest.raises(ValueError, match="min_cutoff must be positive"):
        Hindsight(min_cutoff=0.0)


def test_predict_writes_and_draws_the_smoothed_numbers(testdata_dir, tmp_path):
    for kind in ("none", "recorded"):
        flags = [f"--input={testdata_dir / 'crossing.mp4'}", f"--output={tmp_path / kind}", f"--smoothing={kind}"]
        command = [sys.executable, "-m", "blazepose_tf", "predict", *flags, "--max_frames=10", "--max_people=2"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0 and not done.stderr, done.stderr
    raw, smoothed = (Recording.read(tmp_path / kind / "crossing_pose.json") for kind in ("none", "recorded"))
    assert smoothed.ids == raw.ids and (smoothed.times_ms == raw.times_ms).all()
    for person in raw.ids:
        np.testing.assert_allclose(smoothed.landmarks(person), raw.smoothed().landmarks(person), atol=0.03)
    assert np.nanmax(np.abs(smoothed.landmarks() - raw.landmarks())) > 0.1
    films = [cv2.VideoCapture(str(tmp_path / kind / "crossing_pose.mp4")) for kind in ("none", "recorded")]
    assert [film.get(cv2.CAP_PROP_FRAME_COUNT) for film in films] == [10, 10]
    assert sorted(p.name for p in (tmp_path / "recorded").iterdir()) == ["crossing_pose.json", "crossing_pose.mp4"]
