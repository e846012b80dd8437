"""Flips: spend where a decision flips for what is left, and where the flip is worth it.

    spend δ_a of the a with the lowest l_a(s), of those with max_b l_b(s) − l_a(s) > threshold that
    can be paid; and nothing where there is none

δ_a is the smallest change found that leads to action a, see `buying`.

Reference: Kumar, Levine & Feizi 2022, https://arxiv.org/abs/2106.11420, appendix M
"""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from policyscope_attacks.buying import bought
from policyscope_attacks.objectives import clean_scores
from policyscope_attacks.scene import Scene


@dataclass(frozen=True)
class Flips:
    """Spend where a decision flips for what is left, and where the flip is worth it."""

    threshold: float = 0.0
    """How far behind the best score that of another action has to be."""

    white_box: ClassVar[bool] = True

    @property
    def draws(self) -> int:
        """See `Attack.draws`."""
        return 0

    def delta(self, scene: Scene) -> Float[Tensor, " row *observation"]:
        """See `Attack.delta`."""
        clean = clean_scores(scene)
        return bought(scene, clean.amax(1, keepdim=True) - clean, self.threshold)
