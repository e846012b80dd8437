"""What follows the last linear layer, from its outputs to scores."""

import torch
from gymnasium import spaces
from torch import Tensor, nn


class ToBounds(nn.Module):
    """From [-1, 1] to the bounds of the actions, as squashing policies do."""

    low: Tensor
    width: Tensor

    def __init__(self, actions: spaces.Box) -> None:
        super().__init__()
        low, high = (torch.from_numpy(b.reshape(-1)).float() for b in (actions.low, actions.high))
        self.register_buffer("low", low)
        self.register_buffer("width", high - low)

    def forward(self, squashed: Tensor) -> Tensor:
        """Actions in the environment's units."""
        return self.low + 0.5 * (squashed + 1) * self.width


class TanhScaled(nn.Module):
    """tanh(x)·scale + bias: how CleanRL's continuous actors reach the action bounds."""

    scale: Tensor
    bias: Tensor

    def __init__(self, scale: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.register_buffer("scale", scale.flatten().float())
        self.register_buffer("bias", bias.flatten().float())

    def forward(self, mean: Tensor) -> Tensor:
        """Actions in the environment's units."""
        return torch.tanh(mean) * self.scale + self.bias


class QuantileMean(nn.Module):
    """The q-value of each action: the mean of its quantiles (Dabney et al. 2018)."""

    def __init__(self, actions: int) -> None:
        super().__init__()
        self.actions = actions

    def forward(self, quantiles: Tensor) -> Tensor:
        """From quantiles (batch, quantile × action) to q-values (batch, action)."""
        return quantiles.unflatten(1, (-1, self.actions)).mean(1)


class Expectation(nn.Module):
    """The q-value of each action: the mean of the returns that it has a distribution over.

    Bellemare et al. 2017, https://arxiv.org/abs/1707.06887.
    """

    atoms: Tensor

    def __init__(self, atoms: Tensor) -> None:
        super().__init__()
        self.register_buffer("atoms", atoms)

    def forward(self, logits: Tensor) -> Tensor:
        """From logits (batch, action × atom) to q-values (batch, action)."""
        return logits.unflatten(1, (-1, len(self.atoms))).softmax(2) @ self.atoms
