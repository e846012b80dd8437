"""What stands between the environment's observation and the policy.

A perturbation is the one way in which anything reaches the policy's eyes: noise, an adversary, a
mask, a natural shift. It gets the new observation of each lane, and that episode's own generator;
the loop keeps what the policy was shown and measures it.
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int, Shaped

from policyscope.rollouts.seeds import Generators


@runtime_checkable
class Perturbation(Protocol):
    """Changes what the policy is shown."""

    purpose: ClassVar[str]
    """Names its randomness: its generators come from (seed, purpose, episode)."""

    def perturb(
        self,
        observations: Shaped[np.ndarray, " lane *observation"],
        episodes: Int[np.ndarray, " lane"],
        generators: Generators,
    ) -> Shaped[np.ndarray, " lane *observation"]:
        """What the policy is shown in place of these observations."""
        ...


@dataclass(frozen=True)
class GaussianNoise:
    """Independent normal noise on every feature, one draw per new observation."""

    sigma: float
    """Standard deviation, in the observation's units."""

    purpose: ClassVar[str] = "gaussian noise"

    def perturb(
        self,
        observations: Shaped[np.ndarray, " lane *observation"],
        episodes: Int[np.ndarray, " lane"],
        generators: Generators,
    ) -> Shaped[np.ndarray, " lane *observation"]:
        """See `Perturbation.perturb`."""
        shape = observations.shape[1:]
        noise = np.stack([generators.of(e).standard_normal(shape) for e in episodes.tolist()])
        return (observations + self.sigma * noise).astype(observations.dtype)
