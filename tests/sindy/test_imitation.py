"""What is fitted in a network's place, and how one is chosen."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from handmade import linear, policy
from torch import nn

from policyscope.policies.readable import choices_of
from policyscope.rollouts.rollouts import Rollouts
from policyscope.sindy.fitting import Candidate, States, fitted, front
from policyscope.sindy.imitated import Imitated
from policyscope.sindy.imitation import (
    Contender,
    Found,
    Search,
    best_of,
    equations,
    form_scores,
    imitated_by,
)
from policyscope.sindy.library import exponents
from policyscope.sindy.policy_answer import outside
from policyscope.sindy.regression import Ensemble, Moments, Sparsity

BOX = spaces.Box(-2.0, 2.0, (1,))
TERMS = exponents(2, 3)


class Cubic(nn.Module):
    """u = 1.5 x − 4 x y², planted."""

    def forward(self, states):
        x, y = states.T
        return (1.5 * x - 4 * x * y**2)[:, None]


def imitated(body: nn.Module, space: spaces.Space) -> Imitated:
    groups, starts = choices_of(space)
    bounded = isinstance(space, spaces.Box)
    low, high = (space.low, space.high) if bounded else (np.zeros(0), np.zeros(0))
    return Imitated(
        policy=policy(body, 2, space),
        features=("x", "y"),
        actions=tuple(f"action {i}" for i in range(body(torch.zeros(1, 2)).shape[1])),
        environment="",
        groups=groups,
        starts=starts,
        low=low.astype(float),
        high=high.astype(float),
        half=(high - low).astype(float) / 2,
    )


def states(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (count, 2)).astype(np.float32).astype(float)


def best(of: Imitated, terms=TERMS) -> Candidate:
    training, held_out = (States.of(states(2000, seed), of) for seed in (0, 1))
    found = fitted(of, training, held_out, terms)
    least = min(candidate.error for candidate in found)
    return min((c for c in found if c.error <= least + 1e-3), key=lambda c: c.size)


def test_a_planted_cubic_policy_is_found():
    found = best(imitated(Cubic(), BOX))
    planted = {(1, 0): 1.5, (1, 2): -4.0}
    expected = [[planted.get(tuple(term), 0.0) for term in TERMS.tolist()]]
    np.testing.assert_allclose(found.coefficients, expected, atol=1e-4)


def test_a_linear_feedback_that_is_clipped_is_found():
    """Half of its actions are at a bound; what it would do beyond is not asked for."""
    found = best(imitated(nn.Sequential(linear([[9.0, -3.0]]), nn.Hardtanh(-2, 2)), BOX))
    assert found.aim == "bounded"
    assert found.error < 1e-3
    np.testing.assert_allclose(found.coefficients[0, 1:3], [9, -3], rtol=0.01)
    assert np.abs(found.coefficients[0, [0, *range(3, len(TERMS))]]).max() < 0.1


def test_a_choice_of_two_has_one_equation_for_the_second():
    two = imitated(linear([[0.0, 2.0], [3.0, -1.0]], [0.5, 0.0]), spaces.Discrete(2))
    assert two.equations == 1
    found = best(two)
    np.testing.assert_allclose(found.coefficients[0, :3], [-0.5, 3, -3], atol=1e-4)
    assert not found.coefficients[0, 3:].any()
    form = equations(two, TERMS, found.coefficients)
    at = states(50, 2)
    np.testing.assert_array_equal(two.chosen(form.scores(at)), two.chosen(two.scores(at)))
    assert not form.coefficients[:, 0].any()


def test_linear_scores_of_several_actions_are_found_up_to_what_they_share():
    weights = np.array([[1.0, 0.0], [-1.0, 2.0], [0.0, -2.0]])
    three = imitated(linear(weights.tolist()), spaces.Discrete(3, start=4))
    assert three.equations == 3 and three.starts == (4,)
    found = best(three)
    np.testing.assert_allclose(found.coefficients[:, 1:3], weights - weights.mean(0), atol=1e-4)
    assert found.error == 0


def test_margins_are_those_to_the_best_of_the_others():
    two_choices = imitated(linear(np.eye(5, 2).tolist()), spaces.MultiDiscrete([2, 3]))
    scores = np.array([[1.0, 4.0, 0.0, 5.0, 2.0], [1.0, 4.0, 0.0, 5.0, 2.0]])
    plain, bounded = two_choices.aims(scores)
    np.testing.assert_allclose(bounded.targets[0], [3, -5, 3, -3])
    np.testing.assert_allclose(plain.targets[0], [3, 0 - 7 / 3, 5 - 7 / 3, 2 - 7 / 3])
    np.testing.assert_array_equal(two_choices.chosen(scores)[0], [1, 1])
    assert two_choices.mixing.shape == (5, 4)


def test_errors_count_what_is_done():
    one = imitated(Cubic(), BOX)
    done = one.errors(np.array([[3.0], [1.0], [-9.0]]), np.array([[7.0], [0.0], [9.0]]))
    np.testing.assert_allclose(done, [0, 0.25, 4])  # clipped to ±2, in half ranges of 2
    two = imitated(linear([[0.0, 2.0], [3.0, -1.0]]), spaces.Discrete(2))
    np.testing.assert_array_equal(two.errors(np.eye(2), np.ones((2, 2))), [0, 1])


def test_the_fast_scores_are_those_of_the_readable_form():
    one = imitated(Cubic(), BOX)
    form = equations(one, TERMS, np.random.default_rng(0).normal(size=(1, len(TERMS))))
    np.testing.assert_allclose(form_scores(form, states(20, 0)), form.scores(states(20, 0)))


def candidate(size: int, error: float) -> Candidate:
    coefficients = np.where(np.arange(10) < size, 1.0, 0.0)[None]
    nothing = Moments.of(np.ones((2, 10)), np.ones((2, 1)))
    return Candidate(coefficients, error, "scores", 3, Sparsity(np.ones(10, bool), 0, 0), nothing)


def test_the_front_is_what_nothing_smaller_beats():
    found = [candidate(*at) for at in ((9, 0.1), (5, 0.1), (4, 0.3), (4, 0.2), (2, 0.4), (3, 0.9))]
    assert [(c.size, c.error) for c in front(found, 10, 9)] == [(5, 0.1), (4, 0.2), (2, 0.4)]
    assert [c.size for c in front(found, 4, 9)] == [4, 2]
    assert [c.size for c in front(found, 10, 2)] == [5, 2]
    assert [c.size for c in front(found, 1, 9)] == [2]  # none is small enough


def contender(size: int, error: float, returns: np.ndarray) -> Contender:
    one = candidate(size, error)
    everybody = np.ones((2, 1, 10), bool)
    fit = Ensemble(one.coefficients, np.stack([one.coefficients] * 2), everybody)
    return Contender(one, fit, error, returns)


def test_the_fewest_terms_that_return_as_much_and_are_faithful_are_chosen():
    clean = 100 + np.arange(20.0)
    noise = np.where(np.arange(20) % 2, 1.0, -1.0)
    contenders = [
        contender(9, 0.01, clean + noise),
        contender(7, 0.03, clean - noise),
        contender(5, 0.3, clean + noise),  # as good, and not faithful
        contender(1, 0.02, clean - 50),  # faithful, and no good
    ]
    assert best_of(contenders, clean, 0.05) == 1
    assert best_of(contenders, clean, 0.5) == 2
    assert best_of(contenders[2:], clean, 0.05) == 0  # the only one that is good


def test_to_return_more_than_the_network_is_not_asked_for():
    clean = 100 + np.arange(20.0)
    better, same = contender(2, 0.04, clean + 30), contender(5, 0.001, clean)
    assert best_of([same, better], clean, 0.0) == 0
    assert best_of([same, better], clean, 0.05) == 1


def test_what_surely_falls_short_of_the_network_is_not_preferred():
    clean = 100 + np.arange(20.0)
    wild = np.where(np.arange(20) % 2, 40.0, -40.0)
    lucky = contender(9, 0.01, clean + wild)
    short = contender(2, 0.01, clean - 5)  # within the other's error, and surely short
    assert best_of([lucky, short], clean, 0.05) == 0


@pytest.mark.parametrize("constant", [0.0, 0.7])
def test_a_network_that_always_answers_the_same_has_no_more_than_a_constant(constant):
    class Constant(nn.Module):
        def forward(self, states):
            return torch.full((len(states), 1), constant)

    found = best(imitated(Constant(), BOX))
    assert found.size <= 1
    assert found.coefficients[0, 0] == pytest.approx(constant, abs=1e-6)


def recorded(seed: int, episodes: int = 8, steps: int = 30) -> Rollouts:
    """Episodes on a circle; which ones depends on the seed."""
    angle = np.random.default_rng(seed).uniform(-3, 3, episodes * steps)
    seen = np.column_stack([np.cos(angle), np.sin(angle)]).astype(np.float32)
    ends = np.zeros(episodes, bool)
    rewards, lengths = np.ones(len(seen)), np.full(episodes, steps)
    return Rollouts(0, lengths, seen, seen, np.zeros((len(seen), 1)), rewards, ends, ~ends)


def learned(rounds: int, noise: float, rows: int = 1000) -> Found:
    search = Search(rounds, noise, rows, most=9, shown=3, faithful=0.0, models=3, dropped=0)
    return imitated_by(
        imitated(Cubic(), BOX),
        lambda actor, number: recorded(number),
        TERMS,
        np.ones(2),
        search,
        np.random.default_rng(0),
    )


def rows_of(states: np.ndarray) -> set[tuple[float, ...]]:
    return {tuple(row) for row in states.tolist()}


def test_three_quarters_of_the_episodes_of_every_round_are_learned_from():
    found = learned(rounds=2, noise=0.0)
    seen = [recorded(number).observations.astype(float).reshape(8, 30, 2) for number in range(3)]
    mine = np.concatenate([np.delete(episodes, [3, 7], 0) for episodes in seen])
    others = np.concatenate([episodes[[3, 7]] for episodes in seen])
    assert rows_of(found.training.states) >= rows_of(mine.reshape(-1, 2))
    assert rows_of(found.held_out.states) == rows_of(others.reshape(-1, 2))
    assert not rows_of(found.training.states) & rows_of(found.held_out.states)
    assert len(found.seen) == 3


def test_noise_stays_on_the_circle_and_is_as_large_as_was_asked_for():
    found = learned(rounds=0, noise=0.1)
    plain, noisy = found.training.states[::2], found.training.states[1::2]
    assert rows_of(plain) <= rows_of(recorded(0).observations.astype(float))
    np.testing.assert_allclose(np.hypot(*noisy.T), 1, atol=1e-9)
    turned = np.arctan2(noisy[:, 1], noisy[:, 0]) - np.arctan2(plain[:, 1], plain[:, 0])
    turned = (turned + np.pi) % (2 * np.pi) - np.pi
    assert turned.std() == pytest.approx(0.1, rel=0.2)


def test_no_more_rows_are_learned_from_than_were_asked_for():
    found = learned(rounds=1, noise=0.1, rows=50)
    assert len(found.training.states) == 100 and len(found.held_out.states) == 50


def test_a_state_is_outside_where_any_feature_is_beyond_what_was_fitted():
    known = np.array([[0.0, -1.0], [1.0, 1.0], [0.5, 0.0]])
    seen = np.array([[0.5, 1.0], [1.1, 0.0], [0.5, -1.5], [0.0, -1.0]])
    np.testing.assert_array_equal(outside(seen, known), [False, True, True, False])
