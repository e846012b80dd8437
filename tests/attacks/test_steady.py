"""Attacks that do the same in every step, and the search for the best of them."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from handmade import linear, policy
from policyscope_attacks import direction_search
from policyscope_attacks.budget import NORMS, Budget
from policyscope_attacks.direction_search import best_direction
from policyscope_attacks.methods.steady_push import SteadyPush
from policyscope_attacks.methods.steady_shift import SteadyShift
from policyscope_attacks.standing_between import StandingBetween
from policyscope_attacks.suite import Task
from scenes import same, scene, small

from policyscope.analyzers.subject import Subject
from policyscope.policies.loading import load
from policyscope.rollouts.actors import Greedy
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.goal import expressed
from policyscope.rollouts.play import play

UNITS = torch.tensor([0.5, 2.0, 1.0, 0.0])
WEIGHT = [[1.0, -2.0, 0.5, 4.0], [0.0, 1.0, 1.0, -1.0], [-1.0, 0.5, 0.3, 2.0]]
BOTH = torch.tensor([[1.0, 0.0, 0.0], [0.0, -1.0, 0.5]])
CARTPOLE = Environment("CartPole-v1", {"max_episode_steps": 60})


def victim():
    return policy(linear(WEIGHT), 4, spaces.Discrete(3))


def test_a_push_takes_the_steepest_step_towards_its_direction():
    at = scene(victim(), Budget(0.3, UNITS), rows=4)
    delta = SteadyPush(BOTH).delta(at)
    slopes = BOTH @ torch.tensor(WEIGHT)
    for row in range(4):
        expected = 0.3 * UNITS * slopes[row % 2].sign()
        torch.testing.assert_close(delta[row], expected)


@pytest.mark.parametrize("norm", NORMS)
def test_a_shift_is_the_same_everywhere_and_as_long_as_may_be(norm):
    directions = torch.tensor([[0.5, -0.25, 0.1, 0.0]])
    budget = Budget(0.3, UNITS, norm)
    delta = SteadyShift(directions).delta(scene(small("discrete"), budget, rows=5))
    torch.testing.assert_close(budget.length(delta), torch.full((5,), 0.3).double())
    assert (delta == delta[0]).all()
    shares = delta[0, :3] / UNITS[:3]
    torch.testing.assert_close(shares / shares[0], directions[0, :3] / 0.5)


def test_a_feature_that_must_not_be_moved_is_not():
    delta = SteadyShift(torch.ones(1, 4)).delta(scene(small("discrete"), Budget(0.3, UNITS)))
    assert (delta[:, 3] == 0).all() and (delta[:, :3] != 0).all()


@pytest.mark.parametrize("kind", [SteadyPush, SteadyShift])
def test_an_episode_goes_along_its_own_direction_whatever_the_number_of_lanes(kind, examples):
    subject = Subject.observed(load(examples / "cartpole_ppo.zip"), CARTPOLE, 2, 0)
    columns = subject.policy.outputs if kind is SteadyPush else 4
    drawn = np.random.default_rng(0).standard_normal((3, columns or 0))
    attack = kind(torch.from_numpy(drawn).float())
    budget = Budget(2.0, torch.ones(4))

    def played(lanes):
        between = StandingBetween(attack, subject.policy, budget)
        return play(Greedy(subject.policy), CARTPOLE, 7, 0, perturbation=between, lanes=lanes)

    runs = [played(lanes) for lanes in (1, 3, 7)]
    assert same(runs[0], runs[1]) and same(runs[0], runs[2])
    if kind is SteadyShift:
        first = runs[0].first_steps
        moved = (runs[0].shown - runs[0].observations)[first]
        for episode in range(7):
            expected = 2 * drawn[episode % 3] / np.abs(drawn[episode % 3]).max()
            np.testing.assert_allclose(moved[episode], expected, atol=1e-5)


def near(target, noise=0.0):
    """Gains that fall with the distance from a planted direction, and are noisy."""

    def gaining(directions, episodes, seed):
        rng = np.random.default_rng(seed)
        each = directions.numpy()[np.arange(episodes) % len(directions)]
        return -np.square(each - target).sum(1) + noise * rng.standard_normal(episodes)

    return gaining


def test_the_best_axis_or_corner_is_found_and_bettered():
    target = np.array([0.9, -0.8, 0.6, 1.0])
    found = best_direction(near(target), 4, seed=0).numpy()[0]
    begun = direction_search._begun(4, np.random.default_rng(0))
    assert np.square(found - target).sum() <= np.square(begun - target).sum(1).min() + 1e-6
    axis = np.eye(5)[3] * -1
    np.testing.assert_array_equal(best_direction(near(axis), 5, seed=0).numpy()[0], axis)


@pytest.mark.parametrize("dimensions", [2, 17, 400])
def test_it_begins_with_as_many_as_play_side_by_side(dimensions):
    begun = direction_search._begun(dimensions, np.random.default_rng(0))
    assert begun.shape == (min(32, 4 * dimensions), dimensions)
    assert (np.abs(begun).max(1) == 1).all()


def test_of_the_best_few_the_best_is_taken_after_many_tries(monkeypatch):
    calls = []

    def gaining(directions, episodes, seed):
        calls.append((len(directions), episodes))
        return near(np.array([1.0, 0, 0]), noise=0.5)(directions, episodes, seed)

    best_direction(gaining, 3, seed=0)
    assert calls == [(12, 24), (12, 24), (4, 32)]
    axis = np.array([1.0, 0, 0])
    monkeypatch.setattr(direction_search, "GENERATIONS", 1)
    away = [
        np.square(best_direction(near(axis, noise=1.0), 3, seed).numpy() - axis).sum()
        for seed in range(40)
    ]
    monkeypatch.setattr(direction_search, "FINALISTS", 1)
    lucky = [
        np.square(best_direction(near(axis, noise=1.0), 3, seed).numpy() - axis).sum()
        for seed in range(40)
    ]
    assert np.mean(away) < np.mean(lucky)


def test_of_one_dimension_both_ways_are_tried():
    assert best_direction(near(np.array([-0.3])), 1, seed=0).tolist() == [[-1.0]]
    assert best_direction(near(np.array([0.3])), 1, seed=0).tolist() == [[1.0]]


def test_the_last_of_a_choice_is_left_alone(examples):
    subject = Subject.observed(load(examples / "cartpole_ppo.zip"), CARTPOLE, 2, 0)
    push = Task(subject, Budget(8.0, torch.ones(4)), expressed("a[0]", subject.features)).push
    assert push.directions.shape == (1, 2) and push.directions[0, 1] == 0


def test_a_direction_is_the_same_again_and_another_with_another_seed():
    gaining = near(np.array([0.8, 0.7, -0.7]))
    one, again, other = (best_direction(gaining, 3, seed) for seed in (0, 0, 1))
    assert torch.equal(one, again) and not torch.equal(one, other)


@pytest.mark.parametrize(("name", "wanted"), [("push", 0.95), ("shift", 0.95)])
def test_what_is_found_does_what_the_goal_says(name, wanted, examples):
    subject = Subject.observed(load(examples / "cartpole_ppo.zip"), CARTPOLE, 2, 0)
    task = Task(subject, Budget(8.0, torch.ones(4)), expressed("a[0] - 1", subject.features))
    found = task.play(getattr(task, name), 6, 1, "after")
    assert found.actions.mean() > wanted
    assert getattr(task, name) is getattr(task, name)
