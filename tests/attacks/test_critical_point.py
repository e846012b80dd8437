"""What a model of the environment imagines, and which points it calls critical."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from handmade import linear, policy, subject
from policyscope_attacks import dynamics
from policyscope_attacks.budget import Budget
from policyscope_attacks.dynamics import Dynamics, learned
from policyscope_attacks.methods.critical_point import CriticalPoint
from policyscope_attacks.timed import critical
from scenes import scene

from policyscope.rollouts.visited import Visited

LEFT, STAY, RIGHT = 0, 1, 2
MOVES = torch.tensor([-1.0, 0.0, 2.0])


def moving(deviation: float = 1.0) -> Dynamics:
    """The first of two features moves by -1, 0 or 2 of their deviations, the other never."""
    weights = torch.zeros(3, 6, 2)
    weights[:, 0, 0] = MOVES
    return Dynamics(torch.zeros(2), torch.full((2,), deviation), weights)


def staying():
    """Whatever it sees, it stays, and would rather go left than right."""
    return policy(linear([[0.0, 0.0]] * 3, [0.5, 1.0, 0.0]), 2, spaces.Discrete(3))


def test_dynamics_of_squares_and_products_are_learned_exactly(monkeypatch):
    monkeypatch.setattr(dynamics, "RIDGE", 1e-9)  # which leaves no bias
    rng = np.random.default_rng(0)
    changes = rng.uniform(-0.1, 0.1, (2, 2))
    observations, actions = [rng.uniform(-0.6, -0.3, 2)], rng.integers(2, size=400)
    for action in actions[:-1]:
        x, y = observations[-1]
        step = changes[action] + 0.05 * np.array([x * y - x, y * y - y * (2 + action)])
        observations.append(observations[-1] + step)
    seen = np.array(observations, np.float32)
    made = subject(
        policy(linear([[1.0, 0.0], [0.0, 1.0]]), 2, spaces.Discrete(2)), seen, [150, 250]
    )
    made.rollouts.actions[:] = actions
    found = learned(made.policy, made.rollouts)
    after = found.after(torch.from_numpy(seen[:-1]), torch.from_numpy(actions[:-1]))
    inside = np.arange(399) != 149  # from one episode to the next nothing leads
    np.testing.assert_allclose(after.numpy()[inside], seen[1:][inside], atol=2e-4)


def test_nothing_is_learned_from_the_end_of_one_episode_to_the_next():
    seen = np.array([[0.0], [1.0], [2.0], [50.0], [51.0], [52.0]], np.float32)
    made = subject(policy(linear([[1.0], [0.0]]), 1, spaces.Discrete(2)), seen, [3, 3])
    found = learned(made.policy, made.rollouts)
    after = found.after(torch.tensor([[1.0], [51.0]]), torch.zeros(2, dtype=torch.int64))
    np.testing.assert_allclose(after[:, 0], [2.0, 52.0], atol=0.1)


@pytest.mark.parametrize("deviation", [1.0, 5.0])
@pytest.mark.parametrize("held", [1, 3])
def test_how_far_an_action_leads_astray_is_counted_in_deviations(held, deviation):
    at = CriticalPoint(moving(deviation), 0.0, held=held, ahead=4)
    found = at.astray(staying(), torch.zeros(5, 2))
    # the policy stays when it has its way again
    torch.testing.assert_close(found, (held * MOVES.abs()).expand(5, -1))


def test_the_policy_goes_on_from_where_it_was_led():
    """It stays while it is at 1 or nearer, and goes left beyond."""
    homing = policy(
        linear([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]], [0, 1.5, 0]), 2, spaces.Discrete(3)
    )
    found = CriticalPoint(moving(), 0.0, held=1, ahead=3).astray(homing, torch.zeros(1, 2))
    # led to 2 it comes back to 1, and stays; led to -1 it stays there
    torch.testing.assert_close(found, torch.tensor([[1.0, 0.0, 1.0]]))
    # where it goes left by itself nothing is gained by that, however much longer it is held there
    away = CriticalPoint(moving(), 0.0, held=3, ahead=3).astray(homing, torch.tensor([[2.0, 0.0]]))
    torch.testing.assert_close(away, torch.tensor([[0.0, 1.0, 7.0]]))


def test_what_leads_furthest_is_bought_where_it_is_worth_it():
    victim = policy(linear([[1.0, 0.0], [-0.5, 0.9], [-0.5, -0.9]]), 2, spaces.Discrete(3))
    at = scene(victim, Budget(50.0, torch.ones(2), "l2", whole_episode=True), rows=60)
    own = at.scores(torch.zeros_like(at.observations)).argmax(1)
    taken = at.scores(CriticalPoint(moving(), 0.0, held=1, ahead=1).delta(at)).argmax(1)
    distances = (MOVES[None] - MOVES[own][:, None]).abs()
    assert torch.equal(taken, distances.argmax(1))
    waiting = CriticalPoint(moving(), 2.5, held=1, ahead=1).delta(at)
    assert torch.equal((waiting != 0).any(1), distances.amax(1) > 2.5)


def test_points_are_the_more_critical_the_longer_is_waited():
    visited = Visited(
        np.array([50]), np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    )
    victim = policy(linear([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]), 2, spaces.Discrete(3))
    found = critical(victim, visited, moving())
    worth = found[0].astray(victim, torch.from_numpy(visited.observations))
    shares = [float((worth.amax(1) < attack.threshold).float().mean()) for attack in found]
    assert shares[0] == 0 and shares[0] <= shares[1] <= shares[2] <= 0.9
    assert found[0].threshold < found[2].threshold
