from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch
from policyscope_attacks.budget import NORMS, Budget
from policyscope_attacks.methods.pgd import Pgd
from policyscope_attacks.standing_between import StandingBetween, spent
from scenes import ATTACKS, Counting, Remembering, fitted, same

from policyscope.policies.loading import load
from policyscope.rollouts.actors import Greedy
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.play import play

SHORT = {"max_episode_steps": 12}
CARTPOLE = Environment("CartPole-v1", SHORT)
PENDULUM = Environment("Pendulum-v1", SHORT)
UNITS = torch.ones(4)


@dataclass(frozen=True)
class Cheat:
    """Moves everything by far too much, and into what is no number."""

    white_box: ClassVar[bool] = True
    draws: ClassVar[int] = 1

    def delta(self, scene):
        delta = torch.full_like(scene.observations, 1e6)
        delta[:, 0] = torch.nan
        delta[:, 1] = -torch.inf
        return delta


@pytest.fixture(scope="module")
def victim(examples):
    policy = load(examples / "cartpole_ppo.zip")
    return policy.fitted_to(*CARTPOLE.spaces(), "CartPole-v1")


def attacked(policy, attack, budget, environment=CARTPOLE, episodes=6, seed=0, lanes=None):
    between = StandingBetween(attack, policy, budget)
    return play(Greedy(policy), environment, episodes, seed, perturbation=between, lanes=lanes)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", ATTACKS)
def test_no_attack_spends_more_than_its_budget(victim, name, norm):
    budget = Budget(0.13, UNITS, norm)
    rollouts = attacked(victim, ATTACKS[name], budget)
    cost = spent(rollouts, budget)
    assert cost.max() <= 0.13 * (1 + 1e-15)
    assert cost.max() > 0.5 * 0.13


@pytest.mark.parametrize("norm", NORMS)
def test_a_cheat_gets_no_more_than_its_budget(victim, norm):
    budget = Budget(0.1, UNITS, norm, low=-UNITS, high=UNITS)
    rollouts = attacked(victim, Cheat(), budget)
    moved = rollouts.shown.astype(np.float64) - rollouts.observations
    reference = np.abs(moved).max(1) if norm == "linf" else np.linalg.norm(moved, axis=1)
    assert reference.max() <= 0.1 * (1 + 1e-15)
    assert spent(rollouts, budget) == pytest.approx(reference, rel=1e-12, abs=1e-15)
    inside = np.abs(rollouts.observations) <= 1
    assert (np.abs(rollouts.shown)[inside] <= 1).all()


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("attack", [Pgd(), Cheat()], ids=["pgd", "cheat"])
def test_all_steps_of_an_episode_share_a_whole_budget(victim, attack, norm):
    budget = Budget(0.2, UNITS, norm, whole_episode=True)
    rollouts = attacked(victim, attack, budget)
    total = np.add.reduceat(budget.charge(spent(rollouts, budget)), rollouts.first_steps)
    whole = 0.2 if norm == "linf" else 0.2**2
    assert (total <= whole).all()
    assert total == pytest.approx(np.full(6, whole), rel=1e-6)


@pytest.mark.parametrize("name", ATTACKS)
def test_an_episode_is_attacked_alike_whatever_the_number_of_lanes(victim, name):
    budget = Budget(0.1, UNITS)
    runs = [attacked(victim, ATTACKS[name], budget, episodes=40, lanes=n) for n in (40, 7)]
    assert same(*runs)
    assert (runs[0].shown != runs[0].observations).any()


@pytest.mark.parametrize("environment", [CARTPOLE, PENDULUM], ids=["discrete", "continuous"])
def test_what_is_remembered_is_attacked_through_and_depends_on_no_lane(environment):
    policy = fitted(Remembering(environment), environment, (16,))
    budget = Budget(0.1, torch.ones(environment.spaces()[0].shape))
    runs = [
        attacked(policy, Pgd(steps=3), budget, environment, episodes=9, lanes=n) for n in (9, 2)
    ]
    assert same(*runs)


@dataclass(frozen=True)
class Recalling:
    """Moves the first feature by what the policy remembers."""

    white_box: ClassVar[bool] = True
    draws: ClassVar[int] = 0

    def delta(self, scene):
        delta = torch.zeros_like(scene.observations)
        delta[:, 0] = scene.memory[0][:, 0]
        return delta


def test_an_attack_is_told_what_the_policy_remembers():
    policy = fitted(Counting(), PENDULUM, (1,))
    budget = Budget(1e4, torch.ones(3))
    rollouts = attacked(policy, Recalling(), budget, PENDULUM, episodes=3)
    moved = (rollouts.shown - rollouts.observations)[:, 0]
    assert moved == pytest.approx(np.tile(np.arange(12), 3), abs=1e-5)


def test_another_seed_is_another_attack_and_the_same_seed_the_same(victim):
    budget = Budget(0.1, UNITS)
    runs = [attacked(victim, ATTACKS["sign"], budget, seed=s) for s in (0, 0, 1)]
    assert same(runs[0], runs[1])
    moved = [r.shown - r.observations for r in runs]
    assert not np.array_equal(moved[0], moved[2])


def test_nothing_of_a_budget_of_nothing_is_spent(victim):
    rollouts = attacked(victim, Pgd(), Budget(0, UNITS))
    assert (rollouts.shown == rollouts.observations).all()
