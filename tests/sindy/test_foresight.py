"""What is said of the closed loop, against systems of which it is known."""

import numpy as np
import pytest

from policyscope.sindy.circles import circles, on_circles
from policyscope.sindy.dynamics import Law
from policyscope.sindy.fixed_points import fixed_points
from policyscope.sindy.foresight import foresight, suddenness
from policyscope.sindy.library import exponents
from policyscope.sindy.transitions import Transitions


def law(matrix: np.ndarray, reach: float = 1e6) -> Law:
    """x' − x = A x, in which nothing else happens."""
    features = len(matrix)
    terms = exponents(features, 1)
    increments = np.hstack([np.zeros((features, 1)), matrix])
    far = np.full(features, reach)
    return Law(terms, (), (), increments, np.zeros(len(terms)), -far, far)


def episodes(matrix: np.ndarray, count: int = 10, steps: int = 30) -> Transitions:
    rng = np.random.default_rng(0)
    states, following = [], []
    for _ in range(count):
        state = rng.normal(size=len(matrix))
        for _ in range(steps):
            states.append(state)
            state = state + matrix @ state
            following.append(state)
    rows = count * steps
    of = np.repeat(np.arange(count), steps)
    return Transitions(
        np.array(states), np.zeros((rows, 0)), np.array(following), np.ones(rows), of
    )


TURN = np.array([[0.0, 0.1], [-0.1, 0.0]])


def test_the_true_law_is_trusted_as_far_as_is_looked():
    errors, horizon = foresight(law(TURN), episodes(TURN), 20, np.random.default_rng(0), 0.95)
    assert len(errors) == 20 and max(error.value for error in errors) < 1e-9
    assert horizon.value == horizon.low == 20


def test_no_further_is_looked_than_episodes_go():
    data = episodes(TURN, steps=7)
    errors, horizon = foresight(law(TURN), data, 100, np.random.default_rng(0), 0.95)
    assert len(errors) == 7 and horizon.value == 7


def test_a_single_long_episode_does_not_tell_how_far_all_are_foreseen():
    """What one episode alone shows has no interval over episodes."""
    long, short = episodes(TURN, count=1, steps=50), episodes(TURN, count=6, steps=5)
    data = Transitions.joined([long, short])
    wrong = law(1.5 * TURN)
    errors, _ = foresight(wrong, data, 100, np.random.default_rng(0), 0.95)
    assert len(errors) == 5
    assert all(0 < error.low <= error.value <= error.high for error in errors)


def test_the_error_of_a_wrong_law_is_what_algebra_says():
    """Where nothing moves but is said to grow by a tenth, it is off by 1.1ᵏ − 1 after k steps."""
    still = np.zeros((1, 1))
    data = episodes(still)
    errors, horizon = foresight(law(np.array([[0.1]])), data, 20, np.random.default_rng(0), 0.95)
    size = np.sqrt(np.mean(data.states**2)) / data.states.std()
    expected = (1.1 ** np.arange(1, 21) - 1) * size
    np.testing.assert_allclose([error.value for error in errors], expected, rtol=1e-9)
    assert horizon.value == np.argmax(expected > 0.5)
    assert horizon.low <= horizon.value <= horizon.high


def test_fixed_points_and_eigenvalues_of_a_logistic_map():
    # x' = r x (1 − x): rests at 0 with slope r and at 1 − 1/r with slope 2 − r
    def flow(states):
        return 2.5 * states * (1 - states)

    found = fixed_points(flow, np.linspace(-0.1, 1, 200)[:, None])
    order = np.argsort(found.states[:, 0])
    np.testing.assert_allclose(found.states[order, 0], [0, 0.6], atol=1e-6)
    np.testing.assert_allclose(found.eigenvalues[order, 0].real, [2.5, -0.5], atol=1e-4)
    np.testing.assert_array_equal(found.stable[order], [False, True])


def test_a_spiral_is_stable_where_it_winds_inwards():
    for growth, stable in ((0.95, True), (1.05, False)):
        turn = growth * np.array([[np.cos(0.3), np.sin(0.3)], [-np.sin(0.3), np.cos(0.3)]])
        visited = np.random.default_rng(0).normal(size=(100, 2))
        found = fixed_points(lambda states, turn=turn: states @ turn.T, visited)
        np.testing.assert_allclose(np.abs(found.eigenvalues), [[growth, growth]], rtol=1e-6)
        assert found.stable.tolist() == [stable]


def test_what_rests_outside_of_the_data_is_not_found():
    visited = np.random.default_rng(0).uniform(-1, 1, (100, 1))
    assert not len(fixed_points(lambda states: 0.5 * states + 5, visited).states)


def test_nothing_rests_where_all_moves_on():
    visited = np.random.default_rng(0).uniform(-1, 1, (100, 1))
    found = fixed_points(lambda states: states + 1, visited)
    assert found.states.shape == (0, 1) and found.stable.shape == (0,)


def test_circles_are_seen_and_kept():
    angle = np.random.default_rng(0).uniform(-3, 3, 200)
    states = np.column_stack([np.sin(angle), angle, np.cos(angle), np.ones(200), np.zeros(200)])
    assert circles(states) == ((0, 2),)
    back = on_circles(1.7 * states, ((0, 2),))
    np.testing.assert_allclose(back[:, [0, 2]], states[:, [0, 2]])
    np.testing.assert_allclose(back[:, 1], 1.7 * angle)


def test_simulated_states_stay_near_the_data():
    explosive = law(np.array([[9.0]]), reach=1.0)
    state = np.array([[0.5]])
    for _ in range(50):
        state = explosive.step(state, np.zeros((1, 0)))
    assert state[0, 0] == 3.0  # one range, of 2, beyond the highest


def test_suddenness_tells_jumps_from_noise():
    noise = np.random.default_rng(0).normal(size=1000)
    assert suddenness(noise) < 0.15
    jumps = np.where(np.arange(1000) % 200 == 0, 30.0, 0.1)
    assert suddenness(jumps) > 0.99
    assert suddenness(np.zeros(10)) == pytest.approx(0)
