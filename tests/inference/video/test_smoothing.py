import math

import numpy as np
import pytest

from mien.inference.video.smoothing import Hold, Smoother


def smooth(times, values, time_constant_s=0.3):
    smoother = Smoother(time_constant_s)
    return [float(smoother.update(np.array([value]), time_s)[0]) for time_s, value in zip(times, values, strict=True)]


def test_a_step_is_followed_with_the_time_constant():
    times = np.arange(0, 4, 0.01)
    smoothed = smooth(times, (times >= 3) * 1.0)
    at = {round(time_s, 2): value for time_s, value in zip(times, smoothed, strict=True)}
    assert at[3.29] == pytest.approx(1 - math.exp(-1), abs=0.001)  # 30 frames of 0.01 s since the step
    assert at[2.99] == 0


def test_spacing_does_not_matter():
    slow = np.arange(0, 5, 0.1)
    fast = np.arange(0, 5, 0.02)
    mixed = np.sort(np.concatenate([slow, fast[fast > 2.5]]))
    ends = [smooth(times, (times >= 4.4 - 1e-9) * 1.0)[-1] for times in (slow, fast, mixed)]
    # Up to half a frame's difference, for the film was last seen at different moments.
    assert np.ptp(ends) < 0.1
    assert min(ends) > 0.8


def test_the_first_frames_are_averaged():
    assert smooth([0, 0.001, 0.002, 0.003], [4, 0, 0, 0]) == pytest.approx([4, 2, 4 / 3, 1])


def test_without_a_time_constant_nothing_is_smoothed():
    assert smooth([0, 0.1, 0.2], [1, 5, 2], 0) == [1, 5, 2]


def test_probabilities_stay_probabilities():
    smoother = Smoother(0.3)
    rng = np.random.default_rng(0)
    for time_s in np.cumsum(rng.exponential(0.1, 50)):
        smoothed = smoother.update(rng.dirichlet(np.ones(7)), time_s)
        assert smoothed.sum() == pytest.approx(1)
        assert smoothed.min() >= 0


def hold(values, times, hold_s=0.3):
    held = Hold(values[0], times[0], hold_s=hold_s)
    return [held.update(value, time_s) for value, time_s in zip(values, times, strict=True)], held.since_s


def test_a_short_visit_changes_nothing():
    assert hold("aabbaa", [0, 0.1, 0.2, 0.4, 0.5, 0.6])[0] == list("aaaaaa")


def test_who_stays_is_believed_after_a_while_and_dated_back():
    values, since_s = hold("aabbbb", [0, 0.1, 0.4, 0.6, 0.7, 0.8])
    assert values == list("aaaabb")
    assert since_s == 0.4


def test_a_first_value_that_does_not_stay_leaves_no_trace():
    values, since_s = hold("abbbb", [0, 0.1, 0.2, 0.3, 0.4])
    assert values == list("aaaab")
    assert since_s == 0


def test_challengers_do_not_help_each_other():
    assert hold("abcbcbc", [0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.1])[0] == ["a"] * 7


def test_no_hold_follows_at_once():
    assert hold("abab", [0, 0.1, 0.2, 0.3], hold_s=0)[0] == list("abab")
