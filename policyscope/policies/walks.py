"""Policies that see every observation moved: by one vector for all, or by each state's own."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from policyscope.policies.policy import Memory, Policy

Step = Callable[[Tensor, Memory], Float[Tensor, " batch *observation"]]
"""From observations and memory to what is added to each, in the environment's units."""


class Moved(nn.Module):
    """A network that sees observations with a step added."""

    def __init__(self, network: nn.Module, step: Step) -> None:
        super().__init__()
        self.network = network
        self.step = step

    def forward(self, observations: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Scores of the moved observations, and the memory after seeing these."""
        moved = observations + self.step(observations, memory).to(torch.float32)
        return self.network(moved, memory)


def walking(policy: Policy, step: Step) -> Policy:
    """The policy as it acts when all that it sees is moved; frames are moved as it sees them."""
    return policy.behind(lambda network: Moved(network, step))
