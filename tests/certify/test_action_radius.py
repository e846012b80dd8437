import math

import handmade
import nets
import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from policyscope_certify.action_radius import (
    action_bounds,
    certified_radii,
    interval_leads,
    steady_radii,
)
from policyscope_certify.bounds import interval_bounds, score_bounds
from policyscope_certify.regions import Region
from policyscope_certify.tracing import network_of
from torch import nn

from policyscope.policies.flips import flip_distances
from policyscope.policies.loading import load

UNSHRUNK = (Phase.explicit, Phase.generate)
PRECISION = 0.004
"""The search halves six decades twelve times."""


def linear_distances(weight, scores, units, norm):
    """Exact distances to the nearest other argmax of a linear map."""
    dual = 1 if norm == math.inf else 2
    found = []
    for row in scores:
        best = row.argmax()
        gaps = row[best] - row
        slopes = np.linalg.norm((weight[best] - weight) * units, dual, axis=1)
        found.append((np.delete(gaps, best) / np.delete(slopes, best)).min())
    return np.array(found)


@settings(deadline=None, max_examples=10, phases=UNSHRUNK)
@given(seed=st.integers(0, 10_000), norm=st.sampled_from([2, math.inf]))
def test_radii_of_linear_policies_are_their_distances(seed, norm):
    rng = np.random.default_rng(seed)
    weight, bias = rng.standard_normal((4, 3)), rng.standard_normal(4)
    weight, bias = weight.astype("f4").astype(float), bias.astype("f4").astype(float)
    states, units = rng.standard_normal((9, 3)), rng.uniform(0.2, 2, 3)
    policy = handmade.policy(handmade.linear(weight, bias), 3, spaces.Discrete(4))
    region = Region.around(torch.from_numpy(states), norm, torch.from_numpy(units))
    found = certified_radii(network_of(policy), policy.action_space, region, 100.0).numpy()
    exact = linear_distances(weight, states @ weight.T + bias, units, norm)
    assert (found <= exact * (1 + 1e-9)).all()
    np.testing.assert_allclose(found, exact, rtol=PRECISION, atol=2e-4)


def directions(region, seed, count):
    generator = torch.Generator().manual_seed(seed)
    moves = torch.randn(count, *region.states.shape, generator=generator, dtype=torch.float64)
    if region.norm == 2:
        return moves / moves.norm(dim=2, keepdim=True)
    return moves.sign()


@settings(deadline=None, max_examples=6, phases=UNSHRUNK)
@given(
    seed=st.integers(0, 10_000),
    activation=st.sampled_from(["relu", "tanh", "sigmoid"]),
    norm=st.sampled_from([2, math.inf]),
)
def test_no_other_action_is_found_within_a_certified_radius(seed, activation, norm):
    policy = nets.policy(nets.mlp(seed, [3, 8, 8, 3], activation), 3, 3)
    network = network_of(policy)
    region = Region.around(nets.states(seed, 5, 3), norm)
    certified = certified_radii(network, policy.action_space, region, 10.0)
    plain = certified_radii(network, policy.action_space, region, 10.0, interval_leads)
    assert (plain <= certified * (1 + PRECISION)).all()
    assert (certified > 0).all()
    for moves in directions(region, seed, 6):
        flips = flip_distances(policy, region.states.float(), moves.float(), 10.0)
        assert (certified <= flips * (1 + 1e-4) + 1e-6).all()


@pytest.mark.parametrize("norm", [2, math.inf])
def test_published_decisions_stand_as_far_as_certified(published, norm):
    policy = load(published / "ppo-CartPole-v1.zip")
    network = network_of(policy)
    region = Region.around(nets.states(0, 10, 4) * 0.1, norm)
    certified = certified_radii(network, policy.action_space, region, 1.0)
    exact_enough = torch.full((10,), math.inf, dtype=torch.float64)
    seen = region.states.float().requires_grad_()
    scores, _ = policy.scores(seen)
    margin = (scores[:, 0] - scores[:, 1]).abs().sum()
    (gradient,) = torch.autograd.grad(margin, seen)
    steepest = -gradient.sign() if norm == math.inf else -gradient / gradient.norm(dim=1)[:, None]
    for moves in (steepest.double(), *directions(region, 0, 20)):
        flips = flip_distances(policy, region.states.float(), moves.float(), 1.0)
        exact_enough = exact_enough.minimum(flips)
    assert (certified <= exact_enough * (1 + 1e-4)).all()
    assert (certified / exact_enough.clamp(max=1.0)).median() > 0.9


