import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from policyscope.shapley.on_manifold import on_manifold

few = arrays(
    np.float64, st.tuples(st.integers(1, 9), st.integers(1, 4)), elements=st.integers(0, 2)
)


def by_hand(state, doing, visited, done, tolerance):
    """Mean gain over all orders, every expectation taken on its own."""
    d = len(state)

    def worth(known):
        if len(known) == d:
            return doing
        agree = [all(abs(other[i] - state[i]) <= tolerance[i] for i in known) for other in visited]
        return done[np.array(agree)].mean(0)

    gains = np.zeros((d, done.shape[1]))
    for order in permutations(range(d)):
        for place, i in enumerate(order):
            gains[i] += worth(order[: place + 1]) - worth(order[:place])
    return gains / math.factorial(d)


def played(visited, done, tolerance=0.0, of=slice(None)):
    allowed = np.full(visited.shape[1], float(tolerance))
    return on_manifold(visited[of], done[of], visited, done, allowed)


@given(few, st.sampled_from([0.0, 1.0]))
def test_values_are_those_of_an_independent_game(visited, tolerance):
    done = np.random.default_rng(0).standard_normal((len(visited), 2))
    found, _ = played(visited, done, tolerance)
    allowed = [tolerance] * visited.shape[1]
    for i, state in enumerate(visited):
        expected = by_hand(state, done[i], visited, done, allowed)
        np.testing.assert_allclose(found.values[i], expected, atol=1e-9)
        np.testing.assert_allclose(found.base[i], done.mean(0))


def test_a_feature_is_given_credit_for_what_it_tells_of_another():
    # the second is always the first: the network may look at either, and both tell the same
    first = np.repeat([0.0, 1.0], 5)
    found, _ = played(np.column_stack([first, first]), first[:, None])
    np.testing.assert_allclose(found.values[:, 0], found.values[:, 1])
    np.testing.assert_allclose(found.values[0, :, 0], [-0.25, -0.25])


def test_a_feature_that_tells_nothing_gets_nothing():
    grid = np.stack(np.meshgrid([0.0, 1.0], [0.0, 1.0, 2.0]), -1).reshape(-1, 2)
    found, _ = played(grid, grid[:, :1])
    np.testing.assert_allclose(found.values[:, 1], 0, atol=1e-12)


def test_it_is_counted_how_many_agree():
    visited = np.array([[0.0, 0.0], [0.0, 1.0], [0.0, 2.0], [5.0, 0.0]])
    _, agreement = played(visited, visited[:, :1])
    assert agreement.matches.tolist() == [[4, 2.5], [4, 2], [4, 2], [4, 1.5]]
    assert agreement.alone.tolist() == [0, 0.5, 0.5, 0.5]
    _, single = played(visited[:, :1], visited[:, :1])
    assert single.alone.tolist() == [0, 0, 0, 0]


def test_far_states_agree_in_usual_changes_and_the_state_itself_is_never_averaged():
    visited = np.array([[0.0], [0.9], [2.0]])
    done = np.array([[1.0], [2.0], [9.0]])
    found, _ = played(visited, done, tolerance=1.0)
    np.testing.assert_allclose(found.values[:, 0, 0], done[:, 0] - 4)


def test_only_some_of_the_visited_are_explained():
    rng = np.random.default_rng(0)
    visited = rng.integers(0, 3, (50, 3)).astype(float)
    done = rng.standard_normal((50, 2))
    every, _ = played(visited, done)
    some, _ = played(visited, done, of=slice(3, 7))
    assert some.values == pytest.approx(every.values[3:7])
