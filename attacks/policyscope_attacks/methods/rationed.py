"""Rationed: an attack that pays for each step with a part of what is left of an episode's budget.

    length(δ_t)² ≤ κ (ε² − Σ_{k<t} length(δ_k)²)   (l2),      length(δ_t) ≤ κ (ε − Σ ‥)   (linf)

An attack of single steps would spend all in the first. Where what it gains grows with a change's
length, small changes in many steps gain more than a large one in a single step, for l2 by the root
of their number; a part of what is left needs no guess of how long an episode will be.

Reference: the budget is that of Kumar, Levine & Feizi 2022, https://arxiv.org/abs/2106.11420
"""

from dataclasses import dataclass, replace
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from policyscope_attacks.attack import Attack
from policyscope_attacks.scene import Scene


@dataclass(frozen=True, eq=False)
class Rationed:
    """Another attack, that pays for each step with a part of what is left."""

    attack: Attack
    share: float = 0.05
    """κ, above 0 and at most 1."""

    white_box: ClassVar[bool] = True

    @property
    def draws(self) -> int:
        """See `Attack.draws`."""
        return self.attack.draws

    def delta(self, scene: Scene) -> Float[Tensor, " row *observation"]:
        """See `Attack.delta`."""
        part = self.share if scene.budget.norm == "linf" else self.share**0.5
        return self.attack.delta(replace(scene, sizes=scene.sizes * part))
