"""Uniform noise: what a change that knows nothing does.

    δ uniform in the box of ±ε (linf), or on a sphere of radius uniform in [0, ε] (l2)

Reference: Zhang et al. 2020, https://arxiv.org/abs/2003.08938 (the random attack)
"""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from policyscope_attacks.scene import Scene


@dataclass(frozen=True)
class UniformNoise:
    """A random change."""

    white_box: ClassVar[bool] = False

    @property
    def draws(self) -> int:
        """See `Attack.draws`."""
        return 2

    def delta(self, scene: Scene) -> Float[Tensor, " row *observation"]:
        """See `Attack.delta`."""
        if scene.budget.norm == "linf":
            return scene.anywhere(0)
        # Box–Muller would need no more than these two, but any direction will do
        direction = scene.budget.steepest(2 * scene.draws[:, 0] - 1)
        radius = scene.draws[:, 1].flatten(1)[:, 0].view(-1, *(1,) * (direction.ndim - 1))
        return scene.of_size(direction) * radius
