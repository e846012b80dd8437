import math

import numpy as np
import pytest
from policyscope_certify.return_range import MOST, REWARDS, ReturnRange, known_range

from policyscope.rollouts.actors import UniformRandom
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.play import play

CASES = [
    ("CartPole-v1", {}, ReturnRange(0, 500, whole=True)),
    ("CartPole-v0", {}, ReturnRange(0, 200, whole=True)),
    ("CartPole-v1", {"max_episode_steps": 200}, ReturnRange(0, 200, whole=True)),
    ("CartPole-v1", {"max_episode_steps": -1}, ReturnRange(0, math.inf, whole=True)),
    ("MountainCar-v0", {}, ReturnRange(-200, 0, whole=True)),
    ("MountainCarContinuous-v0", {}, ReturnRange(-99.9, 100)),
    ("Acrobot-v1", {}, ReturnRange(-500, 0, whole=True)),
    ("InvertedPendulum-v2", {}, ReturnRange(0, 1000, whole=True)),
    ("PongNoFrameskip-v4", {}, ReturnRange(-21, 21, whole=True)),
    ("ALE/Freeway-v5", {}, ReturnRange(0)),
]


@pytest.mark.parametrize(("id", "arguments", "expected"), CASES)
def test_what_is_known_is_what_rewards_and_steps_allow(id, arguments, expected):
    found = known_range(Environment(id, arguments))
    assert found is not None
    assert found.floor == pytest.approx(expected.floor)
    assert (found.ceiling, found.whole) == (expected.ceiling, expected.whole)


@pytest.mark.parametrize(
    ("id", "arguments"),
    [
        ("CartPole-v1", {"sutton_barto_reward": True}),
        ("Acrobot-v1", {"max_episode_steps": -1}),
        ("LunarLander-v3", {}),
        ("PongNoFrameskip-v4", {"reward_clipping": True}),
        ("ALE/Breakout-v5", {}),
    ],
)
def test_nothing_is_known_of_other_rewards_and_of_endless_costs(id, arguments):
    assert known_range(Environment(id, arguments)) is None


@pytest.mark.parametrize("id", [id for id in REWARDS if not id.startswith("Inverted")])
def test_every_step_and_episode_of_chance_is_inside(id):
    environment = Environment(id)
    played = play(UniformRandom(environment.spaces()[1]), environment, 20)
    found, rewards = known_range(environment), REWARDS[id]
    assert found is not None
    assert rewards.least <= played.rewards.min()
    assert played.rewards.max() <= rewards.most + rewards.at_goal
    assert found.floor <= played.returns.min() and played.returns.max() <= found.ceiling
    assert found.whole == (played.returns == played.returns.round()).all()


def test_the_worst_step_of_a_pendulum_costs_what_the_table_says():
    import gymnasium

    env = gymnasium.make("Pendulum-v1").unwrapped
    env.reset(seed=0)
    env.state = np.array([np.pi, 8.0])
    assert env.step(np.array([2.0], np.float32))[1] == pytest.approx(REWARDS["Pendulum-v1"].least)


def test_whole_returns_are_asked_for_one_by_one_and_others_evenly_spaced():
    np.testing.assert_array_equal(ReturnRange(-2, 3, whole=True).values, [-1, 0, 1, 2, 3])
    for wide in (ReturnRange(-2, 3), ReturnRange(-5, 5 * MOST, whole=True)):
        values = wide.values
        assert len(values) == MOST and values[-1] == wide.ceiling
        np.testing.assert_allclose(np.diff(values, prepend=wide.floor), values[0] - wide.floor)
    assert ReturnRange(0).values is None
