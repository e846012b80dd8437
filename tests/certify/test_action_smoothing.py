import math
from dataclasses import replace

import handmade
import nets
import numpy as np
import pytest
import torch
from gymnasium import spaces
from policyscope_certify import action_smoothing
from policyscope_certify.action_smoothing import (
    ActionNoise,
    smoothed_decisions,
    smoothed_medians,
    smoothed_steadiness,
)
from scipy import stats
from torch import nn


def half_space(bias=0.0):
    """Action 1 where x + bias > 0: its smoothed decision flips exactly at −bias."""
    return handmade.policy(
        handmade.linear([[0.0, 0.0], [1.0, 0.0]], [0, bias]), 2, spaces.Discrete(2)
    )


def test_the_radius_is_the_papers():
    policy = nets.policy(nets.mlp(1, [3, 8, 4], "tanh"), 3, 4)
    states = nets.states(0, 6, 3).numpy()
    noise = ActionNoise(0.5, seed=3, draws=2000, selection=50, alpha=0.01)
    found = smoothed_decisions(policy, states, noise)
    for state in range(6):
        rng = action_smoothing.generator(3, action_smoothing.PURPOSE, state)
        drawn = states[state] + 0.5 * rng.standard_normal((2050, 3), dtype=np.float32)
        actions = policy.actions(policy.scores(torch.from_numpy(drawn).float())[0])
        chosen = np.bincount(actions[:50], minlength=4).argmax()
        hits = int((actions[50:] == chosen).sum())
        low = stats.binomtest(hits, 2000, alternative="greater").proportion_ci(0.99, "exact").low
        assert found.actions[state].tolist() == [chosen]
        assert found.probabilities[state] == pytest.approx(low, abs=2e-3)
        assert found.abstained[state] == (found.probabilities[state] <= 0.5)
        exact = 0.5 * stats.norm.ppf(found.probabilities[state])
        assert found.radii[state] == (0 if found.abstained[state] else pytest.approx(exact))
    assert found.abstained.any() or (found.radii > 0).all()


def test_a_state_on_the_boundary_is_not_certified():
    found = smoothed_decisions(half_space(), np.zeros((20, 2)), ActionNoise(0.3, seed=0, draws=500))
    assert found.abstained.all() and (found.radii == 0).all()


def test_the_radius_is_wrong_no_more_often_than_said():
    # the smoothed decision of a half space flips at exactly the distance: 0.2. With α = 0.1 and 600
    # independent states the share of radii beyond it is at most 0.1; that it is seen above 0.14
    # has probability below 0.001, and Clopper–Pearson is hardly below 0.05 here
    noise = ActionNoise(0.4, seed=5, draws=300, selection=20, alpha=0.1)
    found = smoothed_decisions(half_space(0.2), np.zeros((600, 2)), noise)
    wrong = (found.radii > 0.2).mean()
    assert 0.04 < wrong < 0.14
    assert np.median(found.radii) > 0.1


def test_states_are_certified_alike_alone_together_and_in_pieces(monkeypatch):
    policy = nets.policy(nets.mlp(1, [3, 8, 4], "tanh"), 3, 4)
    states = nets.states(0, 4, 3).numpy()
    noise = ActionNoise(0.5, seed=3, draws=777)
    together = smoothed_decisions(policy, states, noise)
    first = smoothed_decisions(policy, states[:2], noise)
    np.testing.assert_array_equal(together.radii[:2], first.radii)
    monkeypatch.setattr(action_smoothing, "AT_ONCE", 3 * 101)
    pieces = smoothed_decisions(policy, states, noise)
    np.testing.assert_array_equal(together.radii, pieces.radii)
    other = smoothed_decisions(policy, states, ActionNoise(0.5, seed=4, draws=777))
    assert not np.array_equal(together.probabilities, other.probabilities)


def test_units_scale_the_noise_of_each_feature():
    policy = half_space(0.2)
    noise = ActionNoise(0.4, seed=5, draws=4000)
    wide = smoothed_decisions(policy, np.zeros((1, 2)), noise, np.array([0.5, 9.0]))
    # x ~ N(0.2, (0.4/2)²): p = Φ(1), which is 0.4 in units of one half
    assert wide.radii[0] == pytest.approx(0.4, abs=0.04)


def test_every_choice_of_a_multi_discrete_action_has_to_stay():
    weight = np.array([[0.0], [1.0], [0.0], [1.0]])
    actions = spaces.MultiDiscrete([2, 2])
    policy = handmade.policy(handmade.linear(weight, [0.0, 0.3, 0.5, 0.0]), 1, actions)
    found = smoothed_decisions(policy, np.zeros((1, 1)), ActionNoise(0.2, seed=0, draws=20_000))
    assert found.actions.tolist() == [[1, 0]]
    both = stats.norm.cdf(0.5 / 0.2) - stats.norm.cdf(-0.3 / 0.2)
    assert found.radii[0] == pytest.approx(0.2 * stats.norm.ppf(both), abs=0.01)


