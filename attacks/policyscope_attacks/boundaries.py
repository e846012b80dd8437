"""Boundaries: how far all other decisions are, as a tangent at one point says it.

    f_k(δ) = l_k(s+δ) − l_{a*}(s+δ)         distance_k ≈ −f_k(δ) / ‖u ∇f_k(δ)‖_*

for every choice k other than the one a* that is made of the true observation, in each group of a
multi-discrete action; where an f_k is above 0 the action is another. ‖·‖_* is the norm dual to the
budget's. For a linear policy the distances are exact.

Reference: Moosavi-Dezfooli, Fawzi, Frossard 2016, https://arxiv.org/abs/1511.04599
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from policyscope.policies.policy import Policy
from policyscope_attacks.objectives import groups
from policyscope_attacks.scene import Scene

CANDIDATES = 9
"""Other choices that are looked at, the nearest in score; each costs a backward pass."""


@dataclass(frozen=True, eq=False)
class Rivals:
    """The choices that may replace those that are made, the best first."""

    own: Int[Tensor, " row rival"]
    """The score of the choice that each would replace."""
    other: Int[Tensor, " row rival"]
    """Its own score."""

    @classmethod
    def of(cls, policy: Policy, clean: Float[Tensor, " row output"]) -> "Rivals":
        """All of them, of a discrete policy that has the choice."""
        own, other, behind, first = [], [], [], 0
        for group in groups(policy, clean):
            order = group.argsort(dim=1, descending=True, stable=True)
            chosen, others = order[:, :1].expand(-1, group.shape[1] - 1), order[:, 1:]
            own.append(first + chosen)
            other.append(first + others)
            behind.append(group.gather(1, chosen) - group.gather(1, others))
            first += group.shape[1]
        nearest = torch.cat(behind, 1).argsort(dim=1, stable=True)[:, :CANDIDATES]
        return cls(torch.cat(own, 1).gather(1, nearest), torch.cat(other, 1).gather(1, nearest))


@dataclass(frozen=True, eq=False)
class Boundaries:
    """The tangents of all rivals' leads."""

    values: Float[Tensor, " row rival"]
    """How far each rival leads; below 0 where it does not."""
    gradients: Float[Tensor, " row rival *observation"]

    @classmethod
    def at(
        cls, scene: Scene, delta: Float[Tensor, " row *observation"], rivals: Rivals
    ) -> "Boundaries":
        """As seen from a change."""
        moving = delta.detach().clone().requires_grad_()
        scores = scene.scores(moving)
        leads = scores.gather(1, rivals.other) - scores.gather(1, rivals.own)
        columns = leads.unbind(1)
        gradients = [
            torch.autograd.grad(column.sum(), moving, retain_graph=True)[0] for column in columns
        ]
        return cls(leads.detach(), torch.stack(gradients, 1))

    def slopes(self, scene: Scene) -> Float[Tensor, " row rival"]:
        """How much each lead grows along its steepest change of length one."""
        flat = self.gradients.flatten(0, 1)
        rise = (scene.budget.steepest(flat) * flat).flatten(1).sum(1)
        return rise.view_as(self.values)

    def reach(self, scene: Scene) -> Float[Tensor, " row rival"]:
        """How far each rival can be led within the budget."""
        return self.values + scene.sizes[:, None] * self.slopes(scene)

    def gradient(self, rival: Int[Tensor, " row"]) -> Float[Tensor, " row *observation"]:
        """That of one rival in each row."""
        return self.gradients[torch.arange(len(rival)), rival]

    def onto_nearest(self, scene: Scene) -> Float[Tensor, " row *observation"]:
        """The shortest change onto any of them from where they touch; none where nothing rises."""
        slopes = self.slopes(scene)
        distances = torch.where(slopes > 0, -self.values / slopes, torch.inf)
        nearest = distances.clamp_min(0).min(1)
        length = torch.where(nearest.values.isfinite(), nearest.values, 0.0)
        direction = scene.budget.steepest(self.gradient(nearest.indices))
        return direction * length.view(-1, *(1,) * (direction.ndim - 1))
