import numpy as np
import pytest
from games import rows

from policyscope.shapley.by_explanation import (
    BELOW,
    LinearPolicy,
    Refused,
    as_published,
    mended,
    published_explanations,
    purity,
)
from policyscope.shapley.on_manifold import on_manifold

WEIGHTS = np.array([1.0, -2.0, 0.5])


def planted(thresholds=(0.3,), actions=(0, 1), of=3, count=400, sharpness=4.0):
    """A policy that goes through its actions along a direction; its values, states, actions."""
    states = rows(count, 3).double().numpy() * [1.0, 2.0, 10.0] + [0.0, 5.0, 0.0]
    along = states @ WEIGHTS
    chosen = np.array(actions)[(along[:, None] > np.quantile(along, thresholds)).sum(1)]
    centres = np.arange(len(actions)) - (len(actions) - 1) / 2
    done = np.zeros((count, of))
    near = along[:, None] / along.std() * centres * sharpness
    ends = np.concatenate([[0.0], np.quantile(along, thresholds)])
    done[:, actions] = np.exp(near - (ends / along.std() * sharpness).cumsum())
    done /= done.sum(1, keepdims=True)
    game, _ = on_manifold(states, done, states, done, 0.3 * states.std(0))
    return game.values, states, chosen


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def read(values, states, chosen, of=3) -> LinearPolicy:
    policy = mended(values, states, chosen, of, rng())
    assert isinstance(policy, LinearPolicy)
    return policy


def test_the_boundary_of_a_linear_policy_is_recovered():
    values, states, chosen = planted((0.5,))
    policy = read(values, states, chosen)
    normal = policy.coefficients[:, 1] - policy.coefficients[:, 0]
    deviations = states.std(0)
    cosine = (normal * deviations) @ (WEIGHTS * deviations)
    cosine /= np.linalg.norm(normal * deviations) * np.linalg.norm(WEIGHTS * deviations)
    assert cosine > 0.999
    offset = -(policy.intercept[1] - policy.intercept[0]) * np.linalg.norm(WEIGHTS * deviations)
    offset /= np.linalg.norm(normal * deviations)
    along = states @ WEIGHTS
    assert abs(offset - np.median(along)) < 0.05 * along.std()
    fresh = rows(5000, 3, seed=7).double().numpy() * [1.0, 2.0, 10.0] + [0.0, 5.0, 0.0]
    agreement = (policy.actions(fresh) == (fresh @ WEIGHTS > np.median(along))).mean()
    assert agreement > 0.97


def test_a_policy_of_three_actions_keeps_the_one_in_the_middle():
    values, states, chosen = planted((1 / 3, 2 / 3), (0, 1, 2), sharpness=8)
    policy = read(values, states, chosen)
    found = policy.actions(states)
    assert set(found) == {0, 1, 2} and (found == chosen).mean() > 0.95
    published = as_published(values[:, :, 0], states, chosen, 3, rng())
    assert isinstance(published, LinearPolicy)
    assert set(published.actions(states)) == {0, 2}


def test_an_action_that_is_never_used_is_never_taken():
    values, states, chosen = planted((0.5,), (0, 2))
    policy = read(values, states, chosen)
    far = rows(5000, 3, seed=3).double().numpy() * 1e3
    assert set(policy.actions(far)) == {0, 2} and policy.intercept[1] == BELOW
    scores = far @ policy.coefficients + policy.intercept
    assert (scores.max(1) >= 0).all()


def test_a_policy_of_one_action_takes_it_everywhere():
    values, states, _ = planted((0.5,))
    policy = read(values, states, np.full(len(states), 1))
    assert set(policy.actions(states * 100)) == {1} and policy.purity == 1


def test_explanations_that_do_not_tell_decisions_apart_are_refused():
    values, states, chosen = planted((0.5,))
    shuffled = np.random.default_rng(1).permutation(chosen)
    refused = mended(values, states, shuffled, 3, rng())
    assert isinstance(refused, Refused) and refused.purity < 0.65
    assert "are in the cluster of their action, and 80% are needed" in refused.reason


def test_clusters_within_one_action_are_not_pure():
    clusters, chosen = np.array([0] * 50 + [1] * 50), np.array([0] * 95 + [1] * 5)
    assert purity(clusters, chosen) == 0.55
    assert purity(1 - clusters, chosen) == 0.55
    assert purity(chosen, chosen) == 1 and purity(1 - chosen, chosen) == 1


def test_explanations_that_are_all_alike_are_refused():
    states, chosen = rows(10, 2).double().numpy(), np.arange(10) % 2
    refused = mended(np.zeros((10, 2, 2)), states, chosen, 2, rng())
    assert isinstance(refused, Refused) and refused.purity == 0
    published = as_published(np.zeros((10, 2)), states, chosen, 2, rng())
    assert isinstance(published, Refused)


def test_which_feature_comes_last_makes_no_difference_any_more():
    values, states, chosen = planted((0.5,))
    turned = read(values[:, ::-1], states[:, ::-1], chosen)
    policy = read(values, states, chosen)
    np.testing.assert_allclose(turned.coefficients[::-1], policy.coefficients, rtol=0.01, atol=1e-3)


def test_the_published_policy_stands_on_ten_points_and_on_the_better_side():
    values, states, chosen = planted((0.5,), (0, 1), of=2)
    policy = as_published(values[:, :, 0], states, chosen, 2, rng())
    assert isinstance(policy, LinearPolicy) and len(policy.border) == 10
    other_way = as_published(-values[:, :, 0], states, 1 - chosen, 2, rng())
    assert isinstance(other_way, LinearPolicy)
    for read_off, expected in ((policy, chosen), (other_way, 1 - chosen)):
        assert (read_off.actions(states) == expected).mean() > 0.5
    line = states[policy.border] @ policy.coefficients + policy.intercept
    residual = line[:, 1] - line[:, 0]
    assert residual.mean() == pytest.approx(0, abs=1e-9)  # as of every regression


def test_the_published_explanations_are_of_the_most_frequent_rounded_states():
    seen = np.array([[0.001, 1.0], [0.002, 1.0], [0.003, 1.004], [5.0, 1.0]])
    done = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    states, chosen, values = published_explanations(seen, done)
    assert states.tolist() == [[0.0, 1.0], [5.0, 1.0]] and chosen.tolist() == [0, 1]
    # the second feature is the same everywhere, so that the first is given all
    np.testing.assert_allclose(values, [[0.25, 0.0], [-0.75, 0.0]])


def test_the_same_seed_reads_the_same_policy():
    values, states, chosen = planted((0.5,))
    one, two = read(values, states, chosen), read(values, states, chosen)
    np.testing.assert_array_equal(one.coefficients, two.coefficients)
