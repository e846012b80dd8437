import math

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from policyscope_attacks.budget import NORMS, Budget

from policyscope.errors import UsageError

UNITS = torch.tensor([0.5, 2.0, 0.0, 1.0])
numbers = st.floats(-1e6, 1e6, width=32)
sizes = st.floats(0, 1e3)
norms = st.sampled_from(NORMS)


def reference_length(delta, units, norm):
    """The formula of the docstring, feature by feature."""
    shares = [
        0.0 if d == 0 else np.inf if u == 0 else abs(float(d)) / float(u)
        for d, u in zip(delta, units, strict=True)
    ]
    return max(shares) if norm == "linf" else math.hypot(*shares)


@pytest.mark.parametrize("norm", NORMS)
def test_length_is_the_norm_in_units_of_each_feature(norm):
    delta = torch.tensor([[0.5, 2.0, 0.0, -3.0], [0, 0, 0, 0], [0, 0, 1e-9, 0]])
    expected = [reference_length(row, UNITS, norm) for row in delta]
    small = Budget(1, UNITS, norm).length(delta.double()[:1] * 1e-200)
    assert small.tolist() == pytest.approx([1e-200 * expected[0]], rel=1e-6)
    assert Budget(1, UNITS, norm).length(delta).tolist() == pytest.approx(expected)
    assert expected[2] == np.inf


@settings(deadline=None)
@given(arrays(np.float32, (3, 4), elements=numbers), sizes, norms, st.booleans())
@example(np.ones((3, 4), np.float32), 4.037624087312023e-158, "l2", True)
@example(np.ones((3, 4), np.float32), 1e-44, "l2", False)
@example(np.ones((3, 4), np.float32), 5e-324, "linf", True)
def test_what_is_projected_never_exceeds_its_size(delta, size, norm, double):
    budget = Budget(size, UNITS, norm)
    given_ = torch.from_numpy(delta).double() if double else torch.from_numpy(delta)
    allowed = torch.full((3,), size, dtype=given_.dtype)
    found = budget.project(given_, allowed)
    assert (budget.length(found) <= allowed.double()).all()
    assert (found[:, 2] == 0).all()


@settings(deadline=None)
@given(arrays(np.float32, (4,), elements=st.floats(2**-10, 1e3, width=32)), sizes, norms)
def test_products_that_round_cost_no_more_either(units, size, norm):
    budget = Budget(size, torch.from_numpy(units), norm)
    far = torch.full((1, 4), 1e9)
    for given_ in (far, far.double()):
        allowed = torch.tensor([size], dtype=given_.dtype)
        found = budget.project(given_, allowed)
        assert (budget.length(found) <= allowed.double()).all()
        assert (budget.length(found) >= allowed.double() * (1 - 1e-4) - 1e-30).all()


@settings(deadline=None)
@given(arrays(np.float64, (2, 4), elements=st.floats(-1, 1)), norms)
def test_what_is_admissible_is_left_as_it_is(delta, norm):
    budget = Budget(10, UNITS, norm)
    shares = torch.from_numpy(delta) * UNITS
    assert torch.equal(budget.project(shares, torch.full((2,), 10.0)), shares)


def test_the_projection_is_the_nearest_admissible_change():
    delta = torch.tensor([[3.0, 4.0, 0.0, 0.0]], dtype=torch.float64)
    ones = torch.ones(4, dtype=torch.float64)
    l2 = Budget(1, ones, "l2").project(delta, torch.ones(1))
    assert l2[0, :2].tolist() == pytest.approx([0.6, 0.8])
    linf = Budget(1, ones, "linf").project(delta, torch.ones(1))
    assert linf[0].tolist() == [1, 1, 0, 0]


def test_what_is_not_a_number_is_no_change():
    delta = torch.tensor([[torch.nan, torch.inf, 1.0, -torch.inf]])
    for norm in NORMS:
        assert Budget(1, torch.ones(4), norm).project(delta, torch.ones(1)).isfinite().all()


@settings(deadline=None)
@given(arrays(np.float32, (3, 4), elements=st.floats(-5, 5, width=32)), sizes, norms)
def test_the_valid_range_is_respected_and_costs_nothing(delta, size, norm):
    low, high = torch.tensor([-1.0, -1, -1, 0]), torch.ones(4)
    budget = Budget(size, UNITS, norm, low=low, high=high)
    observations = torch.tensor([[0.0, 0.5, 1, 0.1], [-1, 1, 0, 0], [3, -3, 0, -1]])
    allowed = torch.full((3,), size)
    moved = budget.within(observations, torch.from_numpy(delta), allowed)
    assert (
        budget.length(moved) <= budget.length(budget.project(torch.from_numpy(delta), allowed))
    ).all()
    shown = observations + moved
    assert (shown >= torch.minimum(low, observations)).all()
    assert (shown <= torch.maximum(high, observations)).all()


