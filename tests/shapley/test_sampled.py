import numpy as np
import torch
from games import random_policy, remembering, rows, silent

from policyscope.shapley.acting import acts
from policyscope.shapley.interventional import interventional
from policyscope.shapley.sampled import sampled


def runs(count: int, background: int, features: int) -> torch.Tensor:
    return torch.stack([rows(background, features, seed=seed + 1) for seed in range(count)])


def seeds(states: int, count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(2**31, size=(states, count))


def test_estimates_lie_within_their_standard_errors_of_the_exact_values():
    policy, states, backgrounds = random_policy(6), rows(4, 6), runs(40, 30, 6)
    exact = interventional(policy, states, (), backgrounds.flatten(0, 1), silent)
    found = sampled(policy, states, (), backgrounds, seeds(4, 40), silent)
    far = np.abs(found.values - exact.values) / found.errors
    assert far.max() < 5 and 0.3 < np.median(far) < 1.5


def test_estimates_add_up():
    policy, states = random_policy(7), rows(3, 7)
    found = sampled(policy, states, (), runs(2, 10, 7), seeds(3, 2), silent)
    shared = acts(policy, states).numpy() - found.base
    np.testing.assert_allclose(found.values.sum(1), shared, atol=1e-6)


def test_the_seed_decides_whatever_was_drawn_before_and_nothing_is_left_behind():
    policy, states, backgrounds = random_policy(5), rows(2, 5), runs(3, 10, 5)
    before = np.random.get_state()[1].copy()  # noqa: NPY002  the global state is watched
    first = sampled(policy, states, (), backgrounds, seeds(2, 3), silent)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    np.random.random(7)  # noqa: NPY002  somebody else draws
    again = sampled(policy, states, (), backgrounds, seeds(2, 3), silent)
    other = sampled(policy, states, (), backgrounds, seeds(2, 3, seed=1), silent)
    np.testing.assert_array_equal(first.values, again.values)
    assert (first.values != other.values).any()


def test_a_state_has_the_same_values_whatever_is_explained_beside_it():
    policy, states, backgrounds = random_policy(5), rows(3, 5), runs(3, 10, 5)
    together = sampled(policy, states, (), backgrounds, seeds(3, 3), silent)
    alone = sampled(policy, states[1:2], (), backgrounds, seeds(3, 3)[1:2], silent)
    np.testing.assert_array_equal(together.values[1], alone.values[0])


def test_a_policy_with_memory_keeps_what_it_remembered():
    policy, states, backgrounds = remembering(), rows(2, 3), runs(2, 5, 3)
    memory = (torch.tensor([[1.0], [-40.0]]),)
    found = sampled(policy, states, memory, backgrounds, seeds(2, 2), silent)
    sums = backgrounds.sum(2).mean().item()
    np.testing.assert_allclose(found.base, (np.array([[1.0], [-40.0]]) + sums) / 100, atol=1e-5)
