"""Carlini-Wagner: the change of the least length in l2 that leads to another action.

    minimise over z:   ‖z‖₂² + c · max(−f(u z), 0)

by Adam for each price c of a search (see `trade`), and the shortest z with another action that any
of them passed. f is the lead of the best other action, in any group of a multi-discrete
one; for continuous actions how much further than half of half its range the mean action has moved.
Steps are shares of the distance that a tangent at z = 0 says, and shrink. Where observations have
a valid range z is cut to it after each step; the paper's tanh keeps within it, but there may be
none.

The length is that of l2 whatever the budget's norm; what is longer than the budget is cut.

Reference: Carlini & Wagner 2017, https://arxiv.org/abs/1608.04644
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from policyscope_attacks.ascent import better
from policyscope_attacks.scene import Scene
from policyscope_attacks.trade import Trade, shortest

RATE = 0.1
"""The first step of each feature, as a share of the distance."""
FIRST, SECOND = 0.9, 0.99
"""Adam's memory of gradients and of their squares; shorter than usual, as steps are few."""


@dataclass(frozen=True)
class CarliniWagner:
    """The change of the least length in l2 that leads to another action."""

    steps: int = 20
    """Of Adam, for each price."""
    searches: int = 4
    """Prices that are tried."""

    white_box: ClassVar[bool] = True

    @property
    def draws(self) -> int:
        """See `Attack.draws`."""
        return 1

    def delta(self, scene: Scene) -> Float[Tensor, " row *observation"]:
        """See `Attack.delta`."""
        trade = Trade.of(scene)
        found = shortest(trade, self._search, trade.price, self.searches)
        return scene.admissible(found)

    def _search(self, trade: Trade, price: Float[Tensor, " row"]) -> tuple[Tensor, Tensor]:
        z, column = trade.start, (-1, *(1,) * (trade.start.ndim - 1))
        mean, square = torch.zeros_like(z), torch.zeros_like(z)
        best, highest = z, torch.full_like(price, -torch.inf)
        for k in range(self.steps + 1):
            value, slope = trade.sloped(z)
            length = z.flatten(1).norm(dim=1)
            best, highest = better(best, highest, z, torch.where(value > 0, -length, -torch.inf))
            cost = 2 * z - torch.where(value > 0, 0.0, price).view(column) * slope
            mean = FIRST * mean + (1 - FIRST) * cost
            square = SECOND * square + (1 - SECOND) * cost**2
            spread = (square / (1 - SECOND ** (k + 1))).sqrt().clamp_min(1e-30)
            rate = RATE * (1 - k / self.steps) * trade.distance.view(column)
            z = trade.possible(z - rate * mean / (1 - FIRST ** (k + 1)) / spread)
        return best, highest
