import dataclasses

import handmade
import numpy as np
import pytest
from gymnasium import spaces

from policyscope.analyzers.returns import Returns
from policyscope.analyzers.saliency import Saliency
from policyscope.analyzers.subject import Need
from policyscope.errors import EnvironmentMismatch
from policyscope.rollouts.actors import UniformRandom
from policyscope.rollouts.recording import Recording

WEIGHT = np.array([[1.0, -4.0, 0.5], [2.0, 3.0, 0.0]])
STATES = np.random.default_rng(0).normal(size=(60, 3))


@pytest.fixture
def played():
    policy = handmade.policy(handmade.linear(WEIGHT), 3, spaces.Discrete(2))
    return handmade.subject(policy, STATES, [20, 40])


@pytest.fixture
def unplayed(played):
    recording = Recording(STATES, np.array([20, 40]))
    return dataclasses.replace(played, environment=None, seen=recording)


def test_who_needs_observations_alone_does_not_see_whether_they_were_played(played, unplayed):
    saliency = Saliency(played=())  # nothing is played again
    answers = [saliency.run(s, np.random.default_rng(1)) for s in (played, unplayed)]
    assert answers[0].importance == answers[1].importance
    np.testing.assert_array_equal(answers[0].decision, answers[1].decision)


def test_an_environment_is_a_need(played, unplayed):
    assert Need.ENVIRONMENT in Returns.needs
    assert Need.ENVIRONMENT.met_by(played)
    assert not Need.ENVIRONMENT.met_by(unplayed)


def test_nothing_is_played_without_an_environment(unplayed):
    with pytest.raises(EnvironmentMismatch, match="^needs an environment to play in$"):
        unplayed.play(UniformRandom(spaces.Discrete(2)))
    with pytest.raises(EnvironmentMismatch, match="^needs an environment to play in$"):
        _ = unplayed.rollouts


def test_intervals_of_a_single_episode_rest_on_its_blocks(unplayed):
    one = dataclasses.replace(
        unplayed, seen=dataclasses.replace(unplayed.seen, lengths=np.array([60]))
    )
    result = Saliency().run(one, np.random.default_rng(1))
    assert {estimate.n for estimate in result.importance} == {7}
    assert set(result.episodes.tolist()) == {0}
