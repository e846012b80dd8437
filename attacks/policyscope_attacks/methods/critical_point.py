"""Critical point: attack where another action would lead furthest from the policy's own course.

    D_a(s) = ‖ŝ_k(a, …, a, π, …, π) − ŝ_k(π, …, π)‖        k steps ahead, in deviations of features
    spend δ_a of the a with the largest D_a(s) > β that can be paid; and nothing where there is none

ŝ is what a model of the environment imagines (see `dynamics`) when the adversary has its way for
the first few of these steps, and the policy goes on from there as it does. The model sees the true
state of now and no later one. δ_a is the smallest change found that leads to action a, see
`buying`. The paper goes through all sequences of actions of the adversary, and measures how far
they lead with a function for each game; here one action is held, and the distance is plain.

Reference: Sun et al. 2020, Stealthy and Efficient Adversarial Attacks against Deep Reinforcement
Learning, https://arxiv.org/abs/2005.07099
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from policyscope.policies.policy import Policy
from policyscope_attacks.buying import bought
from policyscope_attacks.dynamics import Dynamics
from policyscope_attacks.scene import Scene


@dataclass(frozen=True, eq=False)
class CriticalPoint:
    """Attack where another action would lead furthest from the policy's own course."""

    dynamics: Dynamics
    threshold: float
    """β, in deviations of features."""
    held: int = 3
    """For how many steps the adversary is imagined to have its way."""
    ahead: int = 10
    """k, how many steps are imagined."""

    white_box: ClassVar[bool] = True

    @property
    def draws(self) -> int:
        """See `Attack.draws`."""
        return 0

    def delta(self, scene: Scene) -> Float[Tensor, " row *observation"]:
        """See `Attack.delta`."""
        return bought(scene, self.astray(scene.policy, scene.observations), self.threshold)

    def astray(
        self, policy: Policy, observations: Float[Tensor, " row feature"]
    ) -> Float[Tensor, " row action"]:
        """D_a(s) of each action; nothing of the one that the policy takes."""
        outputs = int(policy.outputs or 0)
        with torch.no_grad():
            own = policy.scores(observations)[0].argmax(1)
            # the rows of all actions side by side, and those of the policy's own course
            forced = torch.arange(outputs + 1).repeat_interleave(len(observations))
            where = observations.repeat(outputs + 1, 1)
            for step in range(self.ahead):
                chosen = policy.scores(where)[0].argmax(1)
                held = (forced < outputs) & (step < self.held)
                where = self.dynamics.after(where, torch.where(held, forced, chosen))
        *ends, course = self.dynamics.normal(where).split(len(observations))
        found = torch.stack([(end - course).norm(dim=1) for end in ends], 1)
        return found.scatter(1, own[:, None], 0.0)
