"""Projected gradient ascent on an objective, within the budget of a step.

    δ_{k+1} = Π(δ_k + α_k · argmax_{length(d) = 1} ⟨∇J(δ_k), d⟩),    α_k = 2 ε (1 − k/K)

keeps the best δ that it has seen. A row whose objective is `enough` stays where it is, and nothing
that happens to one row depends on another.

References: Madry et al. 2018, https://arxiv.org/abs/1706.06083; steps that shrink, and keeping the
best: Croce & Hein 2020, https://arxiv.org/abs/2003.01690
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from policyscope_attacks.objectives import Objective
from policyscope_attacks.scene import Scene


def ascend(
    scene: Scene,
    objective: Objective,
    start: Float[Tensor, " row *observation"],
    steps: int,
    enough: float = math.inf,
) -> tuple[Float[Tensor, " row *observation"], Float[Tensor, " row"]]:
    """The best change found from a start, and its objective."""
    delta = start
    best, highest = start, torch.full_like(scene.sizes, -torch.inf)
    idle = scene.sizes <= 0
    for k in range(steps):
        value, gradient = sloped(scene, objective, delta)
        best, highest = better(best, highest, delta, value, enough)
        if bool((idle | (highest > enough)).all()):
            return best, highest
        step = scene.of_size(scene.budget.steepest(gradient)) * (2 * (1 - k / steps))
        delta = scene.admissible(delta + step)
    with torch.no_grad():
        return better(best, highest, delta, objective(scene.scores(delta)), enough)


def sloped(
    scene: Scene, objective: Objective, delta: Float[Tensor, " row *observation"]
) -> tuple[Float[Tensor, " row"], Float[Tensor, " row *observation"]]:
    """The objective of each row, and its gradient."""
    moving = delta.detach().clone().requires_grad_()
    value = objective(scene.scores(moving))
    (gradient,) = torch.autograd.grad(value.sum(), moving)
    return value.detach().float(), gradient


def better(
    best: Float[Tensor, " row *observation"],
    highest: Float[Tensor, " row"],
    other: Float[Tensor, " row *observation"],
    value: Float[Tensor, " row"],
    enough: float = math.inf,
) -> tuple[Float[Tensor, " row *observation"], Float[Tensor, " row"]]:
    """In each row the change with the higher objective; the first that is enough is kept."""
    gains = (value.float() > highest) & (highest <= enough)
    column = gains.view(-1, *(1,) * (best.ndim - 1))
    return torch.where(column, other, best), torch.where(gains, value.float(), highest)
