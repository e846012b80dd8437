"""Glimpses: moments at which a policy decided, with what it saw and what it remembered.

Whatever asks "and if it had seen something else?" asks here. What a policy without memory saw is
one observation. Of one with memory it is its last so many observations, the oldest first, and what
it remembered before these: so its scores depend on all of them, and have a gradient through time.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from policyscope.policies.policy import Memory, Policy


@dataclass(frozen=True, eq=False)
class Glimpses:
    """Some moments at which a policy decided."""

    policy: Policy
    seen: Float[Tensor, " state *seen"]
    """What it saw, in the environment's units; with memory a time axis follows the first."""
    memory: Memory
    """What it remembered before that, one row per state."""
    steps: Int[np.ndarray, " state"]
    """The visited step that each is, and by which its randomness is known."""

    def __len__(self) -> int:
        """How many states."""
        return len(self.seen)

    def scores(
        self, which: Int[Tensor, " row"], seen: Float[Tensor, " row *seen"]
    ) -> Float[Tensor, " row score"]:
        """Scores, differentiable, if it had seen this in these states."""
        memory = tuple(part[which] for part in self.memory)
        if not self.memory:
            return self.policy.scores(seen)[0]
        scores = torch.empty(0)
        for observations in seen.unbind(1):
            scores, memory = self.policy.scores(observations, memory)
        return scores

    def __getitem__(self, states: Int[np.ndarray, " some"]) -> "Glimpses":
        """Only some of the states."""
        which = torch.from_numpy(states)
        memory = tuple(part[which] for part in self.memory)
        return replace(self, seen=self.seen[which], memory=memory, steps=self.steps[states])

    def evenly(self, count: int) -> Int[np.ndarray, " some"]:
        """So many of the states, evenly spaced, or all where there are no more."""
        return np.unique(np.linspace(0, len(self) - 1, min(count, len(self))).round().astype(int))

    def through(self, network: nn.Module) -> "Glimpses":
        """The same moments of a policy with another network."""
        return replace(self, policy=replace(self.policy, network=network))

    def valuing(self) -> "Glimpses | None":
        """The same moments with the value as the only score; None where there is no critic."""
        policy = self.policy.valuing()
        return None if policy is None else replace(self, policy=policy)
