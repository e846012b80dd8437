"""What stands between the environment's observation and the policy.

A perturbation is the one way in which anything reaches the policy's eyes: noise, an adversary, a
mask, a natural shift. It gets the new observation of each lane, and that episode's own generator;
the loop keeps what the policy was shown and measures it. One that depends on what goes on behind
the eyes, as an adversary's does, is told that as well.
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int, Shaped

from policyscope.policies.policy import Memory, Policy
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


@dataclass(frozen=True, eq=False)
class Sight:
    """What is behind the policy's eyes when it is shown something, one row per lane."""

    episodes: Int[np.ndarray, " lane"]
    """The number of the episode in each."""
    frames: Shaped[np.ndarray, " lane frame *observation"] | None
    """What it was shown last, the newest behind; None where it sees single observations."""
    memory: Memory
    """What a recurrent policy remembers."""


@runtime_checkable
class Adversary(Protocol):
    """A perturbation that depends on what the policy remembers, and on what it still sees."""

    purpose: ClassVar[str]
    """See `Perturbation.purpose`."""

    def attack(
        self,
        observations: Shaped[np.ndarray, " lane *observation"],
        sight: Sight,
        generators: Generators,
    ) -> Shaped[np.ndarray, " lane *observation"]:
        """What the policy is shown in place of these observations."""
        ...


@runtime_checkable
class Shift(Protocol):
    """Makes the perturbation that shows a policy another world: noise, other light, an adversary.

    Registered under the entry point group `policyscope.perturbations`; its name there is the name
    of the shift in reports.
    """

    def __call__(
        self,
        policy: Policy,
        visited: Shaped[np.ndarray, " step *observation"],
        scale: Float[np.ndarray, " *observation"],
    ) -> Perturbation | Adversary | None:
        """The perturbation, or None where it makes no sense.

        Args:
            policy: Whom it will be shown to, fitted to the environment.
            visited: New observations that it made there, before frames are stacked.
            scale: One unit of each feature of these, in the environment's units.
        """
        ...


@dataclass(frozen=True, eq=False)
class GaussianNoise:
    """Independent normal noise on every feature, one draw per new observation."""

    sigma: float | Float[np.ndarray, " *observation"]
    """Standard deviation, of all features or of each, in the observation's units."""

    purpose: ClassVar[str] = "gaussian noise"

    def perturb(
        self,
        observations: Shaped[np.ndarray, " lane *observation"],
        episodes: Int[np.ndarray, " lane"],
        generators: Generators,
    ) -> Shaped[np.ndarray, " lane *observation"]:
        """See `Perturbation.perturb`."""
        noise = generators.standard_normal(episodes, observations.shape[1:])
        return as_observations(observations + self.sigma * noise, observations.dtype)


def observation_noise(
    policy: Policy,
    visited: Shaped[np.ndarray, " step *observation"],
    scale: Float[np.ndarray, " *observation"],
) -> GaussianNoise:
    """Noise of a tenth of each feature's unit. See `Shift`."""
    del policy, visited
    return GaussianNoise(0.1 * scale)


def as_observations(
    values: Float[np.ndarray, " lane *observation"], dtype: np.dtype
) -> Shaped[np.ndarray, " lane *observation"]:
    """Numbers as observations of a type: pixels are rounded and stay pixels."""
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)
        values = np.clip(np.rint(values), limits.min, limits.max)
    return values.astype(dtype)
