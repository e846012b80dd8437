"""Steady shift: the same change of the observation in every step, as a sensor that is off makes.

    δ = ε · d,    length(d) = 1,  d the same in all states

Nothing is asked of the policy, neither gradients nor scores: what is measured is the return alone.
The direction is found by `direction_search`.

Reference: ours; a universal perturbation, Moosavi-Dezfooli et al. 2017,
https://arxiv.org/abs/1610.08401, for a whole episode
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from policyscope_attacks.scene import Scene


@dataclass(frozen=True, eq=False)
class SteadyShift:
    """The same change of the observation in every step."""

    directions: Float[Tensor, " direction feature"]
    """In units of each feature; episode i goes along number i mod their number."""

    white_box: ClassVar[bool] = False

    @property
    def draws(self) -> int:
        """See `Attack.draws`."""
        return 0

    def delta(self, scene: Scene) -> Float[Tensor, " row *observation"]:
        """See `Attack.delta`."""
        shares = self.directions[scene.episodes % len(self.directions)]
        order = torch.inf if scene.budget.norm == "linf" else 2
        lengths = torch.linalg.vector_norm(shares, order, dim=1, keepdim=True).clamp_min(1e-30)
        moved = (shares / lengths).view_as(scene.observations) * scene.budget.scale.to(shares)
        return scene.admissible(scene.of_size(moved))
