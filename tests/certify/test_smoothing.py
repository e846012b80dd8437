"""The bounds, against numbers by hand, other implementations, and worst cases known exactly.

Numbers are drawn from fixed seeds; a rate that is compared with its limit is given four standard
errors, so a right implementation fails under fewer than one in ten thousand seeds.
"""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from policyscope_certify.smoothing import (
    Survival,
    clopper_pearson,
    mean_bounds,
    quantile_bounds,
    threshold_wise,
    under_attack,
    uniform,
)
from scipy import stats

Z = stats.norm.cdf
BUDGETS = np.array([0.0, 0.1, 0.25, 0.5, 1.0, 3.0])
ALPHA = 0.1


def one(value: float) -> np.ndarray:
    return np.array([value])


def test_a_budget_of_one_deviation_moves_a_probability_by_one_quantile():
    found = under_attack(Z(np.array([1.0, 2.0])), np.array([0.0, 0.3, 0.6]), 0.3)
    np.testing.assert_allclose(found, Z(np.array([[1, 2], [0, 1], [-1, 0]])), rtol=1e-12)


def test_nothing_is_left_of_what_never_happens_and_all_of_what_always_does():
    found = under_attack(np.array([0.0, 1.0]), np.array([0.0, 1.0, 1e6]), 0.2)
    np.testing.assert_array_equal(found, [[0, 1]] * 3)


@pytest.mark.parametrize(("sigma", "left"), [(1e9, 0.7), (1e-9, 0.0)])
def test_much_noise_protects_from_everything_and_none_from_nothing(sigma, left):
    assert under_attack(one(0.7), one(1.0), sigma) == pytest.approx(left, abs=1e-6)


@pytest.mark.parametrize("n", [1, 2, 30])
def test_the_bound_of_a_probability_is_scipys(n):
    for alpha in (0.3, 0.05, 1e-4):
        expected = [
            stats.binomtest(k, n, alternative="greater").proportion_ci(1 - alpha, "exact").low
            for k in range(n + 1)
        ]
        np.testing.assert_allclose(clopper_pearson(np.arange(n + 1), n, alpha), expected, atol=1e-9)


def test_confidence_is_shared_by_the_values_that_are_asked_for():
    returns, values = np.array([0.0, 1, 1, 2, 5]), np.array([1.0, 2, 3, 6])
    found = threshold_wise(returns, values, 0.2)
    np.testing.assert_allclose(
        found.probabilities, clopper_pearson(np.array([4, 2, 1, 0]), 5, 0.05)
    )


def test_shares_are_lowered_by_the_one_sided_constant_of_massart():
    found = uniform(np.array([3.0, -1, 3, 7]), 0.3)
    np.testing.assert_array_equal(found.values, [-1, 3, 7])
    constant = math.sqrt(math.log(1 / 0.3) / 8)
    np.testing.assert_allclose(found.probabilities, [1 - constant, 0.75 - constant, 0])


def test_a_confidence_below_a_half_has_no_such_constant():
    with pytest.raises(ValueError, match=r"at most 0.5.*not 0.6"):
        uniform(np.zeros(3), 0.6)


def test_the_mean_is_the_integral_of_what_is_left_of_each_probability():
    rng = np.random.default_rng(0)
    survival = uniform(rng.normal(-5, 3, 400), 0.05)
    floor, sigma, budget = -40.0, 0.5, 0.3
    grid = np.linspace(floor, survival.values[-1] + 1, 2_000_001)
    place = np.searchsorted(survival.values, grid, side="left")
    p = np.append(survival.probabilities, 0.0)[place]
    left = Z(stats.norm.ppf(p) - budget / sigma)
    expected = floor + left.mean() * (grid[-1] - grid[0])
    found = mean_bounds(survival, floor, one(budget), sigma)
    assert found[0] == pytest.approx(expected, abs=1e-3)


def test_a_quantile_is_the_last_value_that_enough_episodes_still_reach():
    survival = Survival(np.array([1.0, 2, 3]), Z(np.array([2.0, 1.0, 0.5])))
    budgets = np.array([0.0, 0.6, 1.5, 2.5])
    found = quantile_bounds(survival, -7, budgets, 1.0, 0.5)
    np.testing.assert_array_equal(found, [3, 2, 1, -7])


returns_of_some_kind = st.lists(st.integers(-20, 20), min_size=2, max_size=60)
ways = st.sampled_from(["values", "grid", "uniform"])


def survival_of(returns: np.ndarray, way: str, alpha: float = 0.05) -> Survival:
    if way == "uniform":
        return uniform(returns, alpha)
    return threshold_wise(returns, np.linspace(-20, 20, 41 if way == "values" else 8)[1:], alpha)


@given(returns_of_some_kind, ways, st.floats(0.05, 5))
def test_the_certificate_falls_with_the_budget_from_the_mean_to_the_floor(returns, way, sigma):
    returns = np.array(returns, float)
    found = mean_bounds(survival_of(returns, way), -20, BUDGETS, sigma)
    assert (np.diff(found) <= 1e-12).all()
    assert -20 <= found[-1] and found[0] <= returns.mean()
    low = quantile_bounds(survival_of(returns, way), -20, BUDGETS, sigma, 0.5)
    assert (np.diff(low) <= 0).all() and low[0] <= np.quantile(returns, 0.5, method="higher")


