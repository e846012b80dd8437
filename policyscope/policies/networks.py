"""Networks made of other networks, behind the interface that all have: with a memory."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

Memory = tuple[Tensor, ...]
"""What a recurrent policy carries from step to step, one row per lane; empty for the others."""


class Rearranged(nn.Module):
    """A network that takes the numbers of an observation in an order of its own."""

    order: Tensor

    def __init__(self, network: nn.Module, order: Tensor, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.network = network
        self.shape = shape
        self.register_buffer("order", order)

    def forward(self, observations: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Scores of observations as the environment gives them."""
        ordered = observations.flatten(1)[:, self.order]
        return self.network(ordered.unflatten(1, self.shape), memory)


class Largest(nn.Module):
    """The value of a state to a policy that always takes the action of the largest q-value."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, observations: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Values (batch, 1) of observations."""
        scores, memory = self.network(observations, memory)
        return scores.amax(1, keepdim=True), memory


class Judged(nn.Module):
    """The value of a state by critics of actions: what they say of the action taken there.

    V(s) = min_i Q_i(s, π(s)), the estimate that TD3 and SAC learn from (Fujimoto et al. 2018,
    https://arxiv.org/abs/1802.09477); the mean where each critic gives quantiles, as TQC's
    (Kuznetsov et al. 2020, https://arxiv.org/abs/2005.04269). π(s) is the greedy action, and what
    SAC and TQC expect of entropy is in Q alone.
    """

    def __init__(self, actor: nn.Module, features: nn.Module, critics: Sequence[nn.Module]) -> None:
        """A judgement.

        Args:
            actor: (observations, memory) → (actions as the critics know them, memory).
            features: (observations, memory) → (what the critics see of a state, memory).
            critics: From features and actions, in one row, to q-values or their quantiles.
        """
        super().__init__()
        self.actor = actor
        self.features = features
        self.critics = nn.ModuleList(critics)

    def forward(self, observations: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Values (batch, 1) of observations."""
        features, _ = self.features(observations, memory)
        actions, memory = self.actor(observations, memory)
        pairs = torch.cat([features, actions], 1)
        answers = torch.stack([critic(pairs) for critic in self.critics], 1)
        if answers.shape[2] == 1:
            return answers.amin(1), memory
        return answers.mean((1, 2))[:, None], memory
