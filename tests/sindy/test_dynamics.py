"""Known systems are found, with the coefficients that they are made of."""

import numpy as np
import pytest
from gymnasium import spaces

from policyscope.rollouts.actors import UniformRandom
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.play import play
from policyscope.sindy.circles import circles
from policyscope.sindy.dynamics import Limits, Model, identified
from policyscope.sindy.library import term_names
from policyscope.sindy.transitions import Transitions

LIMITS = Limits(degree=3, terms=200, models=10, dropped=1)


def chance(id: str, episodes: int = 20, steps: int = 50) -> Transitions:
    environment = Environment(id, {"max_episode_steps": steps})
    space = environment.spaces()[1]
    return Transitions.of(play(UniformRandom(space), environment, episodes, 3), space)


def fitted(data: Transitions, limits=LIMITS, angles=()) -> Model:
    held_out = data.episodes % 4 == 3
    pairs = circles(data.states)
    parts = data.where(~held_out), data.where(held_out)
    return identified(*parts, angles, pairs, limits, np.random.default_rng(0))


def said(model: Model, feature: int, names: tuple[str, ...]) -> dict[str, float]:
    """The terms of one equation and their coefficients."""
    row = model.law.increments[feature]
    return dict(zip(term_names(model.law.terms[row != 0], names), row[row != 0], strict=True))


@pytest.fixture(scope="module")
def pendulum():
    return chance("Pendulum-v1", steps=200)


def test_the_pendulums_acceleration_is_that_of_its_source(pendulum):
    # newthdot = thdot + (3 g / (2 l) sin(th) + 3 / (m l²) u) dt, with g 10, m and l 1, dt 0.05
    free = np.abs(pendulum.following[:, 2]) < 7.9  # its speed is clipped at 8
    model = fitted(pendulum.where(free))
    speed = said(model, 2, ("cos", "sin", "v", "u"))
    assert speed.keys() == {"sin", "u"}
    assert speed["sin"] == pytest.approx(0.75, rel=1e-4)
    assert speed["u"] == pytest.approx(0.15, rel=1e-4)
    assert model.increments.inclusion[2][model.law.increments[2] != 0].min() == 1


def test_the_pendulums_angle_moves_as_its_integrator_says(pendulum):
    # cos(th + v' dt) − cos(th) = −dt sin(th) v + …, to the first order in the step
    model = fitted(pendulum)
    cosine, sine = (said(model, i, ("cos", "sin", "v", "u")) for i in (0, 1))
    assert cosine["sin · v"] == pytest.approx(-0.05, rel=0.02)
    assert sine["cos · v"] == pytest.approx(0.05, rel=0.02)
    assert model.law.pairs == ((0, 1),)
    assert {"sin²"} <= set(term_names(model.law.terms[model.redundant], ("cos", "sin", "v", "u")))


def test_the_cart_pole_is_that_of_its_source():
    data = chance("CartPole-v1", episodes=200)
    model = fitted(data)
    names = ("x", "v", "angle", "spin", "right")
    assert said(model, 0, names) == pytest.approx({"v": 0.02}, rel=1e-5)
    assert said(model, 2, names) == pytest.approx({"spin": 0.02}, rel=1e-5)
    # linearised at rest, see its source: a = (g θ − F/M) / (l (4/3 − m/M)), F = ±10, M 1.1, m 0.1
    length = 0.5 * (4 / 3 - 0.1 / 1.1)
    spin = said(model, 3, names)
    assert spin["angle"] == pytest.approx(0.02 * 9.8 / length, rel=0.02)
    assert spin["right"] == pytest.approx(-0.02 * 2 * 10 / 1.1 / length, rel=0.01)
    assert model.law.reward[np.flatnonzero(~model.law.terms.any(1))] == pytest.approx(1)


