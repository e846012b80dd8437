"""Policy adversary, actor and director: a learned direction in the space of actions.

The director, trained on the adversary's reward, says in which direction d(s) the scores should go;
the actor finds the change of the observation that takes them there, one step up the gradient:

    δ = ε · argmax_{length(v) = 1} ⟨∇_δ ⟨d(s), scores(s+δ)⟩, v⟩

Learning is in the space of actions, which is small, and the gradient through the policy does the
rest. Discrete actions have their scores in the mean action's place. Of images the director sees the
policy's scores in place of pixels, see `sight`.

Reference: Sun et al. 2022, Who Is the Strongest Enemy?, https://arxiv.org/abs/2106.05087
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from policyscope_attacks.ascent import sloped
from policyscope_attacks.mind import Mind
from policyscope_attacks.objectives import along
from policyscope_attacks.scene import Scene
from policyscope_attacks.sight import glimpse


@dataclass(frozen=True, eq=False)
class PolicyDirector:
    """A learned direction in the space of actions, and a gradient to get there."""

    mind: Mind
    exploring: bool = False

    white_box: ClassVar[bool] = True

    @property
    def draws(self) -> int:
        """See `Attack.draws`."""
        return self.mind.draws

    def delta(self, scene: Scene) -> Float[Tensor, " row *observation"]:
        """See `Attack.delta`."""
        with torch.no_grad():
            aim = self.mind.chosen(glimpse(scene), scene.draws.flatten(2), self.exploring)
        still = torch.zeros_like(scene.observations)
        _, gradient = sloped(scene, along(aim), still)
        return scene.of_size(scene.budget.steepest(gradient))
