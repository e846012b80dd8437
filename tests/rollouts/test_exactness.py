"""Episode i is the same episode whatever the number of lanes."""

import pytest
from players import chaotic, differences, linear, remembering

from policyscope.policies.loading import load
from policyscope.rollouts.actors import Greedy, UniformRandom
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.perturbation import GaussianNoise
from policyscope.rollouts.play import play


def limited(id, steps):
    return Environment(id, {"max_episode_steps": steps})


CARTPOLE = Environment("CartPole-v1")
PENDULUM = limited("Pendulum-v1", 40)
HOPPER = limited("Hopper-v4", 100)
CHEETAH = limited("HalfCheetah-v4", 40)
# long enough for a walker to fall, after which its world is not what it was
WALKER = limited("BipedalWalker-v3", 100)
ENVIRONMENTS = [
    CARTPOLE,
    limited("CartPole-v1", -1),  # played on simulators of its own
    PENDULUM,
    limited("Acrobot-v1", 40),
    limited("MountainCar-v0", 40),
    limited("LunarLander-v3", 80),
    WALKER,
    HOPPER,
    CHEETAH,
]


def each(*environments):
    names = [" ".join((e.id, *map(str, e.arguments.values()))) for e in environments]
    return pytest.mark.parametrize("environment", environments, ids=names)


def assert_same_on_any_lanes(actor, environment, episodes=70, lanes=(7, 64), **options):
    alone = play(actor, environment, episodes, seed=3, lanes=1, **options)
    for count in lanes:
        together = play(actor, environment, episodes, seed=3, lanes=count, **options)
        assert differences(alone, together) == [], f"with {count} lanes"


@each(*ENVIRONMENTS)
def test_episodes_are_the_same_bit_for_bit_on_1_and_7_and_64_lanes(environment):
    assert_same_on_any_lanes(chaotic(environment), environment)


@each(HOPPER, CHEETAH)
def test_a_policy_that_rounds_by_its_row_plays_the_same_on_any_number_of_lanes(environment):
    assert_same_on_any_lanes(linear(environment), environment)


@each(CARTPOLE, PENDULUM)
def test_a_policy_with_memory_plays_the_same_episodes_on_any_number_of_lanes(environment):
    assert_same_on_any_lanes(remembering(environment), environment)


@each(CARTPOLE, PENDULUM)
def test_noise_on_the_observations_is_the_same_on_any_number_of_lanes(environment):
    noise = GaussianNoise(0.1)
    assert_same_on_any_lanes(remembering(environment), environment, perturbation=noise)


@each(CARTPOLE, WALKER)
def test_random_actions_are_the_same_on_any_number_of_lanes(environment):
    assert_same_on_any_lanes(UniformRandom(environment.spaces()[1]), environment, lanes=(64,))


@each(CARTPOLE, PENDULUM)
def test_the_first_episodes_of_a_longer_run_are_those_of_a_shorter_one(environment):
    actor = remembering(environment)
    short, long = (play(actor, environment, n, seed=3) for n in (9, 40))
    steps = short.lengths.sum()
    assert (long.lengths[:9] == short.lengths).all()
    for name in ("observations", "actions", "rewards"):
        assert getattr(long, name)[:steps].tobytes() == getattr(short, name).tobytes()


def test_a_shipped_policy_plays_the_same_long_episodes_on_any_number_of_lanes(examples):
    policy = load(examples / "cartpole_ppo.zip")
    greedy = Greedy(policy.fitted_to(*CARTPOLE.spaces(), CARTPOLE.id))
    assert_same_on_any_lanes(greedy, CARTPOLE, episodes=20, lanes=(7, 20))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "id"),
    [
        ("ppo-BipedalWalker-v3", "BipedalWalker-v3"),
        ("trpo-Hopper-v3", "Hopper-v3"),
        ("ars-Hopper-v3", "Hopper-v3"),
        ("ppo-HalfCheetah-v3", "HalfCheetah-v3"),
    ],
)
def test_published_policies_play_the_same_episodes_on_any_number_of_lanes(checkpoints, file, id):
    environment = Environment(id)
    normalisation = checkpoints / f"{file}.vecnormalize.pkl"
    policy = load(checkpoints / f"{file}.zip", normalisation=normalisation)
    greedy = Greedy(policy.fitted_to(*environment.spaces(), id))
    assert_same_on_any_lanes(greedy, environment, episodes=10, lanes=(7,))
