"""What is certified where no return can be: single actions."""

from dataclasses import replace

import handmade
import numpy as np
import pytest
from policyscope_certify import certify
from policyscope_certify.certify import Certify

from policyscope.analyzers.subject import Subject
from policyscope.policies.policy import FeedForward, Policy
from policyscope.reports.results import ActionCertificates, Certificate, NotApplicable
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.recording import Recording


@pytest.fixture(scope="module")
def lander():
    body = handmade.linear(np.eye(4, 8).tolist())
    policy = Policy(FeedForward(body).eval(), 4, handmade.CHECKPOINT)
    return Subject.observed(policy, Environment("LunarLander-v3"), 2, 0)


def test_without_a_floor_only_actions_and_shares_of_episodes_are_certified(lander):
    asked = Certify(episodes=5, action_states=3, action_draws=100)
    alone = asked.run(lander, np.random.default_rng(0))
    assert isinstance(alone, ActionCertificates)
    assert "lowest return" in alone.alone and "certify.floor" in alone.alone
    shares = replace(asked, goal=(-1e6,), episodes=20, attacked_episodes=0)
    beside = shares.run(lander, np.random.default_rng(0))
    assert isinstance(beside, Certificate)
    assert beside.counted == "success" and (beside.noisy == 1).all()
    assert 0 < beside.bounds[0, 0] < 1
    assert beside.actions is not None and beside.actions.alone == ""
    np.testing.assert_array_equal(alone.radii, beside.actions.radii)
    nothing = replace(asked, action_states=0).run(lander, np.random.default_rng(0))
    assert isinstance(nothing, NotApplicable) and nothing.reason == alone.alone


@pytest.mark.parametrize("units", ["environment", "deviations"])
def test_without_an_environment_actions_are_certified(lander, units):
    seen = lander.visited
    recorded = Subject.recorded(lander.policy, Recording(seen.observations, seen.lengths), 0)
    asked = Certify(goal=(0.0,), action_states=3, action_draws=100, units=units)
    alone = asked.run(recorded, np.random.default_rng(0))
    assert isinstance(alone, ActionCertificates)
    assert alone.alone == "there is no environment to play in"
    played = replace(asked, episodes=2, attacked_episodes=0).run(lander, np.random.default_rng(0))
    assert isinstance(played, Certificate) and played.actions is not None
    np.testing.assert_array_equal(alone.radii, played.actions.radii)
    assert alone.unit == played.unit


def test_who_answers_one_observation_after_the_other_is_asked_less(lander, monkeypatch):
    monkeypatch.setattr(certify, "one_at_a_time", lambda policy: policy is lander.policy)
    asked = Certify(action_draws=2000).run(lander, np.random.default_rng(0))
    assert isinstance(asked, ActionCertificates)
    assert (asked.radii.shape[1], asked.draws) == (5, 1000)
    little = Certify(action_states=3, action_draws=100).run(lander, np.random.default_rng(0))
    assert isinstance(little, ActionCertificates)
    assert (little.radii.shape[1], little.draws) == (3, 100)