@settings(deadline=None)
@given(
    arrays(np.float64, (4,), elements=st.floats(-3, 3)),
    arrays(np.float64, (4,), elements=st.floats(-3, 3)),
    norms,
)
def test_no_change_of_its_length_rises_faster_than_the_steepest(gradient, other, norm):
    budget = Budget(1, UNITS.double(), norm)
    steepest = budget.steepest(torch.from_numpy(gradient)[None])
    assert budget.length(steepest)[0] <= 1 + 1e-9
    rival = budget.project(torch.from_numpy(other)[None], torch.ones(1))
    slope = torch.from_numpy(gradient)
    assert (steepest * slope).sum() >= (rival * slope).sum() - 1e-9


pixels = arrays(np.uint8, (3, 4), elements=st.integers(0, 255))
floats = arrays(np.float32, (3, 4), elements=st.floats(-100, 100, width=32))
doubles = arrays(np.float64, (3, 4), elements=st.floats(-1e9, 1e9))


@settings(deadline=None, max_examples=300)
@given(
    st.one_of(pixels, floats, doubles),
    arrays(np.float64, (3, 4), elements=st.floats(-300, 300)),
    st.floats(0, 100),
    norms,
)
def test_what_is_shown_never_exceeds_the_budget_after_rounding(observed, delta, size, norm):
    budget = Budget(size, UNITS, norm)
    shown = budget.shown(observed, torch.from_numpy(delta), np.full(3, size))
    assert shown.dtype == observed.dtype
    moved = shown.astype(np.float64) - observed.astype(np.float64)
    for row in moved:
        assert reference_length(row, UNITS, norm) <= size * (1 + 1e-15)


def test_pixels_are_moved_by_whole_numbers_to_the_nearest_that_is_allowed():
    observed = np.full((1, 4), 100, np.uint8)
    budget = Budget(2.6, torch.ones(4))
    delta = torch.tensor([[0.6, 2.6, -2.6, 9.0]], dtype=torch.float64)
    assert budget.shown(observed, delta, np.array([3.0])).tolist() == [[101, 103, 97, 103]]
    assert budget.shown(observed, delta, np.array([2.6])).tolist() == [[100, 102, 98, 102]]


@pytest.mark.parametrize("norm", NORMS)
def test_an_episode_shares_a_whole_budget(norm):
    budget = Budget(2, UNITS, norm, whole_episode=True)
    spent = np.zeros(2)
    taken = []
    for _ in range(5):
        step = np.minimum(budget.left(spent), [0.7, 1.9])
        taken.append(step)
        spent += budget.charge(step)
    lengths = np.array(taken)
    total = lengths.sum(0) if norm == "linf" else np.sqrt((lengths**2).sum(0))
    assert (total <= 2).all()
    assert total == pytest.approx([min(5 * 0.7, 2) if norm == "linf" else np.sqrt(5) * 0.7, 2])
    assert Budget(2, UNITS, norm).left(np.array([99.0])).tolist() == [2]


def test_a_mask_forbids_features():
    budget = Budget(1, UNITS).only(torch.tensor([True, False, True, False]))
    assert budget.scale.tolist() == [0.5, 0, 0, 0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": -1},
        {"size": np.nan},
        {"size": np.inf},
        {"norm": "l1"},
        {"scale": -UNITS},
        {"scale": UNITS * np.inf},
    ],
)
def test_nonsense_is_refused(wrong):
    with pytest.raises(UsageError, match="budget"):
        Budget(**{"size": 1, "scale": UNITS, **wrong})


@settings(deadline=None, max_examples=20)
@given(array_shapes(min_dims=1, max_dims=3, max_side=4), norms)
def test_images_are_budgeted_as_vectors_are(shape, norm):
    rng = np.random.default_rng(0)
    delta = torch.from_numpy(rng.standard_normal((2, *shape)))
    scale = torch.from_numpy(rng.uniform(0.5, 2, shape))
    flat = Budget(0.3, scale.flatten(), norm).project(delta.flatten(1), torch.full((2,), 0.3))
    assert torch.equal(
        Budget(0.3, scale, norm).project(delta, torch.full((2,), 0.3)).flatten(1), flat
    )
