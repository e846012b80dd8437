"""Scenes and policies of which the best attack is known, and every attack."""

from dataclasses import fields

import numpy as np
import torch
from gymnasium import spaces
from handmade import CHECKPOINT, policy
from policyscope_attacks.attack import Attack
from policyscope_attacks.budget import Budget
from policyscope_attacks.methods.carlini_wagner import CarliniWagner
from policyscope_attacks.methods.deepfool import DeepFool
from policyscope_attacks.methods.elastic_net import ElasticNet
from policyscope_attacks.methods.fgsm import Fgsm
from policyscope_attacks.methods.mad import Mad
from policyscope_attacks.methods.nesterov import Nesterov
from policyscope_attacks.methods.pgd import Pgd
from policyscope_attacks.methods.random_search import RandomSearch
from policyscope_attacks.methods.sign_noise import SignNoise
from policyscope_attacks.methods.uniform_noise import UniformNoise
from policyscope_attacks.scene import Scene
from torch import nn

from policyscope.policies.policy import Policy
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.rollouts import Rollouts

ATTACKS: dict[str, Attack] = {
    "uniform": UniformNoise(),
    "sign": SignNoise(),
    "fgsm": Fgsm(),
    "pgd": Pgd(steps=4),
    "mad": Mad(steps=4),
    "random_search": RandomSearch(queries=8),
    "nesterov": Nesterov(steps=4),
    "deepfool": DeepFool(steps=4),
    "carlini_wagner": CarliniWagner(steps=6, searches=2),
    "elastic_net": ElasticNet(steps=6, searches=2),
}
"""Those that need no training."""

SPACES = {
    "discrete": spaces.Discrete(3),
    "multi_discrete": spaces.MultiDiscrete([2, 3]),
    "continuous": spaces.Box(-1, 2, (2,)),
}


def network(inputs: int, outputs: int, seed: int = 0) -> nn.Module:
    """A small network of random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        body = nn.Sequential(nn.Linear(inputs, 16), nn.Tanh(), nn.Linear(16, outputs))
    return body.requires_grad_(False)


OUTPUTS = {"discrete": 3, "multi_discrete": 5, "continuous": 2}


def small(kind: str, inputs: int = 4):
    """A small policy with actions of a kind."""
    return policy(network(inputs, OUTPUTS[kind]), inputs, SPACES[kind])


def scene(policy, budget: Budget, rows: int = 5, draws: int = 1, seed: int = 0) -> Scene:
    """A scene of random observations."""
    rng = np.random.default_rng(seed)
    shape = tuple(budget.scale.shape)
    return Scene(
        policy=policy,
        episodes=torch.arange(rows),
        observations=torch.from_numpy(rng.standard_normal((rows, *shape)).astype(np.float32)),
        frames=None,
        memory=(),
        budget=budget,
        sizes=torch.full((rows,), float(budget.size)),
        draws=torch.from_numpy(rng.random((rows, draws, *shape), np.float32)),
    )


class Remembering(nn.Module):
    """A recurrent network of random weights, whose decisions turn with little."""

    def __init__(self, environment: Environment) -> None:
        super().__init__()
        features, actions = (int(np.prod(space.shape)) for space in environment.spaces())
        outputs = int(getattr(environment.spaces()[1], "n", actions))
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.cell = nn.GRUCell(features, 16)
            self.head = nn.Linear(16, outputs)

    def forward(self, observations, memory):
        hidden = self.cell(observations.flatten(1).float(), memory[0])
        return torch.sin(1e3 * self.head(hidden)), (hidden,)


class Counting(nn.Module):
    """Remembers how many steps there were."""

    def forward(self, observations, memory):
        return 0 * observations[:, :1].float(), (memory[0] + 1,)


def fitted(network: nn.Module, environment: Environment, memory: tuple[int, ...]) -> Policy:
    """A policy with a memory, fitted to an environment."""
    made = Policy(network.eval().requires_grad_(False), None, CHECKPOINT, memory_shapes=(memory,))
    return made.fitted_to(*environment.spaces(), environment.id)


def same(one: Rollouts, other: Rollouts) -> bool:
    """Whether two runs are the same, bit for bit."""
    pairs = ((getattr(one, f.name), getattr(other, f.name)) for f in fields(Rollouts))
    return all(np.asarray(a).tobytes() == np.asarray(b).tobytes() for a, b in pairs)