@given(returns_of_some_kind, ways)
def test_the_certificate_rises_with_the_noise_and_with_as_many_more_episodes(returns, way):
    returns = np.array(returns, float)
    less, more = (mean_bounds(survival_of(returns, way), -20, BUDGETS, s) for s in (0.3, 0.6))
    assert (less <= more + 1e-12).all()
    longer = mean_bounds(survival_of(np.tile(returns, 9), way), -20, BUDGETS, 0.3)
    assert (less <= longer + 1e-12).all()


@given(returns_of_some_kind, st.integers(-50, 50), st.floats(0.1, 10))
def test_units_and_zero_points_of_returns_and_noise_do_not_matter(returns, shift, scale):
    returns = np.array(returns, float)
    plain = mean_bounds(survival_of(returns, "uniform"), -20, BUDGETS, 0.2)
    moved = mean_bounds(
        survival_of(returns + shift, "uniform"), -20 + shift, scale * BUDGETS, scale * 0.2
    )
    np.testing.assert_allclose(moved, plain + shift, atol=1e-9)


class Steps:
    """An episode of one observation, x = 0, that returns how many of some values −c it is above.

    Its worst adversary is known: it adds −B to x, whatever the noise will be. Under it P[R ≥ j] is
    Φ((c_j − B)/σ), which is the bound of the theorem, so the certificate has no room to err in.
    """

    def __init__(self, c: list[float], sigma: float) -> None:
        self.c, self.sigma = -np.sort(-np.array(c)), sigma

    def returns(self, n: int, rng: np.random.Generator) -> np.ndarray:
        seen = self.sigma * rng.standard_normal((n, 1))
        return (seen + self.c >= 0).sum(1).astype(float)

    def reached(self, budget: float = 0.0) -> np.ndarray:
        return Z((self.c - budget) / self.sigma)


def violations(steps: Steps, bound, truth, repetitions: int = 3000, n: int = 60) -> float:
    rng = np.random.default_rng(7)
    wrong = [bool(np.any(bound(steps.returns(n, rng)) > truth)) for _ in range(repetitions)]
    return float(np.mean(wrong))


SLACK = 4 * math.sqrt(ALPHA * (1 - ALPHA) / 3000)


@pytest.mark.parametrize("budget", [0.0, 0.2, 0.5])
@pytest.mark.parametrize("c", [0.3, 0.6])
def test_certified_successes_are_missed_by_the_worst_adversary_as_often_as_was_said(c, budget):
    steps = Steps([c], sigma=0.4)

    def bound(returns):
        return mean_bounds(threshold_wise(returns, one(1.0), ALPHA), 0, one(budget), 0.4)

    rate = violations(steps, bound, steps.reached(budget))
    assert rate <= ALPHA + SLACK
    assert rate >= ALPHA / 5  # exact but for the steps of a count, so not by being timid


@pytest.mark.parametrize("way", ["values", "uniform"])
def test_certified_returns_are_below_those_under_the_worst_adversary(way):
    steps = Steps([-0.2, 0.0, 0.1, 0.3, 0.5, 0.9], sigma=0.4)

    def bound(returns):
        values = np.arange(1.0, 7)
        found = uniform(returns, ALPHA)
        if way == "values":
            found = threshold_wise(returns, values, ALPHA)
        return mean_bounds(found, 0, BUDGETS, 0.4)

    truth = np.array([steps.reached(budget).sum() for budget in BUDGETS])
    assert violations(steps, bound, truth) <= ALPHA + SLACK


def test_all_values_are_bounded_at_once_however_many():
    steps = Steps(list(np.linspace(-0.8, 0.8, 20)), sigma=0.4)
    values = np.arange(1.0, 21)

    def at_values(returns):
        return threshold_wise(returns, values, ALPHA).probabilities

    def at_observed(returns):
        found = uniform(returns, ALPHA)
        above = np.searchsorted(found.values, values)  # R ≥ v follows from R ≥ the next above v
        return np.append(found.probabilities, 0.0)[above]

    # independent returns, so that uncorrected bounds would be wrong somewhere nearly every time
    assert violations(steps, at_values, steps.reached()) <= ALPHA + SLACK
    assert violations(steps, at_observed, steps.reached()) <= ALPHA + SLACK


def test_the_uniform_bound_is_missed_as_often_as_was_said():
    rng = np.random.default_rng(3)
    n, wrong = 200, []
    for _ in range(3000):
        found = uniform(rng.uniform(size=n), ALPHA)
        wrong.append(np.any(found.probabilities > 1 - found.values))
    assert ALPHA / 3 <= np.mean(wrong) <= ALPHA + SLACK


def test_certified_quantiles_hold_for_every_budget_at_once():
    steps = Steps(list(np.linspace(-0.5, 1.2, 12)), sigma=0.4)
    values = np.arange(1.0, 13)

    def bound(returns):
        found = threshold_wise(returns, values, ALPHA)
        return quantile_bounds(found, 0, BUDGETS, 0.4, 0.5)

    truth = np.array([(steps.reached(budget) >= 0.5).sum() for budget in BUDGETS])
    assert violations(steps, bound, truth) <= ALPHA + SLACK