class Carrying(nn.Module):
    """Scores that are the memory."""

    def forward(self, observations, memory):
        return memory[0], memory


def test_memory_is_carried_and_not_disturbed():
    policy = replace(half_space(), network=Carrying(), memory_shapes=((2,),))
    memory = (torch.tensor([[1.0, 0.0], [0.0, 1.0]]),)
    found = smoothed_decisions(policy, np.zeros((2, 2)), ActionNoise(1.0, 0, 50), memory=memory)
    assert found.actions.tolist() == [[0], [1]]


def identity(low=-np.inf, high=np.inf):
    actions = spaces.Box(low, high, (2,))
    return handmade.policy(handmade.linear([[1.0, 0.0], [0.0, 2.0]]), 2, actions)


def test_medians_of_linear_policies_are_bounded_by_their_movement():
    radii = (0.0, 0.25, 0.5)
    noise = ActionNoise(0.5, seed=1, draws=20_000, alpha=0.01)
    found = smoothed_medians(identity(), np.array([[1.0, -1.0]]), noise, radii)
    np.testing.assert_allclose(found.medians, [[1, -2]], atol=0.05)
    for place, radius in enumerate(radii):
        exact = np.array([1.0, -2.0]) - radius * np.array([1, 2])
        assert (found.low[0, place] <= exact).all()
        np.testing.assert_allclose(found.low[0, place], exact, atol=0.06)
        exact = np.array([1.0, -2.0]) + radius * np.array([1, 2])
        assert (found.high[0, place] >= exact).all()
        np.testing.assert_allclose(found.high[0, place], exact, atol=0.06)


def test_bounds_of_medians_are_wrong_no_more_often_than_said():
    # all four sides at both radii share α = 0.2; 400 states, and P[share > 0.26] < 0.002
    noise = ActionNoise(1.0, seed=2, draws=200, selection=1, alpha=0.2)
    found = smoothed_medians(identity(), np.zeros((400, 2)), noise, (0.0, 0.5))
    reach = np.array([0.0, 0.5])[:, None] * np.array([1.0, 2.0])
    wrong = ((found.low > -reach) | (found.high < reach)).any((1, 2))
    assert 0.05 < wrong.mean() < 0.26


def one_sided(sign):
    """Of ±max(x, 0) at 0 the median moves to one side alone, by as much as x does."""
    body = nn.Sequential(handmade.linear([[1.0]]), nn.ReLU(), handmade.linear([[sign]]))
    return handmade.policy(body, 1, spaces.Box(-np.inf, np.inf, (1,)))


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_medians_are_steady_as_far_as_can_be_computed(sign):
    noise = ActionNoise(0.5, seed=1, draws=50_000, selection=50_000, alpha=0.01)
    at = (np.array([0.3]), 2.0)
    found = smoothed_steadiness(one_sided(sign), np.zeros((3, 1)), noise, *at)
    np.testing.assert_allclose(found, 0.3 / 2, atol=0.02)
    noisier = ActionNoise(5.0, seed=1, draws=1000, alpha=0.01)
    assert (smoothed_steadiness(one_sided(sign), np.zeros((3, 1)), noisier, *at) == 0).all()


def test_steadiness_is_wrong_no_more_often_than_said():
    # one of two sides that share α = 0.2; 400 states, and P[share > 0.16] < 0.001
    noise = ActionNoise(1.0, seed=2, draws=200, selection=20_000, alpha=0.2)
    found = smoothed_steadiness(one_sided(1.0), np.zeros((400, 1)), noise, np.array([0.5]))
    assert 0.04 < (found > 0.5).mean() < 0.16


def test_too_few_draws_for_a_radius_leave_the_bounds_of_the_action_space():
    noise = ActionNoise(0.1, seed=0, draws=20)
    found = smoothed_medians(identity(-3, 3), np.zeros((1, 2)), noise, (1.0,))
    np.testing.assert_array_equal(found.low, [[[-3, -3]]])
    np.testing.assert_array_equal(found.high, [[[3, 3]]])


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"sigma": 0}, "sigma"),
        ({"sigma": math.nan}, "sigma"),
        ({"alpha": 1}, "alpha"),
        ({"draws": 0}, "draws"),
    ],
)
def test_noise_that_makes_no_sense_is_refused(wrong, name):
    with pytest.raises(ValueError, match=f"ActionNoise.{name}"):
        ActionNoise(**{"sigma": 0.1, "seed": 0, **wrong})
