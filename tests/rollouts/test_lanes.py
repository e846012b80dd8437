import gymnasium
import numpy as np
import pytest
from players import differences

from policyscope.rollouts.actors import UniformRandom
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.play import play
from policyscope.rollouts.seeds import environment_seed

SEEDS = [environment_seed(0, episode) for episode in range(9)]


@pytest.mark.parametrize("limit", [500, 15])
@pytest.mark.parametrize("sutton_barto_reward", [False, True])
def test_native_cartpoles_move_like_simulators_of_their_own(limit, sutton_barto_reward):
    arguments = {"max_episode_steps": limit, "sutton_barto_reward": sutton_barto_reward}
    actions = np.random.default_rng(1).integers(2, size=(100, len(SEEDS)))
    lanes = Environment("CartPole-v1", arguments).lanes(len(SEEDS))
    everyone = np.arange(len(SEEDS))
    before = lanes.reset(everyone, SEEDS)
    singles = [gymnasium.make("CartPole-v1", **arguments) for _ in SEEDS]
    starts = [env.reset(seed=seed)[0] for env, seed in zip(singles, SEEDS, strict=True)]
    assert (before == np.array(starts)).all() and before.dtype == starts[0].dtype
    playing = list(everyone)
    for row in actions:
        observations, *outcomes = lanes.step(everyone, row)
        for lane in list(playing):
            observation, *outcome, _ = singles[lane].step(row[lane])
            np.testing.assert_allclose(observations[lane], observation, atol=1e-4)
            assert [values[lane] for values in outcomes] == outcome
            if True in outcome[1:]:
                playing.remove(lane)
    assert playing == []


def test_lanes_that_wait_change_nothing_for_lanes_that_play():
    actions = np.random.default_rng(2).integers(2, size=(12, 4))
    alone = Environment("CartPole-v1").lanes(1)
    beside = Environment("CartPole-v1").lanes(4)
    beside.reset(np.arange(4), SEEDS[:4])
    for _ in range(60):  # the others fall, and are reset by the simulator itself
        beside.step(np.array([0, 1, 3]), np.ones(3, np.int64))
    expected = alone.reset(np.array([0]), SEEDS[4:5])
    given = beside.reset(np.array([2]), SEEDS[4:5])
    for row in actions:
        assert (expected == given).all()
        expected, *rest = alone.step(np.array([0]), row[:1])
        given, *others = beside.step(np.array([2]), row[:1])
        assert [np.asarray(r).tolist() for r in rest] == [np.asarray(o).tolist() for o in others]


class Careless(gymnasium.Env):
    """Gives other types than it says: float64 after a reset, int rewards, numpy's own booleans."""

    observation_space = gymnasium.spaces.Box(-9, 9, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.state = self.np_random.uniform(-1, 1, 2)
        return self.state, {}

    def step(self, action):
        self.state = self.state + (0.3 if action else -0.2)
        fallen = np.abs(self.state).max() > 2
        return self.state.astype(np.float32), 1, fallen, np.False_, {}


def test_observations_have_the_type_of_their_space_whatever_a_simulator_gives():
    gymnasium.register("Careless-v0", entry_point=Careless, disable_env_checker=True)
    try:
        environment = Environment("Careless-v0")
        runs = [play(UniformRandom(Careless.action_space), environment, 9, lanes=n) for n in (1, 9)]
    finally:
        gymnasium.registry.pop("Careless-v0")
    assert differences(*runs) == []
    assert runs[0].observations.dtype == np.float32
    assert runs[0].rewards.dtype == np.float64
    assert runs[0].terminated.all()
