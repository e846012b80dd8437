"""Critic-guided: towards the actions that a critic thinks worst.

    discrete      minimise  Σ_a softmax(l(s+δ) / T)_a Q(s, a)
    continuous    minimise  Q(s, μ(s+δ))

Q is the policy's own, where its scores are q-values, else one that was learned (see `critic`). T is
the spread of the scores, so that the softmax is neither flat nor settled.

References: Pattanaik et al. 2018, https://arxiv.org/abs/1712.03632 (q-values);
Zhang et al. 2020, https://arxiv.org/abs/2003.08938 (Robust Sarsa)
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from policyscope.policies.flips import is_discrete
from policyscope.policies.gradients import action_units
from policyscope_attacks.ascent import ascend
from policyscope_attacks.critic import Critic
from policyscope_attacks.objectives import Objective, clean_scores
from policyscope_attacks.scene import Scene

SHARPNESS = 10.0
"""Spreads of the scores in one unit of the softmax."""


@dataclass(frozen=True, eq=False)
class CriticGuided:
    """Towards the actions that a critic thinks worst."""

    critic: Critic | None = None
    """None where the policy's scores are q-values."""
    steps: int = 10

    white_box: ClassVar[bool] = True

    @property
    def draws(self) -> int:
        """See `Attack.draws`."""
        return 1

    def delta(self, scene: Scene) -> Float[Tensor, " row *observation"]:
        """See `Attack.delta`."""
        return ascend(scene, self._objective(scene), scene.anywhere(0), self.steps)[0]

    def _objective(self, scene: Scene) -> Objective:
        clean = clean_scores(scene)
        seen = scene.observations.flatten(1)
        if not is_discrete(scene.policy):
            units = action_units(scene.policy).float()
            low, high = (
                torch.from_numpy(bound.flatten()).float()
                for bound in (scene.policy.action_space.low, scene.policy.action_space.high)  # pyright: ignore
            )
            critic = self._learned()
            return Objective(
                lambda scores, at: -critic(at, scores.float().clamp(low, high) / units)[:, 0],
                (seen,),
            )
        values = clean if self.critic is None else self.critic(seen, seen[:, :0])
        spread = clean.std(1, keepdim=True).clamp_min(1e-6)
        return Objective(
            lambda scores, worth, unit: -((SHARPNESS * scores / unit).softmax(1) * worth).sum(1),
            (values, spread),
        )

    def _learned(self) -> Critic:
        assert self.critic is not None, "continuous actions have no q-values"  # noqa: S101
        return self.critic
