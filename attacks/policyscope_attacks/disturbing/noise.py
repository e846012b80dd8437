"""Noise: a disturbance that knows nothing. Read every other beside it.

    continuous   δ_i = ε h_i u,  u uniform in [−1, 1], or its sign alone
    discrete     any action, each as likely

Signs spend all that there is in every step and every dimension, as the other disturbances do.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor


@dataclass(frozen=True)
class Noise:
    """Another change in every step, drawn."""

    outputs: int
    signs: bool = False
    """Whether every change is as large as may be."""

    @property
    def draws(self) -> tuple[int, int]:
        """See `Disturbance.draws`."""
        return 1, self.outputs

    def wish(
        self,
        episodes: Int[Tensor, " row"],
        observations: Shaped[Tensor, " row *observation"],
        draws: Float[Tensor, " row draw number"],
    ) -> Float[Tensor, " row output"]:
        """See `Disturbance.wish`."""
        del episodes, observations
        drawn = 2 * draws[:, 0] - 1
        return torch.where(drawn < 0, -1.0, 1.0) if self.signs else drawn
