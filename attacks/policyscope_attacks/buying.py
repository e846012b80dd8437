"""Buying: the smallest change that leads to another action, of the actions that are worth most.

    δ_a = argmin { length(δ) : argmax_b l_b(s + δ) = a }        for each other action a
    spend δ_a of the a that is worth most, of those worth more than a threshold that can be paid;
    and nothing where there is none

δ_a is found by Newton's steps towards the boundary along the steepest change of the budget's norm,
and shortened by halving: an upper bound of the smallest. Rows of which the first step says that
several times what is left would be needed are given up.

References: Kumar, Levine & Feizi 2022, https://arxiv.org/abs/2106.11420, appendix M (thresholds);
Moosavi-Dezfooli, Fawzi & Frossard 2016, https://arxiv.org/abs/1511.04599 (steps)
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from policyscope_attacks.ascent import sloped
from policyscope_attacks.objectives import Objective, towards
from policyscope_attacks.scene import Scene

OVERSHOOT = 1.02
"""How much further than where the boundary seems to be a step goes."""
HOPELESS = 3.0
"""How many times what is left a step may need at first sight."""
STEPS, HALVINGS = 5, 4


def bought(
    scene: Scene, worth: Float[Tensor, " row action"], threshold: float
) -> Float[Tensor, " row *observation"]:
    """The smallest change found to the action worth most that is worth it and can be paid.

    Args:
        scene: Of a policy that makes one choice.
        worth: Of each action, 0 or less where nothing is gained by it.
        threshold: What an action must be worth more than; 0 or more.
    """
    found = torch.zeros_like(scene.observations)
    gained = torch.zeros_like(scene.sizes)
    for action, gains in enumerate(worth.unbind(1)):
        tempting = (gains > threshold) & (gains > gained) & (scene.sizes > 0)
        delta, paid = _smallest(scene, action, tempting)
        found = torch.where(_column(paid, delta), delta, found)
        gained = torch.where(paid, gains, gained)
    return found


def _smallest(
    scene: Scene, action: int, rows: Bool[Tensor, " row"]
) -> tuple[Float[Tensor, " row *observation"], Bool[Tensor, " row"]]:
    """A small change to an action in some of the rows, and where it can be paid."""
    objective = towards(scene.policy, torch.full((len(rows), 1), float(action)))
    delta = torch.zeros_like(scene.observations)
    most = HOPELESS * scene.sizes
    for _ in range(STEPS):
        if not bool(rows.any()):
            return delta, rows
        value, gradient = sloped(scene, objective, delta)
        direction = scene.budget.steepest(gradient)
        slope = (gradient * direction).flatten(1).sum(1)
        length = -OVERSHOOT * value / slope.clamp_min(torch.finfo(slope.dtype).tiny)
        going = rows & (value <= 0)
        if not bool(going.any()):
            break
        rows = rows & ~(going & (length > most))
        length = torch.where(going & rows, length, 0.0)
        delta = delta + direction * _column(length, delta)
    delta = _shortened(scene, objective, delta)
    affordable = scene.budget.length(delta) <= scene.sizes.double()
    return delta, rows & affordable & _above(scene, objective, delta)


def _shortened(
    scene: Scene, objective: Objective, delta: Float[Tensor, " row *observation"]
) -> Float[Tensor, " row *observation"]:
    """The shortest part of each change that was seen to do."""
    low, high = torch.zeros_like(scene.sizes), torch.ones_like(scene.sizes)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        enough = _above(scene, objective, delta * _column(middle, delta))
        low, high = torch.where(enough, low, middle), torch.where(enough, middle, high)
    return delta * _column(high, delta)


def _above(
    scene: Scene, objective: Objective, delta: Float[Tensor, " row *observation"]
) -> Bool[Tensor, " row"]:
    with torch.no_grad():
        return objective(scene.scores(delta)) > 0


def _column(rows: Tensor, like: Tensor) -> Tensor:
    return rows.view(-1, *(1,) * (like.ndim - 1))
