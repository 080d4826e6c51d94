"""The One-Euro filter by hand numbers, and clocks that stumble."""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf.runtime.filters import (
    FASTEST,
    MEDIAPIPE,
    Filters,
    FrameClock,
    JumpFilter,
    LowPassFilter,
    OneEuroFilter,
    OneEuroSettings,
    PoseSmoother,
)

FRAME = 1.0 / 30.0


def test_one_euro_by_hand():
    """alpha(1 Hz, 1/30 s) = (2 pi / 30) / (2 pi / 30 + 1) = 0.173171."""
    steady = OneEuroFilter(OneEuroSettings(1.0, 0.0))
    assert steady(np.array([0.0]), FRAME) == 0.0
    assert steady(np.array([1.0]), FRAME) == pytest.approx(0.173171, abs=1e-6)
    # 0.173171 + 0.173171 * (1 - 0.173171)
    assert steady(np.array([1.0]), FRAME) == pytest.approx(0.316354, abs=1e-6)
    # Speed 30 / s, filtered 5.195141; cutoff 6.195141 Hz; alpha = 1.297507 / 2.297507.
    quick = OneEuroFilter(OneEuroSettings(1.0, 1.0))
    quick(np.array([0.0]), FRAME)
    assert quick(np.array([1.0]), FRAME) == pytest.approx(0.564746, abs=1e-5)
    # The same movement of a body twice as large is half the speed: cutoff 3.597570 Hz.
    large = OneEuroFilter(OneEuroSettings(1.0, 1.0))
    large(np.array([0.0]), FRAME)
    assert large(np.array([1.0]), FRAME, scale=2.0) == pytest.approx(0.753473 / 1.753473, abs=1e-5)


def test_one_euro_is_per_number_and_forgets():
    both = OneEuroFilter(OneEuroSettings(1.0, 0.0))
    both(np.array([[0.0, 5.0]]), FRAME)
    np.testing.assert_allclose(both(np.array([[1.0, 5.0]]), FRAME), [[0.173171, 5.0]], atol=1e-6)
    both.reset()
    np.testing.assert_allclose(both(np.array([[9.0, 9.0]]), FRAME), [[9.0, 9.0]])
    with pytest.raises(ValueError, match="positive"):
        both(np.array([[9.0, 9.0]]), 0.0)


def test_low_pass():
    low = LowPassFilter(0.1)
    assert low(np.array([1.0])) == 1.0
    assert low(np.array([0.0])) == pytest.approx(0.9)
    assert low(np.array([0.0])) == pytest.approx(0.81)
    with pytest.raises(ValueError, match="alpha"):
        LowPassFilter(0.0)


def test_clock_regular_and_missing_timestamps():
    clock = FrameClock()
    assert clock.step(1000.0) == (FRAME, False)
    assert clock.step(1040.0) == (pytest.approx(0.040), False)
    clock = FrameClock()
    assert [clock.step(None) for _ in range(3)] == [(pytest.approx(FRAME), False)] * 3


def test_clock_repeated_and_reversed_frames_count_as_one_step():
    clock = FrameClock()
    clock.step(0.0)
    for t in (100 / 3, 200 / 3):
        clock.step(t)
    for late in (200 / 3, 60.0, 66.0):
        seconds, gap = clock.step(late)
        assert seconds == pytest.approx(FRAME) and not gap
    # The clock stood still at the latest time: the next good frame gets its true step.
    assert clock.step(300 / 3)[0] == pytest.approx(FRAME)


@pytest.mark.parametrize("target", [60_000.0, -60_000.0])
def test_clock_gaps(target):
    clock = FrameClock()
    clock.step(0.0)
    assert clock.step(target) == (pytest.approx(FRAME), True)
    assert clock.step(target + 50.0) == (pytest.approx(0.05), False)


def test_clock_refuses_nonsense():
    with pytest.raises(ValueError, match="finite"):
        FrameClock().step(float("nan"))


def test_smoothing_calms_a_still_body_and_follows_a_moving_one():
    """Noise of 1 px on a body of 400 px is at least halved; a walk of a body length per second lags < 2 %."""
    rng = np.random.default_rng(0)
    smoother, noisy = PoseSmoother(), []
    base = rng.uniform(100, 500, (33, 2))
    for _ in range(120):
        points, _ = smoother.landmarks(base + rng.normal(0, 1, (33, 2)), None, FRAME, body_size=400.0)
        noisy.append(points)
    assert np.std(noisy[60:], axis=0).mean() < 0.5
    smoother = PoseSmoother()
    for i in range(60):
        true = base + np.array([400.0 * FRAME * i, 0.0])
        points, _ = smoother.landmarks(true, None, FRAME, body_size=400.0)
    assert 0 < (true - points)[:, 0].mean() < 0.02 * 400


