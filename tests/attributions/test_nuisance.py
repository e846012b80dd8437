from dataclasses import replace

import glimpsing
import handmade
import numpy as np
import torch
from gymnasium import spaces

from policyscope.attributions.nuisance import shifted
from policyscope.rollouts.visited import Visited

RNG = np.random.default_rng(6)


def test_vectors_are_seen_with_a_little_noise_in_usual_changes():
    scale = np.array([1.0, 50.0, 0.0])
    observations = (RNG.normal(size=(400, 3)) * scale).astype(np.float32)
    policy = handmade.policy(handmade.linear(np.ones((2, 3))), 3, spaces.Discrete(2))
    glimpses = glimpsing.of(policy, torch.from_numpy(observations))
    found = dict(shifted(glimpses, Visited(np.array([400]), observations), seed=0))
    moved = (found["observation_noise"].seen - glimpses.seen).numpy()
    np.testing.assert_allclose(moved.std(0), 0.1 * observations.std(0), rtol=0.1)
    assert not moved[:, 2].any()
    assert not {"deepfool", "nesterov"} & set(found)  # what adversaries change should matter


def test_a_state_is_shifted_alike_in_any_company():
    observations = RNG.normal(size=(50, 3)).astype(np.float32)
    policy = handmade.policy(handmade.linear(np.ones((2, 3))), 3, spaces.Discrete(2))
    glimpses = glimpsing.of(policy, torch.from_numpy(observations))
    visited = Visited(np.array([50]), observations)
    some = np.array([40, 3])
    whole, part = (dict(shifted(g, visited, 0)) for g in (glimpses, glimpses[some]))
    torch.testing.assert_close(
        part["observation_noise"].seen, whole["observation_noise"].seen[torch.from_numpy(some)]
    )


def test_every_frame_of_a_stack_is_shifted_by_itself():
    frames = RNG.integers(0, 200, (30, 12, 12), np.uint8)
    policy = replace(
        handmade.policy(handmade.linear(np.ones((2, 288))), 288, spaces.Discrete(2)),
        observation_shape=(2, 12, 12),
    )
    visited = Visited(np.array([30]), frames, frame_stack=2)
    steps = np.array([5, 9])
    glimpses = replace(
        glimpsing.of(policy, torch.from_numpy(visited.inputs(steps)).float()), steps=steps
    )
    found = dict(shifted(glimpses, visited, seed=0))
    assert {"blur", "rotation", "brightness_and_contrast"} <= set(found)
    seen = found["brightness_and_contrast"].seen
    expected = np.minimum((1.2 * visited.inputs(steps) + 10).astype(int), 255)
    np.testing.assert_array_equal(seen, expected)


def test_through_time_every_observation_is_shifted_and_memory_stays():
    glimpses = replace(glimpsing.recurrent(3, 2, states=9, back=4), steps=np.arange(9))
    observations = RNG.normal(size=(20, 3)).astype(np.float32)
    found = dict(shifted(glimpses, Visited(np.array([20]), observations), seed=0))
    noisy = found["observation_noise"]
    assert noisy.memory is glimpses.memory
    moved = noisy.seen - glimpses.seen
    assert moved.shape == (9, 4, 3) and (moved != 0).all()
    assert not torch.allclose(moved[:, 0], moved[:, 1])
