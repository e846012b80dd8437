"""Projected gradient ascent on an objective, within the budget of a step.

    δ_{k+1} = Π(δ_k + α_k · argmax_{length(d) = 1} ⟨∇J(δ_k), d⟩),    α_k = 2 ε (1 − k/K)

keeps the best δ that it has seen. It ends when every row's objective is `enough`, or its δ no
longer moves; nothing that happens to one row depends on another.

In scenes of many rows those that are done are left out. Rows stay in batches of a multiple of 32,
in which products round alike wherever a row stands; scenes that are played have no more than these.

References: Madry et al. 2018, https://arxiv.org/abs/1706.06083; steps that shrink, and keeping the
best: Croce & Hein 2020, https://arxiv.org/abs/2003.01690
"""

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from policyscope_attacks.objectives import Objective
from policyscope_attacks.scene import Scene

BATCH = 32
"""Of which the number of rows stays a multiple."""


def ascend(
    scene: Scene,
    objective: Objective,
    start: Float[Tensor, " row *observation"],
    steps: int,
    enough: float = math.inf,
) -> tuple[Float[Tensor, " row *observation"], Float[Tensor, " row"]]:
    """The best change found from a start, and its objective."""
    return _climb(scene, objective, start, [2 * (1 - k / steps) for k in range(steps)], enough)


def _climb(
    scene: Scene,
    objective: Objective,
    delta: Float[Tensor, " row *observation"],
    lengths: list[float],
    enough: float,
) -> tuple[Float[Tensor, " row *observation"], Float[Tensor, " row"]]:
    best, highest = delta, torch.full_like(scene.sizes, -torch.inf)
    for k, length in enumerate(lengths):
        value, gradient = sloped(scene, objective, delta)
        best, highest = better(best, highest, delta, value, enough)
        step = scene.of_size(scene.budget.steepest(gradient)) * length
        before, delta = delta, scene.admissible(delta + step)
        # what a step does not move is moved by no later one, as these are shorter
        going = (delta != before).flatten(1).any(1) & (highest <= enough)
        if not bool(going.any()):
            return best, highest
        rows = few(going)
        if 2 * len(rows) <= len(going):
            part, rest = scene.at(rows), lengths[k + 1 :]
            found, value = _climb(part, objective.of(rows), delta[rows], rest, enough)
            return better_in(rows, best, highest, found, value, enough)
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


def few(wanted: Bool[Tensor, " row"]) -> Int[Tensor, " some"]:
    """The rows that are wanted, some of them twice to fill a batch; all where that is no more."""
    rows = wanted.nonzero()[:, 0]
    size = -(-len(rows) // BATCH) * BATCH
    if size >= len(wanted):
        return torch.arange(len(wanted))
    return torch.cat([rows, rows[:1].expand(size - len(rows))])


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


def better_in(  # noqa: PLR0913  what `better` takes, and where
    rows: Int[Tensor, " some"],
    best: Float[Tensor, " row *observation"],
    highest: Float[Tensor, " row"],
    other: Float[Tensor, " some *observation"],
    value: Float[Tensor, " some"],
    enough: float = math.inf,
) -> tuple[Float[Tensor, " row *observation"], Float[Tensor, " row"]]:
    """What `better` says, where there is another change in some rows only."""
    found, reached = better(best[rows], highest[rows], other, value, enough)
    return best.index_copy(0, rows, found), highest.index_copy(0, rows, reached)
