import dataclasses

import numpy as np
import pytest
import torch
from gymnasium import spaces
from handmade import policy
from policyscope_attacks import shifts
from policyscope_attacks.budget import Budget
from policyscope_attacks.standing_between import StandingBetween, spent
from scenes import Remembering, fitted, network, small

from policyscope import registry
from policyscope.analyzers.directions import Directions
from policyscope.analyzers.subject import Subject
from policyscope.policies.loading import load
from policyscope.rollouts.actors import Greedy
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.perturbation import Adversary
from policyscope.rollouts.play import play

DISCRETE = ["carlini_wagner", "deepfool", "elastic_net", "nesterov"]
CONTINUOUS = ["maximal_action_difference"]
SHIFTS = registry.everything(registry.PERTURBATIONS)[0]
VISITED = np.zeros((3, 4), np.float32)
SCALE = np.array([1.0, 2.0, 0.5, 0.0])
CARTPOLE = Environment("CartPole-v1", {"max_episode_steps": 30})
PENDULUM = Environment("Pendulum-v1", {"max_episode_steps": 30})


@pytest.fixture(scope="module")
def victim(examples):
    return load(examples / "cartpole_ppo.zip").fitted_to(*CARTPOLE.spaces(), "CartPole-v1")


@pytest.mark.parametrize("name", DISCRETE + CONTINUOUS)
def test_it_is_found_by_entry_point(name):
    assert SHIFTS[name] is getattr(shifts, name)


@pytest.mark.parametrize("name", DISCRETE)
def test_decisions_are_attacked_and_nothing_else(name):
    for kind in ("discrete", "multi_discrete"):
        assert isinstance(SHIFTS[name](small(kind), VISITED, SCALE), Adversary)
    assert SHIFTS[name](small("continuous"), VISITED, SCALE) is None
    single = policy(network(4, 1), 4, spaces.Discrete(1))
    assert SHIFTS[name](single, VISITED, SCALE) is None


@pytest.mark.parametrize("name", CONTINUOUS)
def test_where_there_is_no_decision_the_difference_of_actions_takes_its_place(name):
    assert isinstance(SHIFTS[name](small("continuous"), VISITED, SCALE), Adversary)
    assert SHIFTS[name](small("discrete"), VISITED, SCALE) is None


@pytest.mark.parametrize("name", DISCRETE + CONTINUOUS)
def test_without_gradients_it_makes_no_sense(name):
    for kind in ("discrete", "continuous"):
        blind = dataclasses.replace(small(kind), differentiable=False)
        assert SHIFTS[name](blind, VISITED, SCALE) is None


@pytest.mark.parametrize("name", DISCRETE)
def test_it_is_no_longer_than_the_noise_and_changes_more_decisions(name, victim):
    scale = np.array([0.3, 0.6, 0.2, 0.8])
    clean = play(Greedy(victim), CARTPOLE, 6, 0)
    found = {}
    for which in (name, "observation_noise"):
        perturbation = SHIFTS[which](victim, clean.observations, scale)
        rollouts = play(Greedy(victim), CARTPOLE, 6, 0, perturbation=perturbation)
        with torch.no_grad():
            meant, done = (
                victim.scores(torch.from_numpy(seen))[0].argmax(1)
                for seen in (rollouts.observations, rollouts.shown)
            )
        found[which] = float((meant != done).float().mean())
        if which == name:
            norm, size = ("linf", 0.1) if name in ("deepfool", "nesterov") else ("l2", 0.2)
            cost = spent(rollouts, Budget(size, torch.from_numpy(scale).float(), norm))
            assert 0.9 * size < cost.max() <= size
    assert found[name] > 1.3 * found["observation_noise"] > 0


def test_images_are_moved_by_less():
    images = dataclasses.replace(
        small("discrete", inputs=2 * 6 * 5),
        observation_shape=(2, 6, 5),
    )
    visited = np.zeros((3, 2, 6, 5), np.uint8)
    scale = np.full((2, 6, 5), 255.0)
    between = shifts.nesterov(images, visited, scale)
    assert isinstance(between, StandingBetween)
    assert between._budget.size == pytest.approx(8 / 255)
    assert shifts.deepfool(images, visited, scale)._budget.size == pytest.approx(8 / 255)
    wide = shifts.carlini_wagner(images, visited, scale)._budget
    assert wide.size == pytest.approx(8 / 255 * 60**0.5)


@pytest.mark.parametrize("name", DISCRETE)
def test_a_recurrent_policy_is_attacked_through_what_it_remembers(name):
    remembering = fitted(Remembering(CARTPOLE), CARTPOLE, (16,))
    between = SHIFTS[name](remembering, VISITED, SCALE)
    rollouts = play(Greedy(remembering), CARTPOLE, 3, 0, perturbation=between)
    assert (rollouts.shown != rollouts.observations).any()
    assert (rollouts.shown[:, 3] == rollouts.observations[:, 3]).all()


def test_directions_are_watched_under_every_attack_that_makes_sense(examples):
    for file, environment, expected, others in (
        ("cartpole_ppo.zip", CARTPOLE, DISCRETE, CONTINUOUS),
        ("pendulum_sac.zip", PENDULUM, CONTINUOUS, DISCRETE),
    ):
        subject = Subject.observed(load(examples / file), environment, 3, 0)
        found = Directions(episodes=3, epsilons=(0.2,), states=60).run(
            subject, np.random.default_rng(0)
        )
        correlations = dict(zip(found.shifts, found.correlations, strict=True))
        assert set(expected) <= set(correlations) and not set(others) & set(correlations)
        assert all(0 <= correlations[name].value <= 1 + 1e-9 for name in expected)
