"""Strategically timed: attack where the policy is sure of what it wants, and wait elsewhere.

    attack where  c(s) = max_a π(a|s) − min_a π(a|s) > β,      π = softmax(l)

Where the policy hardly prefers any action, another one costs it little; of multi-discrete actions
the surest group counts.

Reference: Lin et al. 2017, Tactics of Adversarial Attack on Deep Reinforcement Learning Agents,
https://arxiv.org/abs/1703.06748
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from policyscope.policies.policy import Policy
from policyscope_attacks.attack import Attack
from policyscope_attacks.objectives import clean_scores, groups
from policyscope_attacks.scene import Scene


@dataclass(frozen=True, eq=False)
class StrategicallyTimed:
    """Another attack, in those steps alone in which the policy is sure of what it wants."""

    attack: Attack
    threshold: float
    """β, between 0 and 1."""

    white_box: ClassVar[bool] = True

    @property
    def draws(self) -> int:
        """See `Attack.draws`."""
        return self.attack.draws

    def delta(self, scene: Scene) -> Float[Tensor, " row *observation"]:
        """See `Attack.delta`."""
        now = preference(scene.policy, clean_scores(scene)) > self.threshold
        return self.attack.delta(replace(scene, sizes=scene.sizes * now))


def preference(policy: Policy, scores: Float[Tensor, " row output"]) -> Float[Tensor, " row"]:
    """c(s): how much likelier the best action is than the worst."""
    chances = [group.softmax(1) for group in groups(policy, scores)]
    return torch.stack([group.amax(1) - group.amin(1) for group in chances]).amax(0)
