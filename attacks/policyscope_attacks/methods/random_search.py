"""Random search: many queries of the scores, and no gradient.

Every try sets a random part of the features, at first most of them and later few, to the ends of
the budget; for images the part is a square. It is kept where the margin rises:

    δ_{k+1} = Π(δ_k with a random part set to ±ε u)  if  J rises, else δ_k

Reference: Andriushchenko et al. 2020, Square Attack, https://arxiv.org/abs/1912.00049
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from policyscope.policies.flips import is_discrete
from policyscope_attacks.ascent import better
from policyscope_attacks.objectives import aimed
from policyscope_attacks.scene import Scene

LARGEST, SMALLEST = 0.8, 0.05
"""The part of the features that the first and the last try set."""


@dataclass(frozen=True)
class RandomSearch:
    """Many queries of the scores, and no gradient."""

    queries: int = 30
    action: tuple[float, ...] = ()
    """The action to be forced; any other than the policy's own where it is empty."""

    white_box: ClassVar[bool] = False

    @property
    def draws(self) -> int:
        """See `Attack.draws`."""
        return 2 * self.queries

    def delta(self, scene: Scene) -> Float[Tensor, " row *observation"]:
        """See `Attack.delta`."""
        objective = aimed(scene, self.action)
        enough = 0.0 if is_discrete(scene.policy) else torch.inf
        best = torch.zeros_like(scene.observations)
        highest = torch.full_like(scene.sizes, -torch.inf)
        with torch.no_grad():
            for k in range(self.queries):
                signs = scene.draws[:, 2 * k] - 0.5
                ends = scene.of_size(scene.budget.steepest(signs))
                part = _part(scene.draws[:, 2 * k + 1], k / max(self.queries - 1, 1))
                tried = scene.admissible(torch.where(part, ends, best))
                value = objective(scene.scores(tried))
                best, highest = better(best, highest, tried, value, enough)
                if bool(((highest > enough) | (scene.sizes <= 0)).all()):
                    break
        return best


def _part(
    draws: Float[Tensor, " row *observation"], progress: float
) -> Bool[Tensor, " row *observation"]:
    """Features that a try sets: each by chance, or a square of an image's last two axes."""
    share = LARGEST * (SMALLEST / LARGEST) ** progress
    if draws.ndim < 3:
        chosen = draws < share
        # at least the one with the smallest draw
        return chosen | (draws == draws.amin(1, keepdim=True))
    height, width = draws.shape[-2:]
    numbers = draws.flatten(1)[:, :2]
    shape = (-1, *(1,) * (draws.ndim - 1))
    inside = torch.ones_like(draws, dtype=torch.bool)
    for axis, (size, number) in enumerate(zip((height, width), numbers.unbind(1), strict=True), -2):
        side = max(round(size * share**0.5), 1)
        first = (number * (size - side + 1)).floor().view(shape)
        places = torch.arange(size).view(-1, *(1,) * (-1 - axis))
        inside = inside & (places >= first) & (places < first + side)
    return inside
