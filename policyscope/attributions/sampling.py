"""Sampling: visited states to be explained, and what they are compared with."""

import numpy as np
import torch
from jaxtyping import Int

from policyscope.attributions.glimpses import Glimpses
from policyscope.attributions.method import Reference
from policyscope.policies.policy import Policy
from policyscope.policies.programs import Remembering
from policyscope.rollouts.replay import replayed
from policyscope.rollouts.units import usual_changes
from policyscope.rollouts.visited import Visited

AVERAGED = 1000
"""Images of which the mean is taken, evenly spaced over all that were seen."""


def one_at_a_time(policy: Policy) -> bool:
    """Whether it answers one observation after the other, however many it is given."""
    return any(isinstance(part, Remembering) for part in policy.network.modules())


def drawn(
    visited: Visited, count: int, window: int, rng: np.random.Generator
) -> Int[np.ndarray, " state"]:
    """Steps drawn without repetition from those before which enough was seen, in their order."""
    times = np.arange(visited.lengths.sum()) - visited.first_steps[visited.episode_of_step]
    usable = np.flatnonzero(times >= window - 1)
    return np.sort(rng.choice(usable, min(count, len(usable)), replace=False))


def glimpsed(
    policy: Policy, visited: Visited, steps: Int[np.ndarray, " state"], window: int
) -> Glimpses:
    """What was seen at these steps, and remembered.

    Args:
        policy: Whom it was shown to.
        visited: All that it was shown.
        steps: At least `window` − 1 steps into their episodes, in ascending order.
        window: How many observations a policy with memory is explained by; others by one.
    """
    if not policy.memory_shapes:
        return Glimpses(policy, torch.from_numpy(visited.inputs(steps)).float(), (), steps)
    past = [visited.inputs(steps - back) for back in reversed(range(window))]
    seen = torch.from_numpy(np.stack(past, 1)).float()
    memory = policy.initial_memory(len(steps))
    for now, _, remembered in replayed(policy, visited):
        _, here, there = np.intersect1d(steps - window + 1, now, return_indices=True)
        for part, whole in zip(memory, remembered, strict=True):
            part[here] = whole[there]
    return Glimpses(policy, seen, memory, steps)


def compared(policy: Policy, visited: Visited, window: int) -> Reference:
    """The mean of what was seen, and usual changes of it."""
    steps = np.arange(visited.lengths.sum())
    if len(policy.observation_shape or ()) > 1:
        steps = steps[:: max(len(steps) // AVERAGED, 1)]
    mean = torch.from_numpy(visited.inputs(steps).mean(0, dtype=np.float64)).float()
    unit = usual_changes(policy, visited)
    if policy.memory_shapes:
        mean, unit = (part.expand(window, *part.shape) for part in (mean, unit))
    return Reference(mean, unit)
