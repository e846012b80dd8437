"""The worst episodes are kept as they were, where harm was done."""

import dataclasses

import numpy as np
import pytest
import torch
from policyscope_attacks import counterexample as module
from policyscope_attacks.attacks import Attacks
from policyscope_attacks.counterexample import counterexamples
from policyscope_attacks.suite import Task
from scenes import Remembering, fitted

from policyscope.analyzers.subject import Subject
from policyscope.policies.loading import load
from policyscope.reports.results import Counterexample
from policyscope.rollouts.actors import Greedy
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.perturbation import GaussianNoise
from policyscope.rollouts.reenactment import lengths, moved, reenacted, unharmed

SHORT = Environment("CartPole-v1", {"max_episode_steps": 60})


@pytest.fixture(scope="module")
def subject(examples):
    return Subject.observed(load(examples / "cartpole_ppo.zip"), SHORT, 4, 0)


@pytest.fixture(scope="module")
def outcome(subject):
    attacks = Attacks(only=("sign_noise", "fgsm"), episodes=4, epsilons=(0.01, 1.5, 20.0))
    return attacks.run(subject, np.random.default_rng(0))


def test_the_worst_held_out_episode_of_each_harmful_epsilon_is_kept_the_gravest_first(outcome):
    losses = outcome.held_out_clean - outcome.held_out
    harmful = np.flatnonzero(losses.max(1) > 0)
    assert harmful.tolist() == [1, 2]  # the smallest epsilon does nothing
    assert losses[1].max() < losses[2].max()
    order = harmful[np.argsort(-losses[harmful].max(1), kind="stable")]
    kept = outcome.counterexamples
    assert [one.epsilon for one in kept] == [outcome.epsilons[j] for j in order]
    for one, j in zip(kept, order, strict=True):
        assert (one.harm, one.episode) == (losses[j].max(), losses[j].argmax())
        assert one.clean == outcome.held_out_clean[one.episode]
        assert one.returned == outcome.held_out[j, one.episode]
        assert one.attack == outcome.strongest[j]


def test_each_is_played_again_bit_for_bit_within_its_budget(subject, outcome):
    actor = Greedy(subject.policy)
    for one in outcome.counterexamples:
        asked = reenacted(one, SHORT, actor)
        assert asked.difference is None
        assert unharmed(one, SHORT, actor) is None
        longest = lengths(moved(asked.rollouts), one.scale, one.norm)
        assert 0 < longest.max() <= one.epsilon * (1 + 1e-12)
        np.testing.assert_array_equal(longest > 0, one.attacked)


def test_what_it_would_have_done_is_asked_of_what_there_was(subject, outcome):
    one = outcome.counterexamples[0]
    rollouts = reenacted(one, SHORT).rollouts
    seen = torch.from_numpy(rollouts.observations)
    otherwise = subject.policy.actions(subject.policy.scores(seen)[0])
    np.testing.assert_array_equal(one.otherwise, otherwise)
    np.testing.assert_array_equal(one.turned, otherwise != rollouts.actions)
    assert one.turned.any()


def played(subject, noise):
    task = Task(subject, next(Attacks(epsilons=(1.0,))._budgets(subject)), Falling())
    untouched = subject.rollouts
    return task, untouched, subject.play(Greedy(subject.policy), noise)


class Falling:
    """Wants the episode to be long: no harm is done where it is cut short."""

    action = ()

    def rewards(self, rollouts):
        return rollouts.rewards


def test_harm_is_what_the_adversary_was_after(subject):
    task, untouched, attacked = played(subject, GaussianNoise(3.0))
    assert (attacked.returns < untouched.returns).any()
    assert counterexamples(["noise"], [task], untouched, [attacked]) == ()
    (one,) = counterexamples(["noise"], [task], attacked, [untouched])
    assert one.harm == (untouched.returns - attacked.returns).max()


def test_an_episode_that_is_too_large_is_not_kept(subject, monkeypatch):
    task, untouched, attacked = played(subject, GaussianNoise(3.0))
    (one,) = counterexamples(["noise"], [task], attacked, [untouched])
    monkeypatch.setattr(module, "LARGEST", one.changes.nbytes - 1)
    assert counterexamples(["noise"], [task], attacked, [untouched]) == ()


def test_a_policy_with_memory_would_have_done_what_it_remembers_to():
    environment = Environment("CartPole-v1")
    policy = fitted(Remembering(environment), environment, (16,))
    subject = Subject.observed(policy, environment, 4, 0)
    task, untouched, attacked = played(subject, GaussianNoise(0.5))
    attacked = dataclasses.replace(attacked, rewards=attacked.rewards * 100)
    (one,) = counterexamples(["noise"], [task], untouched, [attacked])
    memory, otherwise = policy.initial_memory(1), []
    rollouts = reenacted(dataclasses.replace(one, rewards=one.rewards / 100), environment).rollouts
    for seen, shown in zip(rollouts.observations, rollouts.shown, strict=True):
        scores, _ = policy.scores(torch.from_numpy(seen)[None], memory)
        _, memory = policy.scores(torch.from_numpy(shown)[None], memory)
        otherwise.append(policy.actions(scores)[0])
    assert one.otherwise.tolist() == otherwise
    assert isinstance(one, Counterexample)
