"""Before noise: an adversary of a guarantee's threat model, and the noise that follows it.

What the adversary shows is taken as o_t + δ_t; of δ_t as much is kept as the episode's budget
still has,

    √Σ_t ‖δ_t / u‖² ≤ B,

and the noise comes on top, the same as without an adversary. So whoever it is, however it is
written, is within the threat model; it gets copies, and may not move what they are copies of.

Reference: Kumar, Levine & Feizi 2022, https://arxiv.org/abs/2106.11420
"""

from dataclasses import replace
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Shaped

from policyscope.rollouts.perturbation import Adversary, Sight
from policyscope.rollouts.seeds import Generators
from policyscope.rollouts.threat import Threat
from policyscope_certify.noise import SmoothingNoise

MOST = 1e100
"""Units of any feature; squares of more would be no numbers."""


class BeforeNoise:
    """An adversary and then the noise, for one run of `play` with this seed."""

    purpose: ClassVar[str] = SmoothingNoise.purpose

    def __init__(self, adversary: Adversary, threat: Threat, seed: int) -> None:
        self._adversary = adversary
        self._threat = threat
        self._noise = SmoothingNoise(threat.sigma * threat.unit)
        self._own = Generators(seed, adversary.purpose)
        self._spent: dict[int, float] = {}

    def attack(
        self,
        observations: Shaped[np.ndarray, " lane *observation"],
        sight: Sight,
        generators: Generators,
    ) -> Float[np.ndarray, " lane *observation"]:
        """See `policyscope.rollouts.perturbation.Adversary.attack`."""
        copy = replace(
            sight,
            episodes=sight.episodes.copy(),
            frames=None if sight.frames is None else sight.frames.copy(),
            memory=tuple(part.clone() for part in sight.memory),
        )
        shown = self._adversary.attack(observations.copy(), copy, self._own)
        exact = observations.astype(np.float64)
        moved = exact + self._afforded(shown - exact, sight.episodes.tolist())
        floating = np.issubdtype(observations.dtype, np.floating)
        dtype = observations.dtype if floating else np.float32
        return self._noise.perturb(moved, sight.episodes, generators).astype(dtype)

    def _afforded(
        self, delta: Float[np.ndarray, " lane *observation"], episodes: list[int]
    ) -> Float[np.ndarray, " lane *observation"]:
        """As much of each change as its episode can pay for; all that is no number is nothing."""
        shares = np.nan_to_num(delta / self._threat.unit, nan=0, posinf=0, neginf=0).clip(
            -MOST, MOST
        )
        costs = np.square(shares.reshape(len(shares), -1)).sum(1)
        spent = np.array([self._spent.get(episode, 0.0) for episode in episodes])
        # a last bit is left over, so that sums that round never exceed the whole
        left = np.maximum(self._threat.budget**2 * (1 - 1e-12) - spent, 0)
        part = np.sqrt(np.divide(left, costs, out=np.ones_like(left), where=costs > left))
        self._spent |= dict(zip(episodes, (spent + part**2 * costs).tolist(), strict=True))
        return shares * part.reshape(-1, *(1,) * (delta.ndim - 1)) * self._threat.unit
