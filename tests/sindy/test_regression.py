"""The ensembles, against pysindy's and against what is known exactly."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policyscope.readable.equations import monomials
from policyscope.sindy.library import exponents
from policyscope.sindy.regression import (
    Moments,
    Sparsity,
    candidates,
    condition,
    ensemble,
    independent,
)

TERMS = exponents(3, 3)


@pytest.fixture
def states():
    return np.random.default_rng(1).normal(size=(2000, 3)) * [1.0, 20.0, 0.01]


@pytest.fixture
def truth():
    """Three sparse equations whose terms matter alike, whatever the units."""
    sizes = np.prod(np.array([1.0, 20.0, 0.01]) ** TERMS, 1)
    coefficients = np.zeros((3, len(TERMS)))
    for row, places in zip(coefficients, ([1, 5], [0, 3, 12], [7]), strict=True):
        row[places] = [1.0, -2.0, 1.5][: len(places)] / sizes[places]
    return coefficients


def every_term(threshold=0.05, ridge=1e-8):
    return Sparsity(np.ones(len(TERMS), bool), threshold, ridge)


def test_a_sparse_system_is_found_exactly(states, truth):
    theta = monomials(states, TERMS)
    found = ensemble(
        Moments.of(theta, theta @ truth.T), [every_term()] * 3, 20, 1, np.random.default_rng(0)
    )
    np.testing.assert_array_equal(found.coefficients != 0, truth != 0)
    np.testing.assert_allclose(found.coefficients, truth, rtol=1e-6)
    assert found.inclusion[truth != 0].min() == 1
    assert np.all(found.spread[truth != 0] <= 1.0 * np.abs(truth[truth != 0]))


def test_its_support_is_that_of_pysindy(states, truth):
    import pysindy

    noise = np.random.default_rng(2).normal(size=(len(states), 3))
    theta = monomials(states, TERMS)
    targets = theta @ truth.T
    targets = targets + 0.01 * targets.std(0) * noise
    scale, size = (np.sqrt(np.mean(values**2, 0)) for values in (theta, targets))
    theirs = pysindy.EnsembleOptimizer(
        pysindy.STLSQ(threshold=0.05, alpha=1e-8 * len(states), unbias=False),
        bagging=True,
        library_ensemble=True,
        n_models=20,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.fit(theta / scale, targets / size)
    found = ensemble(
        Moments.of(theta, targets), [every_term()] * 3, 20, 1, np.random.default_rng(0)
    )
    np.testing.assert_array_equal(found.coefficients != 0, theirs.coef_ != 0)
    np.testing.assert_allclose(found.coefficients * scale / size[:, None], theirs.coef_, atol=2e-3)


@pytest.mark.parametrize("threshold", [0.0, 0.02, 0.3])
@pytest.mark.parametrize("ridge", [1e-8, 1e-2])
def test_one_fit_is_pysindys_thresholded_least_squares(states, truth, threshold, ridge):
    import pysindy

    theta = monomials(states, TERMS)
    noise = np.random.default_rng(2).normal(size=(len(states), 3))
    targets = theta @ truth.T
    targets = targets + 0.3 * targets.std(0) * noise
    scale, size = (np.sqrt(np.mean(values**2, 0)) for values in (theta, targets))
    theirs = pysindy.STLSQ(threshold=threshold, alpha=ridge * len(states), unbias=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.fit(theta / scale, targets / size)
    (found,) = candidates(Moments.of(theta, targets), [every_term(threshold, ridge)])
    np.testing.assert_allclose(found * scale / size[:, None], theirs.coef_, rtol=1e-6, atol=1e-9)


@settings(max_examples=15)
@given(st.lists(st.floats(1e-3, 1e3), min_size=3, max_size=3), st.floats(1e-3, 1e3))
def test_units_change_coefficients_and_never_the_support(units, size):
    rng = np.random.default_rng(3)
    states = rng.normal(size=(500, 3))
    targets = states[:, :1] * states[:, 1:2] - 0.5 * states[:, 2:] + rng.normal(size=(500, 1))
    (ours,) = candidates(Moments.of(monomials(states, TERMS), targets), [every_term()])
    others = monomials(states * units, TERMS)
    (scaled,) = candidates(Moments.of(others, targets * size), [every_term()])
    np.testing.assert_array_equal(ours != 0, scaled != 0)
    factors = np.prod(np.array(units) ** TERMS, 1)
    np.testing.assert_allclose(scaled * factors / size, ours, rtol=1e-5, atol=1e-9)


def test_columns_that_others_say_are_left_out():
    rng = np.random.default_rng(0)
    angle, free = rng.uniform(-3, 3, (2, 500))
    states = np.column_stack([np.cos(angle), np.sin(angle), np.full(500, 4.0), 2 * free, free])
    terms = exponents(5, 2)
    kept = independent(Moments.of(monomials(states, terms), free[:, None]))
    names = {tuple(term) for term in terms[kept]}
    assert (0, 0, 0, 0, 0) in names
    assert (0, 0, 1, 0, 0) not in names  # a constant feature is the constant
    assert (0, 0, 0, 1, 0) in names and (0, 0, 0, 0, 1) not in names  # a copy
    assert (2, 0, 0, 0, 0) in names and (0, 2, 0, 0, 0) not in names  # cos² + sin² = 1


def test_what_is_left_out_leaves_the_rest_well_conditioned():
    free = np.random.default_rng(0).normal(size=500)
    moments = Moments.of(np.column_stack([free, free]), free[:, None])
    assert condition(moments, np.array([True, True])) > 1e6
    assert condition(moments, independent(moments)) == pytest.approx(1)


def test_members_see_other_rows_and_other_columns(states, truth):
    theta = monomials(states, TERMS)
    noise = np.random.default_rng(2).normal(size=(len(states), 3)) * (theta @ truth.T).std(0)
    moments = Moments.of(theta, theta @ truth.T + noise)
    fitted = ensemble(moments, [every_term(0.0)] * 3, 20, 2, np.random.default_rng(0))
    assert np.all((~fitted.offered).sum(2) == 2)
    assert np.all(fitted.members[~fitted.offered] == 0)
    seen = fitted.members[fitted.offered[:, 0, 1], 0, 1]
    assert len(np.unique(seen)) == len(seen)  # each from rows of its own
    few = replace(every_term(), allowed=np.arange(len(TERMS)) < 4)
    assert ensemble(moments, [few] * 3, 20, 2, np.random.default_rng(0)).offered[:, :, :4].all()


def test_spread_is_the_standard_error_of_independent_rows():
    """Bootstrap over blocks of independent rows, beside the textbook formula σ/√n."""
    rng = np.random.default_rng(4)
    theta = np.column_stack([np.ones(4000), rng.normal(size=4000)])
    targets = theta @ [[1.0], [2.0]] + rng.normal(size=(4000, 1))
    choice = Sparsity(np.ones(2, bool), 0.0, 0.0)
    fitted = ensemble(Moments.of(theta, targets), [choice], 500, 0, rng)
    np.testing.assert_allclose(fitted.spread[0], 1 / np.sqrt(4000), rtol=0.2)


def test_a_target_of_zeros_has_no_equation():
    theta = monomials(np.random.default_rng(0).normal(size=(100, 3)), TERMS)
    fitted = ensemble(
        Moments.of(theta, np.zeros((100, 1))), [every_term()], 5, 1, np.random.default_rng(0)
    )
    assert not fitted.coefficients.any()
    assert np.isfinite(fitted.spread).all()
