import numpy as np
import pytest

from policyscope.analyzers.averaging import Averaging, shares
from policyscope.rollouts.visited import Visited

LENGTHS = np.array([3, 3, 4])
STEPS = np.array([0, 2, 4, 7, 9])
RNG = np.random.default_rng(0)


def averaging():
    visited = Visited(LENGTHS, np.zeros((10, 2)))
    return Averaging(visited, np.random.default_rng(1), confidence=0.9)


def test_means_are_over_states_and_intervals_over_episodes():
    values = RNG.normal(size=(5, 3))
    found = averaging().means(STEPS, values)
    np.testing.assert_allclose([e.value for e in found], values.mean(0))
    assert all(e.n == 3 and e.confidence == 0.9 and e.low <= e.value <= e.high for e in found)


def test_states_of_one_episode_do_not_narrow_an_interval():
    within = np.array([0.0, 0.0, 1.0, 2.0, 2.0])[:, None]
    once = averaging().means(STEPS, within)[0]
    steps, values = np.repeat(STEPS, 50), np.repeat(within, 50, 0)
    often = averaging().means(steps, values)[0]
    assert (often.low, often.high) == pytest.approx((once.low, once.high))


def test_nothing_has_no_means():
    assert averaging().means(STEPS, np.empty((5, 0))) == ()


def test_shares_are_of_absolute_sums_averaged_over_outputs():
    values = RNG.normal(size=(5, 2, 4))
    sums = np.abs(values).sum(0)
    expected = (sums / sums.sum(1, keepdims=True)).mean(0)
    np.testing.assert_allclose([e.value for e in averaging().shares(STEPS, values)], expected)


def test_ratios_are_of_sums():
    above, below = RNG.random((5, 2)), RNG.random((5, 2))
    expected = (above.sum(0) / below.sum(0)).mean()
    (found,) = averaging().ratios(STEPS, above, below)
    assert found.value == pytest.approx(expected)


def test_shares_and_ratios_of_nothing_are_zero():
    np.testing.assert_array_equal(shares(np.zeros((2, 3))), np.zeros(3))
    nothing = np.zeros((5, 2))
    assert averaging().ratios(STEPS, nothing, nothing)[0].value == 0


def test_resamples_without_a_state_are_no_trouble():
    found = averaging().means(np.array([0]), np.ones((1, 1)))[0]
    assert np.isfinite([found.value, found.low, found.high]).all()
