"""Elastic net: a short change of few features that leads to another action.

    minimise over z:   ‖z‖₂² + β ‖z‖₁ + c · max(−f(u z), 0)

by iterative shrinkage and thresholding, for each price c of a search (see `trade`):

    z_{k+1} = S_{α_k β}(z_k − α_k ∇(‖z‖₂² + c · max(−f(u z), 0)))        α_k = √(1 − k/K) / 2

S_t draws every number towards 0 by t. Of all z with another action that were passed, the one with
the least ‖z‖₂² + β ‖z‖₁. f is that of `carlini_wagner`, for all kinds of actions. The more β, the
fewer features; β is a multiple of the distance that a tangent at z = 0 says, ours, so that its
effect is the same near a boundary and far from it.

What is longer than the budget, in whatever norm, is cut.

Reference: Chen et al. 2018, EAD, https://arxiv.org/abs/1709.04114
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from policyscope_attacks.ascent import better
from policyscope_attacks.scene import Scene
from policyscope_attacks.trade import Trade, shortest


@dataclass(frozen=True)
class ElasticNet:
    """A short change of few features that leads to another action."""

    steps: int = 20
    """Of shrinkage and thresholding, for each price."""
    searches: int = 4
    """Prices that are tried."""
    beta: float = 1.0
    """β, in distances to the nearest other action."""

    white_box: ClassVar[bool] = True

    @property
    def draws(self) -> int:
        """See `Attack.draws`."""
        return 1

    def delta(self, scene: Scene) -> Float[Tensor, " row *observation"]:
        """See `Attack.delta`."""
        trade = Trade.of(scene)
        found = shortest(trade, self._search, (1 + self.beta) * trade.price, self.searches)
        return scene.admissible(found)

    def _search(self, trade: Trade, price: Float[Tensor, " row"]) -> tuple[Tensor, Tensor]:
        z, column = trade.start, (-1, *(1,) * (trade.start.ndim - 1))
        beta = self.beta * trade.distance
        best, highest = z, torch.full_like(price, -torch.inf)
        for k in range(self.steps + 1):
            value, slope = trade.sloped(z)
            flat = z.flatten(1)
            length = flat.square().sum(1) + beta * flat.abs().sum(1)
            best, highest = better(best, highest, z, torch.where(value > 0, -length, -torch.inf))
            cost = 2 * z - torch.where(value > 0, 0.0, price).view(column) * slope
            rate = (1 - k / self.steps) ** 0.5 / 2
            moved = z - rate * cost
            shrunk = (moved.abs() - (rate * beta).view(column)).clamp_min(0)
            z = trade.possible(moved.sign() * shrunk)
        return best, highest
