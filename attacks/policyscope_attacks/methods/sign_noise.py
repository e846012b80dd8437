"""Sign noise: the whole budget, in a random direction.

    δ = ε s,  s uniform in {−1, 1}^d (linf);  for l2 as long, in a random direction

The strongest a change can be that knows nothing; every attack is read beside it.

Reference: Goodfellow, Shlens, Szegedy 2015, https://arxiv.org/abs/1412.6572, §4 (random signs)
"""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from policyscope_attacks.scene import Scene


@dataclass(frozen=True)
class SignNoise:
    """A random change as long as may be."""

    white_box: ClassVar[bool] = False

    @property
    def draws(self) -> int:
        """See `Attack.draws`."""
        return 1

    def delta(self, scene: Scene) -> Float[Tensor, " row *observation"]:
        """See `Attack.delta`."""
        return scene.of_size(scene.budget.steepest(scene.draws[:, 0] - 0.5))
