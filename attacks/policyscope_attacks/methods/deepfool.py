"""DeepFool: step by step onto the nearest of the linearised boundaries.

    k = argmin_k −f_k(δ_i) / ‖u ∇f_k(δ_i)‖_*      r_{i+1} = r_i + distance_k · d_k

with f_k the lead of another action (see `boundaries`), d_k the change of length one along which it
grows most in the budget's norm, and δ_i = (1 + η) r_i, a little beyond. A row ends at its first
other action; for a linear policy that is (1 + η) times its exact distance after one step. What is
longer than the budget is cut, as what any attack proposes is.

For continuous actions, which have no boundary, one is drawn where the mean action has moved by half
of half its range (see `objectives.crossing`), and the first tangent is taken at a small random δ.

Reference: Moosavi-Dezfooli, Fawzi, Frossard 2016, https://arxiv.org/abs/1511.04599
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from policyscope.policies.flips import is_discrete
from policyscope_attacks.ascent import better, sloped
from policyscope_attacks.boundaries import Boundaries, Rivals
from policyscope_attacks.objectives import clean_scores, crossing
from policyscope_attacks.scene import Scene

FIRST = 0.01
"""Length of the random start for continuous actions, as a share of the budget."""


@dataclass(frozen=True)
class DeepFool:
    """Step by step onto the nearest of the linearised boundaries."""

    steps: int = 10
    overshoot: float = 0.02
    """η."""

    white_box: ClassVar[bool] = True

    @property
    def draws(self) -> int:
        """See `Attack.draws`."""
        return 1

    def delta(self, scene: Scene) -> Float[Tensor, " row *observation"]:
        """See `Attack.delta`."""
        clean = clean_scores(scene)
        objective = crossing(scene.policy, clean)
        rivals = Rivals.of(scene.policy, clean) if is_discrete(scene.policy) else None
        start = 0.0 if rivals is not None else FIRST
        walked = start * scene.anywhere(0)
        best, highest = walked, torch.full_like(scene.sizes, -torch.inf)
        for _ in range(self.steps):
            delta = scene.possible((1 + self.overshoot) * walked)
            if rivals is None:
                value, gradient = sloped(scene, objective, delta)
                tangents = Boundaries(value[:, None], gradient[:, None])
            else:
                tangents = Boundaries.at(scene, delta, rivals)
            best, highest = better(best, highest, delta, tangents.values.amax(1), enough=0.0)
            if bool(((highest > 0) | (scene.sizes <= 0)).all()):
                break
            walked = walked + tangents.onto_nearest(scene)
        else:
            delta = scene.possible((1 + self.overshoot) * walked)
            with torch.no_grad():
                value = objective(scene.scores(delta))
            best, highest = better(best, highest, delta, value, enough=0.0)
        return scene.admissible(best)
