import glimpsing
import handmade
import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from policyscope.attributions import curves as module
from policyscope.attributions.chance import Chance
from policyscope.attributions.curves import curves, ranks
from policyscope.attributions.gradient import Gradient
from policyscope.attributions.method import Reference


def zeros(glimpses) -> Reference:
    return Reference(torch.zeros_like(glimpses.seen[0]), torch.ones_like(glimpses.seen[0]))


def two_sides(seen):
    """The left action where the sum is positive, and the right one, with 0, where it is not."""
    numbers = torch.as_tensor(seen).shape[1]
    return glimpsing.glimpses(handmade.linear([[1.0] * numbers, [0.0] * numbers], [-0.5, 0]), seen)


def test_curves_of_a_policy_that_is_done_by_hand():
    glimpses = two_sides([[3.0, -1.0, -1.0]])  # 0.5 left: one number decides
    found = curves(glimpses, torch.tensor([[3.0, 1.0, 1.0]]), zeros(glimpses))
    np.testing.assert_allclose(found.fractions, [0, 1 / 3, 2 / 3, 1])
    assert found.insertion.tolist() == [[0, 1, 1, 1]]
    assert found.deletion.tolist() == [[1, 0, 0, 0]]
    np.testing.assert_allclose(found.insertion_area, 5 / 6)
    np.testing.assert_allclose(found.deletion_area, 1 / 6)
    np.testing.assert_allclose(found.between, 2 / 3)


def test_the_wrong_order_is_told_from_the_right_one():
    glimpses = two_sides([[3.0, -1.0, -1.0]])
    found = curves(glimpses, torch.tensor([[0.0, 1.0, 1.0]]), zeros(glimpses))
    assert found.insertion.tolist() == [[0, 0, 0, 1]]
    assert found.deletion.tolist() == [[1, 1, 1, 0]]
    np.testing.assert_allclose(found.between, 1 / 6 - 5 / 6)


def test_continuous_actions_are_kept_by_degrees():
    space = spaces.Box(-2, 2, (1,))
    policy = handmade.policy(handmade.linear([[1.0, 1.0]]), 2, space)
    glimpses = glimpsing.of(policy, torch.tensor([[1.0, 0.5]]))
    found = curves(glimpses, torch.tensor([[2.0, 1.0]]), zeros(glimpses))
    np.testing.assert_allclose(found.insertion, np.exp([[-0.75, -0.25, 0]]))
    np.testing.assert_allclose(found.deletion, np.exp([[0, -0.5, -0.75]]))


def test_ties_are_broken_by_place_and_what_is_not_a_number_counts_as_zero():
    tied = torch.tensor([[1.0, 2.0, 1.0, 2.0], [0.0, torch.nan, -1.0, torch.inf]])
    assert ranks(tied).tolist() == [[2, 0, 3, 1], [1, 2, 3, 0]]
    assert torch.equal(ranks(torch.zeros(2, 5000)), torch.arange(5000).expand(2, -1))


@given(st.integers(0, 10_000), st.integers(1, 6), st.booleans())
def test_areas_are_shares_and_the_ends_are_known(seed, features, continuous):
    rng = torch.Generator().manual_seed(seed)
    body = handmade.linear(torch.randn(3, features, generator=rng).tolist())
    seen = torch.randn(5, features, generator=rng)
    glimpses = glimpsing.glimpses(body, seen, continuous=continuous)
    found = curves(glimpses, torch.randn(5, features, generator=rng), glimpsing.reference(glimpses))
    for values in (found.insertion, found.deletion, found.insertion_area, found.deletion_area):
        assert values.dtype == np.float64
        assert (values >= 0).all() and (values <= 1).all()
    assert (found.insertion[:, -1] == 1).all() and (found.deletion[:, 0] == 1).all()
    assert (found.insertion[:, 0] == found.deletion[:, -1]).all()
    assert (np.abs(found.between) <= 1).all()