def test_depth_is_smoothed_with_the_points():
    smoother = PoseSmoother()
    points, z = np.zeros((33, 2)), np.zeros(33)
    smoother.landmarks(points, z, FRAME, body_size=100.0)
    moved, depth = smoother.landmarks(points + 1, z + 1, FRAME, body_size=100.0)
    np.testing.assert_allclose(moved[:, 0], depth)
    assert depth.shape == (33,) and 0 < depth[0] < 1


BODY = 300.0
LIMIT = FASTEST * BODY * FRAME  # 40 px from frame to frame


def held(track: list[float], seconds: float = FRAME) -> list[float]:
    """A filter's answer to one point on the x axis, beside a second one that stays where it is."""
    jumps = JumpFilter()
    answers = [jumps(np.array([[x, 0.0], [7.0, 7.0]]), seconds, scale=BODY) for x in track]
    np.testing.assert_array_equal([a[1] for a in answers], np.full((len(track), 2), 7.0))
    return [float(a[0, 0]) for a in answers]


def test_one_wrong_frame_is_not_seen():
    assert held([0, 0, 3 * LIMIT, 0, 0]) == [0, 0, 0, 0, 0]
    assert held([0, 200, 0, 200, 0]) == [0, 0, 0, 0, 0]
    # Two of them in a row look like a movement.
    assert held([0, 200, 200, 0, 0]) == [0, 0, 200, 0, 0]


def test_what_a_body_can_do_passes_at_once():
    walk = [0.99 * LIMIT * i for i in range(6)]
    assert held(walk) == walk
    # Twice the time, twice the way.
    assert held([0, 1.9 * LIMIT], 2 * FRAME) == [0, 1.9 * LIMIT]


def test_a_real_jump_comes_a_frame_late_and_is_followed():
    run = [0, 2 * LIMIT, 4 * LIMIT, 6 * LIMIT]
    assert held(run) == [0, 0, 4 * LIMIT, 6 * LIMIT]
    assert held([0, 300, 301, 302]) == [0, 0, 301, 302]


def test_a_smoother_holds_jumps_unless_told_otherwise_and_forgets():
    base = np.full((33, 2), 100.0)
    wrong = base.copy()
    wrong[27] += 2 * LIMIT
    for hold in (True, False):
        smoother = PoseSmoother(Filters() if hold else MEDIAPIPE)
        smoother.landmarks(base, None, FRAME, body_size=BODY)
        points, _ = smoother.landmarks(wrong, None, FRAME, body_size=BODY)
        assert (points[27] == 100.0).all() == hold
        smoother.reset()
        points, _ = smoother.landmarks(wrong, None, FRAME, body_size=BODY)
        np.testing.assert_array_equal(points, wrong.astype(np.float32))


def test_the_region_stays_behind_by_so_much_at_most():
    """Circle of radius 100: a step of 50 px is followed up to 6 % of the radius, small steps are steadied as before."""
    body = np.float32([[200, 200], [200, 100]])
    free, limited = PoseSmoother(MEDIAPIPE), PoseSmoother(Filters())
    for smoother in (free, limited):
        smoother.alignment(body, FRAME)
    lag = lambda smoother, moved: float((moved - smoother.alignment(moved, FRAME))[:, 0].mean())  # noqa: E731
    near, far = body + np.float32([1, 0]), body + np.float32([51, 0])
    assert lag(free, near) == pytest.approx(lag(limited, near), abs=1e-4)
    assert lag(limited, far) == pytest.approx(6.0, abs=1e-3) and lag(free, far) > 6.0


def test_depth_has_no_say_in_whether_a_point_jumped():
    jumps = JumpFilter(5.0)
    before = np.array([[10.0, 10.0, 0.0]])
    jumps(before, 0.1, scale=10.0)  # faster than 5 pixels in this time is a jump
    deeper = np.array([[12.0, 10.0, 80.0]])
    np.testing.assert_array_equal(jumps(deeper, 0.1, scale=10.0), deeper)
    np.testing.assert_array_equal(jumps(np.array([[30.0, 10.0, 81.0]]), 0.1, scale=10.0), deeper)
