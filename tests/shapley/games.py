"""Policies to play games with."""

import dataclasses

import handmade
import numpy as np
import torch
from gymnasium import spaces
from torch import nn

from policyscope.policies.policy import Policy, Scores

WIDE = spaces.Box(-100, 100, (2,))
"""Bounds that nobody reaches; the half range is 100."""


def silent(units: int) -> None:
    del units


def rows(count: int, features: int, seed: int = 0) -> torch.Tensor:
    numbers = np.random.default_rng(seed).standard_normal((count, features), np.float32)
    return torch.from_numpy(numbers)


def random_policy(features: int, actions: int = 4, q_values: bool = False) -> Policy:
    generator = torch.Generator().manual_seed(0)
    sizes = (features, 16, actions)
    layers: list[nn.Module] = []
    for inputs, outputs in zip(sizes, sizes[1:], strict=False):
        weight = torch.randn(outputs, inputs, generator=generator).numpy()
        layers += [handmade.linear(weight), nn.Tanh()]
    policy = handmade.policy(nn.Sequential(*layers[:-1]), features, spaces.Discrete(actions))
    return dataclasses.replace(policy, meaning=Scores.Q_VALUES) if q_values else policy


class _Adding(nn.Module):
    """The sum of what is seen and of what is remembered, which stays."""

    def forward(self, observations, memory):
        (before,) = memory
        return observations.sum(1, keepdim=True) + before, (before,)


def remembering() -> Policy:
    policy = handmade.policy(handmade.linear([[1.0, 1.0, 1.0]]), 3, spaces.Box(-100, 100, (1,)))
    return dataclasses.replace(policy, network=_Adding().eval(), memory_shapes=((1,),))
