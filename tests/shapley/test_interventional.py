import handmade
import numpy as np
import pytest
import shap
import torch
from games import WIDE, random_policy, remembering, rows, silent
from gymnasium import spaces

from policyscope.shapley.acting import acts
from policyscope.shapley.interventional import ROWS, interventional


def explained(policy, states, background, memory=()):
    return interventional(policy, states, memory, background, silent)


def test_what_a_linear_policy_adds_is_its_weight_times_the_distance_from_the_mean():
    weight = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, 1.0]])
    policy = handmade.policy(handmade.linear(weight, [0.3, -0.1]), 3, WIDE)
    states, background = rows(7, 3), rows(30, 3, seed=1)
    found = explained(policy, states, background)
    away = (states - background.mean(0)).numpy()
    np.testing.assert_allclose(found.values, away[:, :, None] * weight.T / 100, atol=1e-6)
    alone = background.numpy()[:, :, None] * weight.T / 100
    errors = alone.std(0, ddof=1) / 30**0.5
    np.testing.assert_allclose(found.errors, np.tile(errors, (7, 1, 1)), rtol=1e-3, atol=1e-9)


@pytest.mark.parametrize("features", [1, 2, 5, 8])
def test_values_are_those_of_shaps_exact_explainer(features):
    policy = random_policy(features)
    states, background = rows(3, features), rows(50, features, seed=1)

    def did(seen: np.ndarray) -> np.ndarray:
        return acts(policy, torch.from_numpy(seen).float()).double().numpy()

    masker = shap.maskers.Independent(background.double().numpy(), max_samples=50)
    theirs = shap.ExactExplainer(did, masker)(states.double().numpy())
    ours = explained(policy, states, background)
    np.testing.assert_allclose(ours.values, theirs.values, atol=1e-6)
    np.testing.assert_allclose(ours.base, theirs.base_values, atol=1e-6)


def test_values_add_up_whatever_the_batches():
    policy, states = random_policy(6), rows(4, 6)
    for count in (2, 100, ROWS + 1):
        background = rows(count, 6, seed=1)
        found = explained(policy, states, background)
        shared = acts(policy, states).numpy() - found.base
        np.testing.assert_allclose(found.values.sum(1), shared, atol=1e-6)
        np.testing.assert_allclose(found.values.sum(2), 0, atol=1e-6)


def test_the_standard_error_is_the_spread_over_backgrounds():
    policy, states = random_policy(3), rows(1, 3)
    many = [explained(policy, states, rows(40, 3, seed=seed)) for seed in range(200)]
    spread = np.std([found.values for found in many], 0, ddof=1)
    stated = np.mean([found.errors for found in many], 0)
    # the spread of 200 normal values is within 20 % of the true one but once in 10,000
    np.testing.assert_allclose(stated, spread, rtol=0.25)


def test_a_policy_with_memory_keeps_what_it_remembered():
    policy = remembering()
    states, background = rows(2, 3), rows(20, 3, seed=1)
    memory = (torch.tensor([[1.0], [-40.0]]),)
    found = explained(policy, states, background, memory)
    plain = explained(policy, states, background, (torch.zeros(2, 1),))
    np.testing.assert_allclose(found.values, plain.values, atol=1e-6)
    np.testing.assert_allclose(found.base - plain.base, [[0.01], [-0.4]], atol=1e-6)


def test_of_q_values_the_greedy_choice_is_shared_out():
    policy = random_policy(3, q_values=True)
    states, background = rows(5, 3), rows(40, 3, seed=1)
    found = explained(policy, states, background)
    chosen = policy.scores(states)[0].argmax(1).numpy()
    ends = found.base + found.values.sum(1)
    np.testing.assert_allclose(ends, np.eye(4)[chosen], atol=1e-9)


def test_actions_are_those_that_the_environment_takes():
    one = spaces.Box(np.array([-1.0, 0.0]), np.array([1.0, 10.0]), dtype=np.float64)
    policy = handmade.policy(handmade.linear([[1.0], [1.0]]), 1, one)
    found = acts(policy, torch.tensor([[0.5], [-7.0], [99.0]])).numpy()
    np.testing.assert_allclose(found, [[0.5, 0.1], [-1.0, 0.0], [1.0, 2.0]])


def test_each_group_of_actions_has_probabilities_of_its_own():
    policy = handmade.policy(
        handmade.linear(np.arange(10.0).reshape(5, 2)), 2, spaces.MultiDiscrete([2, 3])
    )
    found = acts(policy, rows(6, 2))
    np.testing.assert_allclose(found[:, :2].sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(found[:, 2:].sum(1), 1, atol=1e-6)
