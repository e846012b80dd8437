"""Trade: the shortest change that leads to another action, by a price on not getting there.

    minimise over z:   length(z) + c · max(−f(u z), 0)

with z the change in units of each feature, and f above 0 where the action is another. The price c
is searched for each row by itself: it is lowered where another action was found, and raised where
none was. The search starts on the nearest boundary, as tangents at z = 0 have it (`boundaries`):
the best other action need not be the nearest. With d how far that is in l2, the first price is
twice the one at which a linear policy would be led there, c = 2 · 2d / ‖u ∇f‖₂; so neither prices
nor steps depend on the scale of the policy's scores.

Reference: Carlini & Wagner 2017, https://arxiv.org/abs/1608.04644 (the loss, and the search of c)
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from policyscope.policies.flips import is_discrete
from policyscope_attacks.ascent import better, sloped
from policyscope_attacks.boundaries import Boundaries, Rivals
from policyscope_attacks.objectives import Objective, clean_scores, crossing
from policyscope_attacks.scene import Scene

RAISE = 10.0
"""By how much a price is raised as long as none has been high enough."""


@dataclass(frozen=True, eq=False)
class Trade:
    """What is traded in a scene."""

    scene: Scene
    objective: Objective
    start: Float[Tensor, " row *observation"]
    """In units of each feature."""
    distance: Float[Tensor, " row"]
    """How long the start is, or how long a change may be, if that is shorter."""
    price: Float[Tensor, " row"]
    """The first."""

    @classmethod
    def of(cls, scene: Scene) -> "Trade":
        """The trade of a scene; for continuous actions, where f is flat at 0, a random start."""
        scene = replace(scene, budget=replace(scene.budget, norm="l2"))
        clean = clean_scores(scene)
        objective = crossing(scene.policy, clean)
        if is_discrete(scene.policy):
            still = torch.zeros_like(scene.observations)
            tangents = Boundaries.at(scene, still, Rivals.of(scene.policy, clean))
            start = scene.possible(tangents.onto_nearest(scene))
        else:
            start = scene.anywhere(0)
        _, gradient = sloped(scene, objective, start)
        tiny = torch.finfo(gradient.dtype).tiny
        steepness = (gradient * scene.budget.scale.float()).flatten(1).norm(dim=1).clamp_min(tiny)
        distance = torch.minimum(scene.budget.length(start).float(), scene.sizes)
        return cls(scene, objective, _shares(scene, start), distance, 4 * distance / steepness)

    def sloped(
        self, z: Float[Tensor, " row *observation"]
    ) -> tuple[Float[Tensor, " row"], Float[Tensor, " row *observation"]]:
        """f, and its gradient with respect to z."""
        scale = self.scene.budget.scale.float()
        value, gradient = sloped(self.scene, self.objective, z * scale)
        return value, gradient * scale

    def possible(self, z: Float[Tensor, " row *observation"]) -> Float[Tensor, " row *observation"]:
        """The same, cut where it would leave the valid range."""
        budget = self.scene.budget
        if budget.low is None and budget.high is None:
            return z
        return _shares(self.scene, self.scene.possible(z * budget.scale.float()))


Search = Callable[[Trade, Float[Tensor, " row"]], tuple[Tensor, Tensor]]
"""From a trade and prices to the best z of each row, and minus its length; -inf for none."""


def shortest(
    trade: Trade, search: Search, price: Float[Tensor, " row"], searches: int
) -> Float[Tensor, " row *observation"]:
    """The shortest change that any price has led to, in the environment's units."""
    best, highest = trade.start, torch.full_like(trade.distance, -torch.inf)
    low = torch.zeros_like(price)
    high = torch.full_like(price, torch.inf)
    for _ in range(searches):
        found, value = search(trade, price)
        best, highest = better(best, highest, found, value)
        low, high = _between(price, low, high, value > -torch.inf)
        price = torch.where(high.isinf(), RAISE * price, (low + high) / 2)
    return best * trade.scene.budget.scale.float()


def _between(
    price: Float[Tensor, " row"],
    low: Float[Tensor, " row"],
    high: Float[Tensor, " row"],
    found: Bool[Tensor, " row"],
) -> tuple[Float[Tensor, " row"], Float[Tensor, " row"]]:
    return torch.where(found, low, price), torch.where(found, price, high)


def _shares(
    scene: Scene, delta: Float[Tensor, " row *observation"]
) -> Float[Tensor, " row *observation"]:
    scale = scene.budget.scale.float()
    return torch.where(scale > 0, delta / scale, 0.0)
