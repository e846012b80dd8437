"""Fast gradient sign method: one step, as long as may be, up the gradient.

    δ = ε · argmax_{length(d) = 1} ⟨∇J(0), d⟩ = ε u sign(u ∇J(0))  for linf

J is the margin of the decision (see `objectives`), whose gradient does not vanish where softmax is
certain. For continuous actions, where it is 0 at δ = 0, the gradient is taken at a random δ.

Reference: Goodfellow, Shlens, Szegedy 2015, https://arxiv.org/abs/1412.6572;
on policies: Huang et al. 2017, https://arxiv.org/abs/1702.02284
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from policyscope.policies.flips import is_discrete
from policyscope_attacks.ascent import sloped
from policyscope_attacks.objectives import aimed
from policyscope_attacks.scene import Scene


@dataclass(frozen=True)
class Fgsm:
    """One step up the gradient."""

    action: tuple[float, ...] = ()
    """The action to be forced; any other than the policy's own where it is empty."""

    white_box: ClassVar[bool] = True

    @property
    def draws(self) -> int:
        """See `Attack.draws`."""
        return 1

    def delta(self, scene: Scene) -> Float[Tensor, " row *observation"]:
        """See `Attack.delta`."""
        flat = not is_discrete(scene.policy) and not self.action
        start = scene.anywhere(0) if flat else torch.zeros_like(scene.observations)
        _, gradient = sloped(scene, aimed(scene, self.action), start)
        return scene.of_size(scene.budget.steepest(gradient))
