"""Projected gradient descent: many steps up the margin, from several starts.

The first start is δ = 0; others are random. Where actions are discrete, every restart after the
first aims at one other action, the next best first: the margin to the best other action has a local
maximum for each of them, and for a linear policy one step towards each finds them all.

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
from policyscope_attacks.ascent import ascend, better
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
        flat = not is_discrete(scene.policy) and not self.action
        start = scene.anywhere(0) if flat else torch.zeros_like(scene.observations)
        best, highest = ascend(scene, objective, start, self.steps, enough)
        for restart in range(1, self.restarts):
            if bool(((highest > enough) | (scene.sizes <= 0)).all()):
                break
            aim = self._aim(scene, objective, restart)
            found, _ = ascend(scene, aim, scene.anywhere(restart), self.steps, enough)
            with torch.no_grad():
                value = objective(scene.scores(found))
            best, highest = better(best, highest, found, value, enough)
        return best

    def _aim(self, scene: Scene, objective: Objective, restart: int) -> Objective:
        """The margin of one other action, where there are several and any will do."""
        if self.action or not isinstance(scene.policy.action_space, spaces.Discrete):
            return objective
        ranked = clean_scores(scene).argsort(1, descending=True)
        if ranked.shape[1] < 2:
            return objective
        place = 1 + (restart - 1) % (ranked.shape[1] - 1)
        return towards(scene.policy, ranked[:, place : place + 1].float())
