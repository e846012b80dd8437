"""Projected gradient descent: many steps up the margin, from several starts.

Where one of several actions is chosen, the margin to the best other one has a local maximum for
each, and the nearest in score need not be the nearest to be led to. So the first start is the step
that a tangent at δ = 0 says leads any of them furthest, and each restart, from a random δ, aims at
one of them, in that order. Elsewhere the first start is δ = 0, or random where nothing rises there.

Reference: Madry et al. 2018, https://arxiv.org/abs/1706.06083; margins and restarts with targets:
Croce & Hein 2020, https://arxiv.org/abs/2003.01690
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from gymnasium import spaces
from jaxtyping import Float
from torch import Tensor

from policyscope.policies.flips import is_discrete
from policyscope_attacks.ascent import ascend, better_in, few
from policyscope_attacks.boundaries import Boundaries, Rivals
from policyscope_attacks.objectives import Objective, aimed, clean_scores, towards
from policyscope_attacks.scene import Scene


@dataclass(frozen=True)
class Pgd:
    """Many steps up the margin, from several starts."""

    steps: int = 10
    restarts: int = 2
    """Starts in all."""
    action: tuple[float, ...] = ()
    """The action to be forced; any other than the policy's own where it is empty."""

    white_box: ClassVar[bool] = True

    @property
    def draws(self) -> int:
        """See `Attack.draws`."""
        return self.restarts

    def delta(self, scene: Scene) -> Float[Tensor, " row *observation"]:
        """See `Attack.delta`."""
        objective = aimed(scene, self.action)
        # another action is another action, however surely it is taken
        enough = 0.0 if is_discrete(scene.policy) else torch.inf
        start, aims = self._outset(scene, objective)
        best, highest = ascend(scene, objective, start, self.steps, enough)
        for restart in range(1, self.restarts):
            rows = few((highest <= enough) & (scene.sizes > 0))
            if not len(rows):
                break
            part, wanted = scene.at(rows), objective.of(rows)
            aim = aims[(restart - 1) % len(aims)].of(rows)
            found, _ = ascend(part, aim, part.anywhere(restart), self.steps, enough)
            with torch.no_grad():
                value = wanted(part.scores(found))
            best, highest = better_in(rows, best, highest, found, value, enough)
        return best

    def _outset(
        self, scene: Scene, objective: Objective
    ) -> tuple[Float[Tensor, " row *observation"], list[Objective]]:
        """The first start, and what the restarts raise in turn."""
        nowhere = torch.zeros_like(scene.observations)
        if not is_discrete(scene.policy) and not self.action:
            return scene.anywhere(0), [objective]
        several = (
            isinstance(scene.policy.action_space, spaces.Discrete) and scene.policy.outputs != 2
        )
        if self.action or not several:
            return nowhere, [objective]
        rivals = Rivals.of(scene.policy, clean_scores(scene))
        tangents = Boundaries.at(scene, nowhere, rivals)
        order = tangents.reach(scene).argsort(dim=1, descending=True, stable=True)
        start = scene.admissible(
            scene.of_size(scene.budget.steepest(tangents.gradient(order[:, 0])))
        )
        ranked = rivals.other.gather(1, order)
        return start, [towards(scene.policy, one[:, None].float()) for one in ranked.unbind(1)]
