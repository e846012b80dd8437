import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from policyscope import statistics

VALUES = hnp.arrays(np.float64, st.integers(2, 30), elements=st.floats(-1e3, 1e3))


@given(VALUES, st.floats(0.5, 0.99))
def test_mean_is_scipys_t_test_turned_into_an_interval(values, confidence):
    estimate = statistics.mean(values, confidence)
    if np.ptp(values) < 1e-6:
        assert estimate.low <= estimate.value <= estimate.high
        return
    reference = stats.ttest_1samp(values, 0.0).confidence_interval(confidence)
    assert estimate.low == pytest.approx(reference.low, rel=1e-9, abs=1e-9)
    assert estimate.high == pytest.approx(reference.high, rel=1e-9, abs=1e-9)
    assert estimate.n == len(values)


def test_mean_of_one_value_is_refused_because_it_has_no_interval():
    with pytest.raises(ValueError, match="at least 2 values"):
        statistics.mean(np.array([1.0]))


def test_mean_covers_the_truth_as_often_as_it_says():
    # 2000 intervals at 90 %: the binomial standard deviation is 0.0067, so 4 of them is 0.027
    rng = np.random.default_rng(0)
    samples = rng.normal(3.0, 2.0, (2000, 8))
    estimates = [statistics.mean(sample, 0.9) for sample in samples]
    covered = np.mean([e.low <= 3.0 <= e.high for e in estimates])
    assert covered == pytest.approx(0.9, abs=0.027)


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (3, 10), (10, 10), (40, 50)])
def test_proportion_is_the_beta_quantile_form_of_clopper_pearson(hits, n):
    estimate = statistics.proportion(np.arange(n) < hits)
    low = stats.beta.ppf(0.025, hits, n - hits + 1) if hits else 0.0
    high = stats.beta.ppf(0.975, hits + 1, n - hits) if hits < n else 1.0
    assert estimate.value == hits / n
    assert (estimate.low, estimate.high) == (pytest.approx(low), pytest.approx(high))


def test_bootstrap_of_sums_agrees_with_a_loop_over_resamples():
    rng = np.random.default_rng(1)
    groups = np.stack([rng.exponential(size=60), rng.uniform(1, 2, size=60)], 1)

    def ratio(sums):
        return np.array([sums[0] / sums[1], sums[1]])

    ours = statistics.bootstrap(groups, ratio, np.random.default_rng(2), resamples=20_000)
    drawn = [ratio(groups[rng.integers(60, size=60)].sum(0)) for _ in range(20_000)]
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    # a quantile of 20,000 resamples scatters by 0.5 % of the interval's width
    within = 0.03 * (high - low)
    assert [e.value for e in ours] == pytest.approx(list(ratio(groups.sum(0))))
    assert (np.abs([e.low for e in ours] - low) < within).all()
    assert (np.abs([e.high for e in ours] - high) < within).all()


def test_bootstrap_gives_the_same_interval_for_the_same_generator_state():
    groups = np.random.default_rng(0).random((5, 3))
    first, second = (
        statistics.bootstrap(groups, lambda s: s / s.sum(), np.random.default_rng(7))
        for _ in range(2)
    )
    assert first == second


def test_bootstrap_resamples_episodes_and_not_their_states():
    # one episode holds everything: its share is 1 when drawn, and nothing is known when not
    groups = np.array([[1000.0, 0.0], [0.0, 1.0]])
    first, _ = statistics.bootstrap(
        groups, lambda s: s / max(s.sum(), 1e-9), np.random.default_rng(0)
    )
    assert first.low == 0.0
    assert first.high == 1.0
    assert first.n == 2


def test_bootstrap_of_one_episode_is_refused():
    with pytest.raises(ValueError, match="at least 2 episodes"):
        statistics.bootstrap(np.ones((1, 2)), lambda s: s, np.random.default_rng(0))


def test_an_estimate_formats_every_number_alike():
    estimate = statistics.Estimate(0.5, 0.25, 0.75, 0.95, 10, "Student t")
    assert f"{estimate:.0%}" == "50% [25%, 75%]"


@pytest.mark.parametrize(
    ("part", "whole", "overlap"),
    [(1, 4, 1 / 4), (2, 4, 4 / 6 / 3 + 1 / 6), (3, 3, 1), (1, 1, 1)],
)
def test_overlap_of_random_parts_is_counted(part, whole, overlap):
    assert statistics.chance_overlap(part, whole) == pytest.approx(overlap)


def test_overlap_of_large_random_parts_is_what_their_areas_say():
    # independent parts of area a share a², and cover 2a − a²
    assert statistics.chance_overlap(706, 7056) == pytest.approx(0.1 / 1.9, rel=1e-2)


def test_medians_lie_between_order_statistics():
    # P[Binomial(20, ½) ≤ 5] = 0.0207 and ≤ 6 is 0.058: the sixth from either end
    values = np.random.default_rng(0).permutation(np.arange(1.0, 21.0))
    estimate = statistics.median(values)
    assert (estimate.value, estimate.low, estimate.high, estimate.n) == (10.5, 6.0, 15.0, 20)


def test_the_median_of_few_values_may_be_any_of_them():
    estimate = statistics.median(np.array([3.0, 1.0, 2.0]))
    assert (estimate.value, estimate.low, estimate.high) == (2.0, 1.0, 3.0)


def test_the_limit_of_a_mean_that_was_never_above_its_floor_is_that_of_a_share():
    """No hit in n: 1 − α^(1/n), as Clopper and Pearson have it."""
    found = statistics.mean_limit(np.full(50, -2.0), -2.0, 6.0, 0.999)
    assert found == pytest.approx(-2 + 8 * (1 - 0.001 ** (1 / 50)), rel=1e-6)


@pytest.mark.parametrize("rare", [0.02, 0.3, 0.9])
def test_the_limit_of_a_mean_holds_where_students_interval_does_not(rare):
    """Of a hundred at a chance of `rare` and nothing else, twenty are seen; 0.95 of 2000 hold."""
    rng = np.random.default_rng(0)
    values = np.where(rng.random((2000, 20)) < rare, 100.0, 0.0)
    held = [statistics.mean_limit(row, 0.0, 100.0, 0.95) >= 100 * rare for row in values]
    assert np.mean(held) >= 0.95 - 4 * np.sqrt(0.05 * 0.95 / 2000)
    student = [statistics.mean(row, 0.9).high >= 100 * rare for row in values]
    assert rare > 0.02 or np.mean(student) < 0.5


def test_the_limit_of_a_mean_ends_where_values_do():
    assert statistics.mean_limit(np.full(5, 3.0), 0.0, 3.0, 0.9) == 3
    assert statistics.mean_limit(np.full(5, 3.0), 3.0, 3.0, 0.9) == 3
    tight = statistics.mean_limit(np.tile([0.0, 1.0], 50_000), 0.0, 1.0, 0.95)
    assert 0.5 < tight < 0.505
