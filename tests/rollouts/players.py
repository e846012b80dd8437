"""Policies for tests, and what it means that two runs are the same."""

from dataclasses import fields

import numpy as np
import torch
from torch import Tensor, nn

from policyscope.policies.policy import FeedForward, Memory, Policy
from policyscope.provenance import Checkpoint
from policyscope.rollouts.actors import Greedy
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.rollouts import Rollouts


class Chaotic(nn.Module):
    """A body whose scores turn a last bit, rounded otherwise, into another action."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, observations: Tensor) -> Tensor:
        return torch.sin(1e7 * self.body(observations))


class Remembering(nn.Module):
    """A small recurrent network."""

    def __init__(self, features: int, outputs: int) -> None:
        super().__init__()
        self.cell = nn.GRUCell(features, 16)
        self.head = Chaotic(nn.Linear(16, outputs))

    def forward(self, observations: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        hidden = self.cell(observations.flatten(1).float(), memory[0])
        return self.head(hidden), (hidden,)


class Counting(nn.Module):
    """Counts the steps of an episode; its score is the number over 1024."""

    def forward(self, observations: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        del observations
        count = memory[0] + 1
        return count / 1024, (count,)


def chaotic(environment: Environment) -> Greedy:
    """A 64 x 64 network of random weights."""
    features, outputs = _sizes(environment)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        body = nn.Sequential(
            nn.Linear(features, 64),
            nn.Tanh(),
            nn.Linear(64, 64),
            nn.Tanh(),
            nn.Linear(64, outputs),
        )
    return _greedy(FeedForward(Chaotic(body)), outputs, environment)


def linear(environment: Environment) -> Greedy:
    """One layer of random weights: from 11 or 17 features, its rounding depends on the row."""
    features, outputs = _sizes(environment)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        body = nn.Linear(features, outputs)
    return _greedy(FeedForward(body), outputs, environment)


def remembering(environment: Environment) -> Greedy:
    """A recurrent network of random weights."""
    features, outputs = _sizes(environment)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Remembering(features, outputs)
    return _greedy(network, outputs, environment, memory_shapes=((16,),))


def counting(environment: Environment) -> Greedy:
    """A policy whose actions say how many steps its memory has seen."""
    outputs = _sizes(environment)[1]
    return _greedy(Counting(), outputs, environment, memory_shapes=((outputs,),))


def differences(one: Rollouts, other: Rollouts) -> list[str]:
    """Names of the fields that are not the same bit for bit."""
    return [
        field.name
        for field in fields(Rollouts)
        if _bits(getattr(one, field.name)) != _bits(getattr(other, field.name))
    ]


def _bits(value: object) -> tuple[object, ...]:
    array = np.asarray(value)
    return array.dtype, array.shape, array.tobytes()


def _sizes(environment: Environment) -> tuple[int, int]:
    observations, actions = environment.spaces()
    return int(np.prod(observations.shape)), int(getattr(actions, "n", np.prod(actions.shape)))


def _greedy(network: nn.Module, outputs: int, environment: Environment, **keywords) -> Greedy:
    checkpoint = Checkpoint("random.pt", "", "test", None, None, "", 0, "", "", "")
    policy = Policy(network.eval().requires_grad_(False), outputs, checkpoint, **keywords)
    return Greedy(policy.fitted_to(*environment.spaces(), environment.id))
