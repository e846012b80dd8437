import gymnasium
import numpy as np
import pytest
import torch
from players import chaotic, counting, differences

from policyscope.errors import EnvironmentMismatch, UsageError
from policyscope.policies.loading import load
from policyscope.rollouts.actors import Greedy, UniformRandom
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.perturbation import GaussianNoise
from policyscope.rollouts.play import play, returns_of
from policyscope.rollouts.seeds import environment_seed, generator

CARTPOLE = Environment("CartPole-v1")
# episodes of many lengths, and continuous actions that can carry a number
HOPPER = Environment("Hopper-v4")


def random_actor(environment):
    return UniformRandom(environment.spaces()[1])


def draw(space, rng):
    """What UniformRandom draws, written anew."""
    if isinstance(space, gymnasium.spaces.Discrete):
        return rng.integers(space.n)
    return rng.uniform(space.low, space.high).astype(np.float32)


@pytest.mark.filterwarnings("ignore:.*Hopper-v4 is out of date")
@pytest.mark.parametrize("id", ["Pendulum-v1", "LunarLander-v3", "MountainCar-v0", "Hopper-v4"])
def test_episodes_are_those_of_a_plain_loop_over_one_simulator(id):
    played = play(random_actor(Environment(id)), Environment(id), 4, seed=5)
    env = gymnasium.make(id)
    observations, actions, rewards, ends = [], [], [], []
    for episode in range(4):
        rng = generator(5, "uniform random actions", episode)
        observation, _ = env.reset(seed=environment_seed(5, episode))
        over = False
        while not over:
            observations.append(observation)
            actions.append(draw(env.action_space, rng))
            observation, reward, terminated, truncated, _ = env.step(actions[-1])
            rewards.append(reward)
            over = terminated or truncated
        ends.append((terminated, truncated))
    assert played.observations.dtype == np.asarray(observations[0]).dtype
    assert (played.observations == np.array(observations)).all()
    assert (played.actions == np.array(actions)).all()
    assert (played.rewards == np.array(rewards)).all()
    assert list(zip(played.terminated, played.truncated, strict=True)) == ends
    assert played.shown is played.observations


def test_memory_begins_anew_with_every_episode_and_goes_on_within_it():
    played = play(counting(HOPPER), HOPPER, 12, lanes=4)
    assert len(set(played.lengths)) > 2
    counted = np.concatenate([np.arange(1, 1 + length) for length in played.lengths])
    assert (played.actions[:, 0] == counted.astype(np.float32) / 1024).all()


def test_another_seed_is_another_run():
    runs = [play(random_actor(CARTPOLE), CARTPOLE, 5, seed=seed) for seed in (0, 1)]
    assert {"observations", "actions"} <= set(differences(*runs))


def test_the_same_seed_with_another_actor_begins_in_the_same_states():
    random, greedy = (play(a(CARTPOLE), CARTPOLE, 6, seed=2) for a in (random_actor, chaotic))
    starts = [r.observations[np.cumsum(r.lengths) - r.lengths] for r in (random, greedy)]
    assert (starts[0] == starts[1]).all()


def test_playing_leaves_the_global_generators_and_the_threads_of_torch_as_they_were():
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    numpy_before, torch_before = np.random.get_state(), torch.random.get_rng_state()  # noqa: NPY002
    try:
        for environment in (CARTPOLE, Environment("LunarLander-v3", {"max_episode_steps": 9})):
            play(chaotic(environment), environment, 5, perturbation=GaussianNoise(0.1))
            play(random_actor(environment), environment, 5)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    after = np.random.get_state()  # noqa: NPY002
    assert str(after) == str(numpy_before) and (after[1] == numpy_before[1]).all()
    assert torch.equal(torch.random.get_rng_state(), torch_before)


def test_the_threads_of_torch_are_restored_when_playing_fails():
    class Failing:
        purpose = "failing"

        def initial_memory(self, lanes):
            return ()

        def act(self, observations, memory, playing, generators):
            assert torch.get_num_threads() == 1
            raise RuntimeError("on purpose")

    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(RuntimeError, match="on purpose"):
            play(Failing(), CARTPOLE, 2)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


