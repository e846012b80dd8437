"""Learned: a map from what is observed to a change of the action, by PPO on the adversary's reward.

    continuous   δ_i = ε h_i clip(f_i(s), −1, 1)
    discrete     argmax f(s), whenever a coin falls for it

For a policy that is fixed, disturbing it is a decision process of its own: RARL's adversary, that
is trained against a frozen protagonist and never trains it.

Reference: Pinto et al. 2017, https://arxiv.org/abs/1703.02702
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from policyscope_attacks.mind import Mind


@dataclass(frozen=True, eq=False)
class Learned:
    """A learned map from observation to change."""

    mind: Mind
    exploring: bool = False

    @property
    def draws(self) -> tuple[int, int]:
        """See `Disturbance.draws`."""
        return self.mind.draws, len(self.mind.mean)

    def wish(
        self,
        episodes: Int[Tensor, " row"],
        observations: Shaped[Tensor, " row *observation"],
        draws: Float[Tensor, " row draw number"],
    ) -> Float[Tensor, " row output"]:
        """See `Disturbance.wish`."""
        del episodes
        with torch.no_grad():
            return self.mind.chosen(observations.float(), draws, self.exploring)
