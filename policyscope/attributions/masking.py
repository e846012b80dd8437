"""Masking: a policy that acts on the part of each observation that its own map leaves."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from policyscope.attributions.decision import decision
from policyscope.attributions.glimpses import Glimpses
from policyscope.attributions.masks import left
from policyscope.attributions.method import Method, Reference
from policyscope.policies.policy import Memory, Policy
from policyscope.rollouts.lockstep import Lockstep
from policyscope.rollouts.seeds import Generators


@dataclass(frozen=True, eq=False)
class Masking:
    """The greedy policy, shown only a part of what there is to be seen. See `Actor`."""

    policy: Policy
    method: Method
    reference: Reference
    """Of single observations."""
    mask: str
    """What is left, one of `masks.MASKS`."""
    rho: float

    purpose: ClassVar[str] = "masked policy"

    def initial_memory(self, lanes: int) -> Memory:
        """See `Actor.initial_memory`."""
        return self.policy.initial_memory(lanes)

    def act(
        self,
        observations: Shaped[np.ndarray, " lane *observation"],
        memory: Memory,
        playing: Lockstep,
        generators: Generators,
    ) -> tuple[Shaped[np.ndarray, " lane *action"], Memory]:
        """See `Actor.act`."""
        chance = [
            generators.of(episode).random(observations.shape[1:], np.float32)
            for episode in playing.episodes.tolist()
        ]
        inputs = (torch.from_numpy(observations), torch.from_numpy(np.stack(chance)), *memory)
        scores, *memory_after = playing.in_fixed_batches(self._scores, inputs)
        return self.policy.actions(scores), tuple(memory_after)

    def _scores(self, observations: Tensor, chance: Tensor, *memory: Tensor) -> tuple[Tensor, ...]:
        seen = observations.float()
        kept = left(self.mask, self._importance(seen, memory), chance, self.rho)
        with torch.no_grad():
            scores, after = self.policy.scores(
                torch.where(kept, seen, self.reference.baseline), memory
            )
        return scores, *after

    def _importance(self, seen: Tensor, memory: Memory) -> Float[Tensor, " lane *observation"]:
        """Of what is seen now; nothing is masked to ask this."""
        if self.mask.startswith("random"):
            return torch.zeros_like(seen)
        reference = self.reference
        if memory:  # a window of one observation
            seen = seen[:, None]
            reference = Reference(reference.baseline[None], reference.unit[None])
        moments = Glimpses(self.policy, seen, memory, np.arange(len(seen)))
        with torch.no_grad():
            scores = moments.scores(torch.arange(len(seen)), seen)
        targets, _ = decision(self.policy, scores)
        importance = self.method.attribute(moments, targets, reference).abs().sum(1)
        return importance[:, 0] if memory else importance