def test_a_fall_terminates_and_a_time_limit_truncates(examples):
    fallen = play(random_actor(CARTPOLE), CARTPOLE, 20)
    assert fallen.terminated.all() and not fallen.truncated.any()
    assert fallen.lengths.max() < 200
    policy = load(examples / "cartpole_ppo.zip").fitted_to(*CARTPOLE.spaces(), CARTPOLE.id)
    upright = play(Greedy(policy), CARTPOLE, 4)
    assert upright.truncated.all() and not upright.terminated.any()
    assert upright.lengths.tolist() == upright.returns.tolist() == [500] * 4


def test_finished_episodes_are_announced_once_each():
    announced = []
    play(random_actor(CARTPOLE), CARTPOLE, 40, lanes=7, on_finished=announced.append)
    assert sum(announced) == 40 and min(announced) > 0


def test_noise_is_shown_to_the_policy_and_not_recorded_as_the_observation():
    environment = Environment("Pendulum-v1", {"max_episode_steps": 50})
    noisy = play(random_actor(environment), environment, 6, perturbation=GaussianNoise(0.5))
    clean = play(random_actor(environment), environment, 6)
    assert differences(noisy, clean) == ["shown"]
    spent = noisy.shown - noisy.observations
    assert noisy.shown.dtype == noisy.observations.dtype
    assert 0.45 < spent.std() < 0.55 and abs(spent.mean()) < 0.06
    rng = generator(0, "gaussian noise", 2)
    expected = [rng.standard_normal(3) * 0.5 for _ in range(50)]
    np.testing.assert_allclose(spent[100:150], expected, atol=1e-6)


@pytest.mark.parametrize(("episodes", "lanes"), [(0, None), (-3, None), (5, 0), (5, -1)])
def test_no_episodes_or_no_lanes_are_refused_in_a_sentence(episodes, lanes):
    with pytest.raises(UsageError, match=f"not {episodes} and {lanes}"):
        play(random_actor(CARTPOLE), CARTPOLE, episodes, lanes=lanes)


def test_unbounded_actions_cannot_be_drawn_uniformly():
    with pytest.raises(EnvironmentMismatch, match="no uniform distribution"):
        UniformRandom(gymnasium.spaces.Box(-np.inf, np.inf, (2,)))


def test_random_actions_of_every_kind_lie_in_their_space():
    spaces = [
        gymnasium.spaces.Discrete(3, start=5),
        gymnasium.spaces.MultiDiscrete([2, 3]),
        gymnasium.spaces.Box(np.array([-1, 0], np.float32), np.array([1, 5], np.float32)),
    ]
    for space in spaces:
        rng = np.random.default_rng(0)
        drawn = [UniformRandom(space)._draw(rng) for _ in range(200)]
        assert all(space.contains(np.asarray(action)) or action in space for action in drawn)
    assert len({int(UniformRandom(spaces[0])._draw(rng)) for _ in range(50)}) == 3


@pytest.mark.parametrize("noise", [None, GaussianNoise(0.3)])
def test_returns_alone_are_those_of_the_same_episodes(noise):
    actor = random_actor(CARTPOLE)
    whole = play(actor, CARTPOLE, 30, 2, perturbation=noise, lanes=7).returns
    finished = []
    alone = returns_of(
        actor, CARTPOLE, 30, 2, perturbation=noise, lanes=4, on_finished=finished.append
    )
    assert (alone == whole).all() and len(set(alone)) > 5
    assert sum(finished) == 30
    with pytest.raises(UsageError, match="at least 1 episode"):
        returns_of(actor, CARTPOLE, -3)


@pytest.mark.parametrize("environment", [CARTPOLE, Environment("Pendulum-v1")], ids=lambda e: e.id)
def test_one_of_many_episodes_can_be_played_alone(environment):
    actor = chaotic(environment)
    many = play(actor, environment, 40, seed=3)
    two = play(actor, environment, 2, seed=3, first=35)
    steps = slice(many.first_steps[35], many.first_steps[37])
    assert two.lengths.tolist() == many.lengths[35:37].tolist()
    for name in ("observations", "actions", "rewards"):
        assert getattr(two, name).tobytes() == getattr(many, name)[steps].tobytes()
