from dataclasses import replace

import glimpsing
import handmade
import numpy as np
import pytest
import torch
from gymnasium import spaces

from policyscope.attributions.sampling import compared, drawn, glimpsed
from policyscope.rollouts.visited import Visited

RNG = np.random.default_rng(3)


def test_states_are_drawn_once_each_in_order_and_late_enough():
    visited = Visited(np.array([5, 2, 9]), RNG.normal(size=(16, 3)))
    steps = drawn(visited, 100, 4, np.random.default_rng(0))
    assert steps.tolist() == [3, 4, 10, 11, 12, 13, 14, 15]
    some = drawn(visited, 5, 1, np.random.default_rng(0))
    assert len(np.unique(some)) == 5 and (np.diff(some) > 0).all()


def test_without_memory_one_observation_is_explained():
    observations = RNG.normal(size=(8, 3)).astype(np.float32)
    policy = handmade.policy(handmade.linear(np.ones((2, 3))), 3, spaces.Discrete(2))
    steps = np.array([1, 4, 7])
    found = glimpsed(policy, Visited(np.array([8]), observations), steps, 1)
    np.testing.assert_array_equal(found.seen, observations[steps])
    assert found.memory == () and found.steps is steps


def test_memory_and_window_together_give_the_scores_that_the_policy_had():
    policy = glimpsing.recurrent(3, 2, 1, 1).policy
    lengths = np.array([7, 12, 4])
    observations = RNG.normal(size=(lengths.sum(), 3)).astype(np.float32)
    played, first = {}, 0
    with torch.no_grad():
        for length in lengths:  # one episode after the other, one step after the other
            memory = policy.initial_memory(1)
            for step in range(first, first + length):
                scores, memory = policy.scores(torch.from_numpy(observations[[step]]), memory)
                played[step] = scores[0]
            first += length
    steps = np.array([3, 6, 9, 18, 22])
    found = glimpsed(policy, Visited(lengths, observations), steps, 3)
    assert found.seen.shape == (5, 3, 3)
    np.testing.assert_array_equal(found.seen[0], observations[1:4])
    with torch.no_grad():
        again = found.scores(torch.arange(5), found.seen)
    for row, step in zip(again, steps.tolist(), strict=True):
        np.testing.assert_allclose(row, played[step], atol=1e-6)


def test_vectors_are_compared_with_their_mean_and_deviation():
    observations = RNG.normal([1, 2, 3], [1, 0, 5], (500, 3)).astype(np.float32)
    visited = Visited(np.array([500]), observations)
    policy = handmade.policy(handmade.linear(np.ones((2, 3))), 3, spaces.Discrete(2))
    found = compared(policy, visited, 1)
    np.testing.assert_allclose(found.baseline, observations.mean(0), rtol=1e-5)
    np.testing.assert_allclose(found.unit, observations.std(0), rtol=1e-4, atol=1e-5)
    trained = compared(replace(policy, scale=torch.tensor([1.0, 2.0, 3.0])), visited, 1)
    assert trained.unit.tolist() == [1.0, 2.0, 3.0]


def test_every_time_of_a_window_is_compared_with_the_same():
    policy = glimpsing.recurrent(3, 2, 1, 1).policy
    visited = Visited(np.array([20]), RNG.normal(size=(20, 3)).astype(np.float32))
    found = compared(policy, visited, 4)
    assert found.baseline.shape == found.unit.shape == (4, 3)
    assert (found.baseline == found.baseline[0]).all()


@pytest.mark.parametrize("steps", [30, 2500])
def test_images_are_compared_with_their_mean_as_they_are_stacked(steps):
    frames = RNG.integers(0, 255, (steps, 6, 6), np.uint8)
    visited = Visited(np.array([steps]), frames, frame_stack=2)
    policy = replace(
        handmade.policy(handmade.linear(np.ones((2, 72))), 72, spaces.Discrete(2)),
        observation_shape=(2, 6, 6),
    )
    found = compared(policy, visited, 1)
    assert found.baseline.shape == (2, 6, 6)
    np.testing.assert_allclose(found.baseline[1], frames.mean(0), atol=8)
    assert (found.unit == 255).all()
