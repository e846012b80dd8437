"""Moments of policies by hand, for tests of what explains them."""

import handmade
import numpy as np
import torch
from gymnasium import spaces
from torch import nn

from policyscope.attributions.glimpses import Glimpses
from policyscope.attributions.method import Reference
from policyscope.policies.policy import Policy
from policyscope.policies.recurrent import Recurrent, memory_shapes


def glimpses(body: nn.Module, seen, *, continuous: bool = False) -> Glimpses:
    """What a policy without memory around this module saw."""
    seen = torch.as_tensor(np.asarray(seen), dtype=torch.float32)
    numbers = seen[0].numel()
    outputs = body(torch.zeros(1, numbers)).shape[1]
    space = spaces.Box(-1, 1, (outputs,)) if continuous else spaces.Discrete(outputs)
    policy = handmade.policy(body, numbers, space)
    return of(policy, seen)


def of(policy: Policy, seen: torch.Tensor, memory=()) -> Glimpses:
    """What this policy saw."""
    return Glimpses(policy, seen, memory, np.arange(len(seen)) + 100)


def recurrent(inputs: int, outputs: int, states: int, back: int) -> Glimpses:
    """What a policy with an LSTM of random weights saw, and remembered before."""
    torch.manual_seed(0)
    lstm, body = nn.LSTM(inputs, 8), nn.Linear(8, outputs)
    network = Recurrent(nn.Identity(), lstm, body).eval().requires_grad_(False)
    policy = Policy(
        network,
        outputs,
        handmade.CHECKPOINT,
        (inputs,),
        spaces.Discrete(outputs),
        memory_shapes=memory_shapes(lstm),
    )
    memory = tuple(torch.randn(states, *shape) for shape in policy.memory_shapes)
    return of(policy, torch.randn(states, back, inputs), memory)


def reference(glimpses: Glimpses, unit: float = 1.0) -> Reference:
    """The mean of what was seen, and one unit for all."""
    baseline = glimpses.seen.mean(0)
    return Reference(baseline, torch.full_like(baseline, unit))


def each(glimpses: Glimpses) -> torch.Tensor:
    """Every score as a target of its own, in every state."""
    outputs = glimpses.policy.outputs or 0
    return torch.eye(outputs).expand(len(glimpses), -1, -1)


def network(inputs: int, outputs: int, activation=nn.Tanh, width: int = 16) -> nn.Module:
    """A random network of two layers."""
    torch.manual_seed(1)
    layers = [nn.Linear(inputs, width), activation(), nn.Linear(width, width), activation()]
    return nn.Sequential(*layers, nn.Linear(width, outputs)).eval().requires_grad_(False)
