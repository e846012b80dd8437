"""Steady: the same change of the action in every step, as a motor that is off makes.

    continuous   δ_i = ε h_i d_i / max_j |d_j|
    discrete     the same action whenever a coin falls for it

The direction is found by `direction_search`: nothing is asked of the policy, only the return.
"""

from dataclasses import dataclass

from jaxtyping import Float, Int, Shaped
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Steady:
    """The same change in every step."""

    directions: Float[Tensor, " direction output"]
    """Episode i goes along number i mod their number."""

    @property
    def draws(self) -> tuple[int, int]:
        """See `Disturbance.draws`."""
        return 0, 0

    def wish(
        self,
        episodes: Int[Tensor, " row"],
        observations: Shaped[Tensor, " row *observation"],
        draws: Float[Tensor, " row draw number"],
    ) -> Float[Tensor, " row output"]:
        """See `Disturbance.wish`."""
        del observations, draws
        return self.wishes[episodes % len(self.directions)]

    @property
    def wishes(self) -> Float[Tensor, " direction output"]:
        """Each direction, as long as may be."""
        longest = self.directions.abs().amax(1, keepdim=True)
        return self.directions / longest.clamp_min(1e-30)
