"""Steady push: the scores towards one direction, the same in every step.

    δ = ε · argmax_{length(v) = 1} ⟨∇_δ ⟨d, scores(s+δ)⟩, v⟩,    d the same in all states

A push that does not change its mind carries far: it leans a walker over, or holds a thruster open.
It is a director (see `policy_director`) without eyes, has as many numbers as there are scores, and
is found within a hundred episodes (see `direction_search`), with any kind of observation.

Reference: ours; the step is that of Sun et al. 2022, https://arxiv.org/abs/2106.05087
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from policyscope_attacks.ascent import sloped
from policyscope_attacks.objectives import along
from policyscope_attacks.scene import Scene


@dataclass(frozen=True, eq=False)
class SteadyPush:
    """The scores towards one direction, the same in every step."""

    directions: Float[Tensor, " direction output"]
    """Episode i goes along number i mod their number."""

    white_box: ClassVar[bool] = True

    @property
    def draws(self) -> int:
        """See `Attack.draws`."""
        return 0

    def delta(self, scene: Scene) -> Float[Tensor, " row *observation"]:
        """See `Attack.delta`."""
        aim = self.directions[scene.episodes % len(self.directions)]
        still = torch.zeros_like(scene.observations)
        _, gradient = sloped(scene, along(aim), still)
        return scene.of_size(scene.budget.steepest(gradient))
