"""Optimal adversary: a learned map from observation to change, that asks nothing of the policy.

For a policy that is fixed, choosing changes is a decision process of its own, whose states are
those of the environment and whose reward is the adversary's; the best policy there is the strongest
attack that there is. It is learned by PPO, and sees no gradient and no score:

    δ = ε u tanh(f(s))

References: Zhang et al. 2021, https://arxiv.org/abs/2101.08452 (ATLA); Tretschk, Oh, Fritz 2018,
https://arxiv.org/abs/1805.12487 (a transformer of observations before a frozen policy)
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from policyscope_attacks.mind import Mind
from policyscope_attacks.scene import Scene


@dataclass(frozen=True, eq=False)
class OptimalAdversary:
    """A learned map from observation to change."""

    mind: Mind
    exploring: bool = False

    white_box: ClassVar[bool] = False

    @property
    def draws(self) -> int:
        """See `Attack.draws`."""
        return self.mind.draws

    def delta(self, scene: Scene) -> Float[Tensor, " row *observation"]:
        """See `Attack.delta`."""
        with torch.no_grad():
            seen = scene.observations.flatten(1)
            shares = torch.tanh(self.mind.chosen(seen, scene.draws, self.exploring))
        moved = shares.view_as(scene.observations) * scene.budget.scale.to(shares)
        return scene.admissible(scene.of_size(moved))
