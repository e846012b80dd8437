"""Maximal action difference: the distribution of actions that differs most.

    δ = argmax KL(π(·|s) ‖ π(·|s+δ)),  for continuous actions  ‖(μ(s+δ) − μ(s)) / σ‖²

by projected gradient ascent from a random start, where the gradient does not vanish.

Reference: Zhang et al. 2020, https://arxiv.org/abs/2003.08938, §3.5
"""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from policyscope_attacks.ascent import ascend
from policyscope_attacks.objectives import clean_scores, difference
from policyscope_attacks.scene import Scene


@dataclass(frozen=True)
class Mad:
    """The distribution of actions that differs most."""

    steps: int = 10

    white_box: ClassVar[bool] = True

    @property
    def draws(self) -> int:
        """See `Attack.draws`."""
        return 1

    def delta(self, scene: Scene) -> Float[Tensor, " row *observation"]:
        """See `Attack.delta`."""
        objective = difference(scene.policy, clean_scores(scene))
        return ascend(scene, objective, scene.anywhere(0), self.steps)[0]
