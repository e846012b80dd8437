"""What a policy was shown, once more in batches, with the memory that it had then."""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from policyscope.policies.policy import Memory, Policy
from policyscope.rollouts.visited import Visited

Glimpse = tuple[Int[np.ndarray, " row"], Tensor, Memory]
"""Steps, what was seen at each, and what was remembered before it."""


IMAGES, VECTORS = 240, 4096
"""Steps at once: as many as keep memory small, and the cost of calling a network."""


def replayed(policy: Policy, visited: Visited, batch: int | None = None) -> Iterator[Glimpse]:
    """Go through all steps, in batches.

    In their order for policies without memory. Others see all episodes side by side, and remember
    what they did when the episodes were played.
    """
    batch = batch or (VECTORS if visited.observations.ndim == 2 else IMAGES)
    if not policy.memory_shapes:
        every = np.arange(visited.lengths.sum())
        for steps in np.split(every, _cuts(len(every), batch)):
            yield steps, torch.from_numpy(visited.inputs(steps)), ()
        return
    first = visited.first_steps
    for some in np.split(np.arange(len(first)), _cuts(len(first), batch)):
        playing, memory = some, policy.initial_memory(len(some))
        for time in range(int(visited.lengths[some].max())):
            going = np.flatnonzero(visited.lengths[playing] > time)
            playing, memory = playing[going], tuple(part[going] for part in memory)
            seen = torch.from_numpy(visited.inputs(first[playing] + time))
            yield first[playing] + time, seen, memory
            with torch.no_grad():
                _, memory = policy.scores(seen, memory)


def _cuts(count: int, size: int) -> range:
    return range(size, count, size)
