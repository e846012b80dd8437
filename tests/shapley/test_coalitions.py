import math
from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyscope.shapley.coalitions import coalitions, sizes, weights

games = st.integers(1, 5).flatmap(
    lambda d: st.lists(st.floats(-10, 10), min_size=2**d, max_size=2**d).map(np.array)
)


def shapley(worth: np.ndarray) -> np.ndarray:
    return weights(int(math.log2(len(worth)))) @ worth


def number(members) -> int:
    return sum(1 << i for i in members)


def test_every_set_is_there_once_and_its_number_says_who_is_in_it():
    members = coalitions(4)
    assert len({tuple(row) for row in members}) == 16
    assert members[number({0, 2})].tolist() == [True, False, True, False]
    assert sizes(3).tolist() == [0, 1, 1, 2, 1, 2, 2, 3]


@given(games)
def test_values_are_the_mean_gain_over_all_orders_in_which_features_become_known(worth):
    d = int(math.log2(len(worth)))
    gains = np.zeros(d)
    for order in permutations(range(d)):
        for place, i in enumerate(order):
            gains[i] += worth[number(order[: place + 1])] - worth[number(order[:place])]
    np.testing.assert_allclose(shapley(worth), gains / math.factorial(d), atol=1e-9)


@given(games)
def test_efficiency(worth):
    assert shapley(worth).sum() == pytest.approx(worth[-1] - worth[0], abs=1e-9)


@given(games, st.data())
def test_symmetry(worth, data):
    d = int(math.log2(len(worth)))
    if d < 2:
        return
    i, j = data.draw(st.sampled_from(list(combinations(range(d), 2))))
    swapped = worth.copy()
    for coalition, members in enumerate(coalitions(d)):
        if members[i] and not members[j]:
            swapped[coalition ^ (1 << i) ^ (1 << j)] = worth[coalition]
    found = shapley(swapped)
    assert found[i] == pytest.approx(found[j], abs=1e-9)


@given(games, st.data())
def test_a_null_player_gets_nothing(worth, data):
    d = int(math.log2(len(worth)))
    i = data.draw(st.integers(0, d - 1))
    without = np.arange(len(worth)) & ~(1 << i)
    assert shapley(worth[without])[i] == pytest.approx(0, abs=1e-9)


@given(games, st.floats(-3, 3), st.floats(-3, 3))
def test_linearity(worth, a, b):
    other = np.cos(worth)
    together = a * shapley(worth) + b * shapley(other)
    np.testing.assert_allclose(shapley(a * worth + b * other), together, atol=1e-9)
