"""Nesterov momentum: many equal steps along gradients that are gathered ahead of where it is.

    g_{t+1} = μ g_t + ∇J(δ_t + α μ g_t) / ‖∇J(δ_t + α μ g_t)‖₁        α = ε / T
    δ_{t+1} = Π(δ_t + α · argmax_{length(d) = 1} ⟨g_{t+1}, d⟩)

in units of each feature; argmax is the sign for linf. J is the margin of the decision (see
`objectives`), for multi-discrete actions that of all groups together; for continuous ones how far
the mean action has moved, from a random start. The best δ that it has seen is kept.

Reference: Lin et al. 2020, NI-FGSM, https://arxiv.org/abs/1908.06281
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from policyscope.policies.flips import is_discrete
from policyscope_attacks.ascent import better, sloped
from policyscope_attacks.objectives import aimed
from policyscope_attacks.scene import Scene


@dataclass(frozen=True)
class Nesterov:
    """Many equal steps along gradients that are gathered ahead of where it is."""

    steps: int = 10
    momentum: float = 1.0
    """μ."""
    action: tuple[float, ...] = ()
    """The action to be forced; any other than the policy's own where it is empty."""

    white_box: ClassVar[bool] = True

    @property
    def draws(self) -> int:
        """See `Attack.draws`."""
        return 1

    def delta(self, scene: Scene) -> Float[Tensor, " row *observation"]:
        """See `Attack.delta`."""
        objective = aimed(scene, self.action)
        discrete = is_discrete(scene.policy)
        enough = 0.0 if discrete else torch.inf
        flat = not discrete and not self.action
        delta = scene.anywhere(0) if flat else torch.zeros_like(scene.observations)
        best, highest = delta, torch.full_like(scene.sizes, -torch.inf)
        scale = scene.budget.scale.float()
        gathered = torch.zeros_like(delta)
        for _ in range(self.steps):
            ahead = scene.of_size(gathered * scale) * (self.momentum / self.steps)
            _, gradient = sloped(scene, objective, scene.admissible(delta + ahead))
            gathered = self.momentum * gathered + _normal(gradient * scale)
            # as a gradient in the environment's own units
            direction = torch.where(scale > 0, gathered / scale, 0.0)
            step = scene.of_size(scene.budget.steepest(direction)) / self.steps
            delta = scene.admissible(delta + step)
            with torch.no_grad():
                value = objective(scene.scores(delta))
            best, highest = better(best, highest, delta, value, enough)
            if bool(((highest > enough) | (scene.sizes <= 0)).all()):
                break
        return best


def _normal(gradient: Float[Tensor, " row *observation"]) -> Float[Tensor, " row *observation"]:
    """A gradient whose numbers add up to one, whatever their signs."""
    sums = gradient.flatten(1).abs().sum(1).clamp_min(torch.finfo(gradient.dtype).tiny)
    return gradient / sums.view(-1, *(1,) * (gradient.ndim - 1))
