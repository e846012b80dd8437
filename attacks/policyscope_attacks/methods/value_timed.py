"""Timed by value: attack where the policy's own critic expects much, and wait elsewhere.

    attack where  V(s) > β,      V the largest q-value, or what the critic says

Where nothing is to be gained any more, nothing is to be taken away.

Reference: Kos & Song 2017, Delving into Adversarial Attacks on Deep Policies,
https://arxiv.org/abs/1705.06452
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from policyscope.policies.policy import Policy
from policyscope_attacks.attack import Attack
from policyscope_attacks.scene import Scene


@dataclass(frozen=True, eq=False)
class ValueTimed:
    """Another attack, in those steps alone from which the critic expects much."""

    attack: Attack
    critic: Policy
    """Of one score, the value: see `Policy.valuing`."""
    threshold: float
    """β, in units of the value."""

    white_box: ClassVar[bool] = True

    @property
    def draws(self) -> int:
        """See `Attack.draws`."""
        return self.attack.draws

    def delta(self, scene: Scene) -> Float[Tensor, " row *observation"]:
        """See `Attack.delta`."""
        with torch.no_grad():
            seen = scene.seen(torch.zeros_like(scene.observations))
            values = self.critic.scores(seen, scene.memory)[0][:, 0]
        now = values > self.threshold
        return self.attack.delta(replace(scene, sizes=scene.sizes * now))
