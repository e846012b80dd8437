from dataclasses import replace

import handmade
import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import nn

from policyscope.errors import UsageError
from policyscope.policies.gradients import action_units, decision_gradients, margins

RNG = np.random.default_rng(0)
WEIGHT = RNG.standard_normal((4, 3))
STATES = torch.from_numpy(RNG.standard_normal((50, 3))).float()


def gradients(policy, states=STATES, **options):
    rows, factors = decision_gradients(policy, states, **options)
    return (rows.double() * factors[:, None, None]).numpy()


@pytest.mark.parametrize("temperature", [0.3, 1.0, 5.0])
def test_the_gradient_of_logits_is_the_closed_form(temperature):
    # g = Jᵀ(π − τ)/T
    policy = handmade.policy(handmade.linear(WEIGHT), 3, spaces.Discrete(4))
    logits = STATES.double().numpy() @ WEIGHT.T
    pi = np.exp(logits / temperature) / np.exp(logits / temperature).sum(1, keepdims=True)
    tau = np.eye(4)[logits.argmax(1)]
    by_hand = (pi - tau) @ WEIGHT / temperature
    np.testing.assert_allclose(
        gradients(policy, temperature=temperature)[:, 0], by_hand, rtol=1e-4, atol=1e-6
    )


def test_it_is_the_gradient_of_torchs_cross_entropy_with_the_label_fixed():
    body = nn.Sequential(
        handmade.linear(RNG.standard_normal((16, 3))),
        nn.Tanh(),
        handmade.linear(RNG.standard_normal((4, 16))),
    )
    policy = handmade.policy(body, 3, spaces.Discrete(4))
    seen = STATES.clone().requires_grad_()
    logits = body(seen)
    nn.functional.cross_entropy(logits, logits.argmax(1), reduction="sum").backward()
    assert seen.grad is not None
    np.testing.assert_allclose(gradients(policy)[:, 0], seen.grad.numpy(), rtol=1e-3, atol=1e-5)


def test_a_saturated_decision_keeps_its_direction():
    # softmax rounds to one at 1000·l, and cross entropy has no gradient at all there
    policy = handmade.policy(handmade.linear(1000 * WEIGHT[:2]), 3, spaces.Discrete(2))
    rows, factors = decision_gradients(policy, STATES)
    unit = rows[:, 0] / rows[:, 0].norm(dim=1, keepdim=True)
    normal = torch.from_numpy(WEIGHT[1] - WEIGHT[0]).float()
    cosines = (unit @ (normal / normal.norm())).abs()
    torch.testing.assert_close(cosines, torch.ones(50), rtol=1e-5, atol=1e-5)
    h = margins(policy, policy.scores(STATES)[0].double())[:, 0]
    torch.testing.assert_close(factors, torch.sigmoid(h))
    assert factors.min() < 1e-45  # below what single precision can hold


def test_groups_of_a_multi_discrete_action_add_up():
    policy = handmade.policy(handmade.linear(WEIGHT), 3, spaces.MultiDiscrete([2, 2]))
    parts = [
        gradients(handmade.policy(handmade.linear(half), 3, spaces.Discrete(2)))
        for half in (WEIGHT[:2], WEIGHT[2:])
    ]
    np.testing.assert_allclose(gradients(policy), parts[0] + parts[1], rtol=1e-4, atol=1e-6)


def test_a_group_without_a_choice_adds_nothing():
    policy = handmade.policy(handmade.linear(WEIGHT[:3]), 3, spaces.MultiDiscrete([2, 1]))
    alone = handmade.policy(handmade.linear(WEIGHT[:2]), 3, spaces.Discrete(2))
    np.testing.assert_allclose(gradients(policy), gradients(alone), rtol=1e-5)


def test_continuous_actions_have_their_jacobian_in_half_ranges():
    box = spaces.Box(np.array([-1.0, 0.0, -3.0, -np.inf], "f4"), np.array([1, 1, 5, np.inf], "f4"))
    policy = handmade.policy(handmade.linear(WEIGHT), 3, box)
    units = np.array([1.0, 0.5, 4.0, 1.0])
    np.testing.assert_array_equal(action_units(policy), units)
    by_hand = np.broadcast_to(WEIGHT / units[:, None], (50, 4, 3))
    np.testing.assert_allclose(gradients(policy), by_hand, rtol=1e-5)


def test_the_fisher_form_counts_in_the_policys_own_deviations():
    box = spaces.Box(-1, 1, (4,))
    spread = torch.tensor([0.1, 0.2, 0.5, 2.0])
    policy = replace(handmade.policy(handmade.linear(WEIGHT), 3, box), spread=spread)
    by_hand = np.broadcast_to(WEIGHT / spread.numpy()[:, None], (50, 4, 3))
    np.testing.assert_allclose(gradients(policy, fisher=True), by_hand, rtol=1e-5)
    with pytest.raises(UsageError, match="standard deviation"):
        gradients(handmade.policy(handmade.linear(WEIGHT), 3, box), fisher=True)


def test_gradients_can_be_taken_while_playing_and_leave_nothing_behind():
    policy = handmade.policy(handmade.linear(WEIGHT), 3, spaces.Discrete(4))
    outside = gradients(policy)
    with torch.inference_mode():
        inside = gradients(policy, STATES.clone())
    np.testing.assert_array_equal(inside, outside)
    assert all(p.grad is None for p in policy.network.parameters())