def test_each_choice_of_a_multi_discrete_action_counts():
    weight = np.array([[0.0], [1.0], [0.0], [1.0]])
    actions = spaces.MultiDiscrete([2, 2])
    policy = handmade.policy(handmade.linear(weight, [1.0, 0.0, 3.0, 0.0]), 1, actions)
    region = Region.around(torch.zeros(1, 1), 2)
    found = certified_radii(network_of(policy), actions, region, 10.0)
    assert found.item() == pytest.approx(1.0, rel=PRECISION)


def test_a_tie_has_no_radius_and_a_lone_action_all_of_it():
    tie = handmade.policy(handmade.linear([[1.0], [1.0]]), 1, spaces.Discrete(2))
    region = Region.around(torch.ones(1, 1), 2)
    assert certified_radii(network_of(tie), tie.action_space, region, 1.0).item() == 0
    lone = handmade.policy(handmade.linear([[1.0]]), 1, spaces.Discrete(1))
    assert certified_radii(network_of(lone), lone.action_space, region, 1.0).item() == 1


def test_bounds_of_observations_keep_decisions():
    policy = handmade.policy(handmade.linear([[1.0], [0.0]]), 1, spaces.Discrete(2))
    region = Region.around(torch.ones(1, 1), math.inf, least=torch.tensor([0.5]))
    assert certified_radii(network_of(policy), policy.action_space, region, 9.0).item() == 9


def test_features_that_nobody_changes_keep_decisions():
    policy = handmade.policy(handmade.linear([[1.0, 1.0], [0.0, 0.0]]), 2, spaces.Discrete(2))
    region = Region.around(torch.ones(1, 2), 2, torch.tensor([0.0, 1.0]))
    found = certified_radii(network_of(policy), policy.action_space, region, 9.0)
    assert found.item() == pytest.approx(2, rel=PRECISION)


def test_continuous_actions_stay_between_their_bounds_and_the_action_space():
    actions = spaces.Box(-1, 1, (2,))
    body = nn.Sequential(handmade.linear([[2.0], [0.1]]))
    policy = handmade.policy(body, 1, actions)
    region = Region.around(torch.tensor([[0.25]]), 2).of_radius(0.5)
    found = action_bounds(actions, score_bounds(network_of(policy), region))
    np.testing.assert_allclose(found.low, [[-0.5, -0.025]], atol=1e-6)
    np.testing.assert_allclose(found.high, [[1.0, 0.075]], atol=1e-6)


def test_continuous_actions_have_no_radius():
    policy = handmade.policy(handmade.linear([[1.0]]), 1, spaces.Box(-1, 1, (1,)))
    region = Region.around(torch.ones(1, 1), 2)
    with pytest.raises(ValueError, match="need discrete actions"):
        certified_radii(network_of(policy), policy.action_space, region, 1.0)


@settings(deadline=None, max_examples=6, phases=UNSHRUNK)
@given(
    seed=st.integers(0, 10_000),
    activation=st.sampled_from(["relu", "tanh"]),
    norm=st.sampled_from([2, math.inf]),
)
def test_continuous_actions_move_no_farther_than_said_within_their_radius(seed, activation, norm):
    network = nets.network(nets.mlp(seed, [3, 8, 8, 2], activation), 3)
    actions = spaces.Box(np.array([-0.1, -5], np.float32), np.array([0.1, 5], np.float32))
    tolerance = torch.tensor([0.02, 0.3], dtype=torch.float64)
    region = Region.around(nets.states(seed, 5, 3), norm, torch.tensor([0.5, 1.0, 2.0]))
    radii = steady_radii(network, actions, region, 10.0, tolerance)
    plain = steady_radii(network, actions, region, 10.0, tolerance, interval_bounds)
    assert (0 < plain).all() and (plain <= radii * (1 + PRECISION)).all()
    bounds = torch.tensor([0.1, 5.0], dtype=torch.float64)

    def taken(scores):
        return scores.clamp(-bounds, bounds)

    here = taken(network.values(region.states)[1])
    for worst in nets.worst(network, region.of_radius(radii)):
        assert ((taken(worst) - here).abs() <= tolerance * (1 + 1e-9)).all()
    beyond = nets.worst(network, region.of_radius(3 * radii.clamp(max=1.0)))
    moved = torch.stack([(taken(worst) - here).abs() / tolerance for worst in beyond])
    assert (moved.amax((0, 2)) > 1).any()
