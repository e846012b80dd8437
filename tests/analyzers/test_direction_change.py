from dataclasses import replace

import handmade
import numpy as np
import pytest
from gymnasium import spaces

from policyscope.analyzers.directions import Directions
from policyscope.analyzers.returns import Returns
from policyscope.analyzers.subject import Comparing, Subject
from policyscope.reports.results import DirectionComparison, EpisodeReturns, NotApplicable
from policyscope.rollouts.environment import Environment

FIRST = np.array([0.1, 0.3, 2.0, 1.0])
SECOND = np.array([0.0, 1.0, 1.0, 0.0])
EPISODES = 5


def cosine(one, other):
    return one @ other / np.linalg.norm(one) / np.linalg.norm(other)


def playing(normal) -> Subject:
    policy = handmade.policy(handmade.linear(np.stack([-normal, normal])), 4, spaces.Discrete(2))
    return Subject.observed(policy, Environment("CartPole-v1"), EPISODES, seed=0)


def compared(one: Subject, other: Subject, **parameters) -> DirectionComparison:
    analyzer = Directions(units="environment", **parameters)
    assert isinstance(analyzer, Comparing)
    found = analyzer.compare(one, other, np.random.default_rng(0))
    assert isinstance(found, DirectionComparison)
    return found


@pytest.fixture(scope="module")
def subjects():
    return playing(FIRST), playing(SECOND)


@pytest.fixture(scope="module")
def found(subjects):
    return compared(*subjects)


def lengths_by_hand(subject, normal):
    """‖g‖ of two logits ∓n·s is 2‖n‖ sigmoid(−2|n·s|)."""
    visited = subject.visited.first(EPISODES)
    norms = 2 * np.linalg.norm(normal) / (1 + np.exp(2 * np.abs(visited.observations @ normal)))
    return np.split(norms, visited.first_steps[1:])


def test_two_linear_policies_correlate_by_the_squared_cosine_of_their_normals(found):
    of_second, of_first, of_rerun = (estimate.value for estimate in found.correlations)
    assert of_second == pytest.approx(cosine(FIRST, SECOND) ** 2, rel=1e-4)
    assert of_first == pytest.approx(cosine(FIRST, SECOND) ** 2, rel=1e-4)
    assert of_rerun == pytest.approx(1)
    assert [share.value for share in found.shares] == pytest.approx([1, 1, 1])


def test_concentration_is_that_of_the_normals(found):
    def by_hand(normal):
        return np.sum(normal**2) ** 2 / np.sum(normal**4)

    values = [estimate.value for estimate in found.concentrations]
    assert values == pytest.approx([by_hand(FIRST), by_hand(SECOND), by_hand(FIRST)], rel=1e-4)
    changes = [estimate.value for estimate in found.concentration_changes]
    assert changes == pytest.approx([by_hand(SECOND) / by_hand(FIRST), 1], rel=1e-4)


def test_oscillation_and_length_are_those_of_the_gradients_by_hand(found, subjects):
    for place, (subject, normal) in enumerate(zip(subjects, (FIRST, SECOND), strict=True)):
        episodes = lengths_by_hand(subject, normal)
        swing = np.mean([part.std() / part.mean() for part in episodes])
        assert found.oscillations[place].value == pytest.approx(swing, rel=1e-3)
        length = np.concatenate(episodes).mean()
        assert found.gradient_lengths[place].value == pytest.approx(length, rel=1e-3)
    second, rerun = found.gradient_length_changes
    values = [estimate.value for estimate in found.gradient_lengths]
    assert second.value == pytest.approx(values[1] / values[0])
    assert rerun.value == pytest.approx(values[2] / values[0])
    assert rerun.value != 1  # another seed, other episodes


def test_a_policy_against_itself_differs_in_nothing(subjects):
    found = compared(subjects[0], subjects[0])
    assert found.correlations[0].value == pytest.approx(1)
    for changes in (
        found.concentration_changes,
        found.oscillation_changes,
        found.gradient_length_changes,
    ):
        assert changes[0].value == pytest.approx(1)
        assert changes[0].low == pytest.approx(1) and changes[0].high == pytest.approx(1)


def test_the_first_policys_units_are_taken_for_both(subjects):
    first, second = subjects
    found = Directions().compare(first, second, np.random.default_rng(0))
    assert isinstance(found, DirectionComparison)
    units = first.visited.observations.std(0)
    np.testing.assert_allclose(found.scale, units, rtol=1e-5)
    assert found.correlations[0].value == pytest.approx(
        cosine(FIRST * units, SECOND * units) ** 2, rel=1e-4
    )


def test_it_needs_an_environment_and_gradients_that_do_not_vanish(subjects):
    first, second = subjects
    recorded = replace(first, environment=None)
    for one, other, reason in (
        (recorded, second, "environment"),
        (first, playing(0 * FIRST), "vanish"),
    ):
        answer = Directions().compare(one, other, np.random.default_rng(0))
        assert isinstance(answer, NotApplicable) and reason in answer.reason


def test_returns_are_compared_on_the_same_episodes(subjects):
    first, second = subjects
    found = Returns().compare(first, second, np.random.default_rng(0))
    assert isinstance(found, EpisodeReturns)
    assert found.arms == ("second", "first")
    np.testing.assert_array_equal(found.returns, [second.rollouts.returns, first.rollouts.returns])
