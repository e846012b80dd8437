"""Moments of policies by hand, for tests of what explains them."""

import handmade
import numpy as np
import torch
from gymnasium import spaces
from torch import nn

from policyscope.attributions.glimpses import Glimpses
from policyscope.attributions.method import Reference
from policyscope.policies.modules import Frames
from policyscope.policies.networks import Rearranged
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


def recurrent(inputs: int, outputs: int, states: int, back: int, *, relu: bool = False) -> Glimpses:
    """What a policy with an LSTM of random weights saw, and remembered before."""
    torch.manual_seed(0)
    lstm, body = nn.LSTM(inputs, 8), nn.Linear(8, outputs)
    features = nn.Sequential(nn.Linear(inputs, inputs), nn.ReLU()) if relu else nn.Identity()
    network = Recurrent(features, lstm, body).eval().requires_grad_(False)
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


def images(outputs: int = 3, states: int = 5, *, last: bool = False) -> Glimpses:
    """What a small network of convolutions saw: stacks of two frames of 20 x 24 pixels."""
    torch.manual_seed(2)
    layers = [nn.Conv2d(2, 4, 5, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 6 * 7, 16), nn.ReLU()]
    body = nn.Sequential(*layers, nn.Linear(16, outputs))
    network = Frames(body).eval().requires_grad_(False)
    shape = (2, 20, 24)
    if last:
        order = torch.arange(2 * 20 * 24).reshape(20, 24, 2).permute(2, 0, 1).flatten()
        network, shape = Rearranged(network, order, shape).eval(), (20, 24, 2)
    policy = Policy(network, outputs, handmade.CHECKPOINT, shape, spaces.Discrete(outputs))
    seen = np.random.default_rng(0).integers(0, 256, (states, 2, 20, 24)).astype(np.float32)
    return of(policy, torch.from_numpy(np.moveaxis(seen, 1, -1).copy() if last else seen))
