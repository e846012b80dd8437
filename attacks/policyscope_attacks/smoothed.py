"""Smoothed: a policy as it is under noise, a view of it that an attack can ask.

    l̄(s) = 1/m Σ_i l(s + σ u ξ_i),   ξ_i ~ N(0, I) drawn once, and in pairs ±ξ

What the noise will be an adversary cannot know; what the policy then does on average it can. The
same draws serve every question, so that an ascent climbs one function. Where the policy sees the
newest few frames at once, noise is added to the newest alone: the others have theirs already.

Reference: Kumar, Levine & Feizi 2022, https://arxiv.org/abs/2106.11420, appendix M
"""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from policyscope.policies.policy import Memory, Policy
from policyscope.rollouts.seeds import generator

DRAWS = 16
"""Of the noise: half of them, and what is opposite to them."""


def smoothed(
    policy: Policy, deviations: Float[np.ndarray, " *observation"], draws: int = DRAWS
) -> Policy:
    """The policy whose scores are the average over noise of such deviations, in any of its units.

    Args:
        policy: Fitted to its environment.
        deviations: Of the noise of each feature of a new observation.
        draws: How many.
    """
    half = generator(0, "draws of an attack").standard_normal((draws // 2, *deviations.shape))
    noise = torch.from_numpy(deviations * np.concatenate([half, -half])).float()
    stacked = len(policy.observation_shape or ()) > noise.ndim - 1
    return replace(policy, network=_Averaged(policy.network, noise, stacked).eval(), critic=None)


class _Averaged(nn.Module):
    """The average of a network's scores over noise; what it remembers is what it was told."""

    noise: Tensor

    def __init__(
        self, network: nn.Module, noise: Float[Tensor, " draw *observation"], stacked: bool
    ) -> None:
        super().__init__()
        self.network = network
        self.stacked = stacked
        self.register_buffer("noise", noise)

    def forward(self, observations: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """See `smoothed`."""
        draws = len(self.noise)
        many = observations.float().unsqueeze(1)
        if self.stacked:
            older = many[:, :, :-1]
            older = older.expand(-1, draws, *older.shape[2:])
            newest = many[:, :, -1] + self.noise
            noisy = torch.cat([older, newest.unsqueeze(2)], 2)
        else:
            noisy = many + self.noise
        told = tuple(part.repeat_interleave(draws, 0) for part in memory)
        scores, _ = self.network(noisy.flatten(0, 1), told)
        return scores.view(len(observations), draws, -1).mean(1), memory