@given(st.integers(0, 10_000))
def test_the_order_of_what_pulls_to_the_decision_is_never_worse_than_its_reverse(seed):
    rng = torch.Generator().manual_seed(seed)
    weights = torch.randn(6, generator=rng)
    seen = torch.randn(8, 6, generator=rng)
    glimpses = glimpsing.glimpses(handmade.linear([weights.tolist(), [0.0] * 6]), seen)
    pulls = seen * weights * torch.where(seen @ weights > 0, 1, -1)[:, None]
    right, wrong = (curves(glimpses, sign * pulls, zeros(glimpses)).between for sign in (1, -1))
    assert (right >= wrong).all()


def test_a_method_beats_chance_and_with_its_ranking_reversed_chance_beats_it():
    seen = np.random.default_rng(0).normal(size=(200, 10)).astype(np.float32)
    body = handmade.linear([[8, 4, 2, 1, 0, 0, 0, 0, 0, 0], [0] * 10])
    glimpses = glimpsing.glimpses(body, seen)
    reference, target = zeros(glimpses), glimpsing.each(glimpses)[:, :1]

    def between(method, sign=1):
        importance = method.attribute(glimpses, target, reference).abs().sum(1)
        return curves(glimpses, sign * importance, reference).between

    chance = between(Chance())
    better, worse = between(Gradient()) - chance, between(Gradient(), -1) - chance
    # 200 states: the means are more than five of their deviations from 0
    assert better.mean() > 5 * better.std() / 200**0.5
    assert worse.mean() < -5 * worse.std() / 200**0.5


def test_neither_order_nor_company_of_states_matters():
    seen = torch.randn(9, 4, generator=torch.Generator().manual_seed(0))
    glimpses = glimpsing.glimpses(glimpsing.network(4, 3), seen)
    importance, reference = torch.rand(9, 4), glimpsing.reference(glimpses)
    whole = curves(glimpses, importance, reference)
    order = np.array([5, 0, 8, 2])
    some = curves(glimpses[order], importance[order], reference)
    np.testing.assert_array_equal(some.insertion, whole.insertion[order])
    np.testing.assert_array_equal(some.deletion, whole.deletion[order])


def test_many_numbers_are_taken_in_equal_shares_of_all_frames_together():
    seen = torch.rand(3, 4, 10, 10)
    policy = handmade.policy(nn.Flatten(), 400, spaces.Discrete(400))
    glimpses = glimpsing.of(policy, seen)
    importance = torch.zeros(3, 4, 10, 10)
    importance[:, 3] = 1  # one frame is all that matters
    found = curves(glimpses, importance, zeros(glimpses))
    assert len(found.fractions) == module.SHARES + 1 and found.fractions[5] == 0.25
    brightest = seen.flatten(1).argmax(1) // 100
    assert (found.insertion[:, 5] >= (brightest == 3).numpy()).all()


def test_time_competes_with_features():
    glimpses = glimpsing.recurrent(3, 4, states=6, back=5)
    found = curves(glimpses, torch.rand(6, 5, 3), glimpsing.reference(glimpses))
    assert found.insertion.shape == (6, 16)
    assert (found.insertion[:, -1] == 1).all()


@pytest.mark.parametrize("value", [0.0, 1.0, torch.nan])
def test_maps_that_say_nothing_are_scored_like_any_order(value):
    glimpses = two_sides([[3.0, -1.0, -1.0], [1.0, 2.0, 0.0]])
    said = curves(glimpses, torch.full((2, 3), value), zeros(glimpses))
    order = curves(glimpses, torch.tensor([[3.0, 2.0, 1.0]] * 2), zeros(glimpses))
    np.testing.assert_array_equal(said.insertion, order.insertion)


def test_a_number_that_never_changes_makes_no_difference():
    glimpses = two_sides([[3.0, 7.0], [-1.0, 7.0]])
    reference = Reference(torch.tensor([0.0, 7.0]), torch.tensor([1.0, 0.0]))
    found = curves(glimpses, torch.tensor([[0.0, 1.0]] * 2), reference)
    np.testing.assert_array_equal(found.insertion[:, 0], found.insertion[:, 1])