def linear_system(noise: float = 0.0, episodes: int = 40) -> tuple[Transitions, np.ndarray]:
    """x' = A x + B u with a reward of −x₀² − u²/10."""
    rng = np.random.default_rng(5)
    matrix = np.array([[0.0, 0.1, 0.0], [-0.3, -0.05, 0.2]])  # of the increments
    states, controls = rng.normal(size=(episodes * 20, 2)), rng.normal(size=(episodes * 20, 1))
    following = states + np.hstack([states, controls]) @ matrix.T
    rewards = -(states[:, 0] ** 2) - 0.5 * states[:, 1] * controls[:, 0]
    seen, came = (part + noise * rng.normal(size=part.shape) for part in (states, following))
    episode = np.repeat(np.arange(episodes), 20)
    return Transitions(seen, controls, came, rewards, episode), matrix


def test_a_linear_system_and_its_reward_are_found_exactly():
    data, matrix = linear_system()
    model = fitted(data)
    linear = model.law.terms.sum(1) == 1
    np.testing.assert_allclose(model.law.increments[:, linear][:, [0, 1, 2]], matrix, atol=1e-9)
    assert not model.law.increments[:, ~linear].any()
    reward = dict(zip(term_names(model.law.terms, ("x", "v", "u")), model.law.reward, strict=True))
    kept = {name: value for name, value in reward.items() if value}
    assert kept == pytest.approx({"x²": -1.0, "v · u": -0.5})


@pytest.mark.parametrize("noise", [0.001, 0.01])
def test_little_noise_leaves_the_strong_terms(noise):
    data, matrix = linear_system(noise, episodes=100)
    model = fitted(data)
    linear = np.flatnonzero(model.law.terms.sum(1) == 1)
    np.testing.assert_allclose(model.law.increments[:, linear], matrix, atol=3 * noise)


def test_an_angle_that_turns_has_its_sine():
    rng = np.random.default_rng(0)
    states = np.column_stack([rng.uniform(-3, 3, 800), rng.normal(size=800)])
    change = np.column_stack([0.1 * states[:, 1], -0.5 * np.sin(states[:, 0])])
    episodes = np.repeat(np.arange(40), 20)
    data = Transitions(states, np.zeros((800, 0)), states + change, np.ones(800), episodes)
    model = fitted(data, angles=(0,))
    assert said(model, 1, ("a", "w", "sine", "cosine")) == pytest.approx({"sine": -0.5})


def test_a_constant_feature_does_no_harm():
    data, matrix = linear_system()
    stuck = np.full((len(data.states), 1), 7.0)
    states, following = (np.hstack([part, stuck]) for part in (data.states, data.following))
    wider = Transitions(states, data.controls, following, data.rewards, data.episodes)
    model = fitted(wider)
    assert not model.law.increments[2].any()
    assert said(model, 0, ("x", "v", "stuck", "u")) == pytest.approx({"v": 0.1})


def test_transitions_are_pairs_of_one_episode():
    environment = Environment("CartPole-v1", {"max_episode_steps": 30})
    space = environment.spaces()[1]
    rollouts = play(UniformRandom(space), environment, 5, 0)
    data = Transitions.of(rollouts, space)
    assert len(data.states) == len(rollouts.rewards) - 5
    inside = np.diff(data.episodes) == 0
    np.testing.assert_array_equal(data.following[:-1][inside], data.states[1:][inside])
    np.testing.assert_array_equal(np.unique(data.episodes), np.arange(5))
    both = Transitions.joined([data, data])
    np.testing.assert_array_equal(np.unique(both.episodes), np.arange(10))


def test_discrete_actions_are_indicators_of_all_but_the_first():
    from policyscope.sindy.transitions import as_controls

    space = spaces.Discrete(3, start=5)
    np.testing.assert_array_equal(as_controls(np.array([5, 6, 7]), space), [[0, 0], [1, 0], [0, 1]])
    several = spaces.MultiDiscrete([2, 3])
    np.testing.assert_array_equal(
        as_controls(np.array([[1, 2], [0, 1]]), several), [[1, 0, 1], [0, 1, 0]]
    )
