"""The noise that smooths a policy: one normal draw for every new observation of an episode.

It is added before frames are stacked, so that the same noisy frame stays in the stack for as long
as it is there, and to the observation of the reset as to all others. What comes out is a number of
floating point and is neither clipped nor rounded, not even for pixels: the policy that the
certificate is about sees numbers, as it did where it was trained under noise. (To clip or to round
what the policy sees would keep the theorem, as a part of the policy; it would be another policy.)

Kumar, Levine & Feizi 2022, §3, https://arxiv.org/abs/2106.11420
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int, Shaped

from policyscope.analyzers.subject import Subject
from policyscope.rollouts.seeds import Generators
from policyscope.rollouts.units import usual_changes_of_new


@dataclass(frozen=True, eq=False)
class SmoothingNoise:
    """Independent normal noise on every feature of every new observation."""

    deviations: float | Float[np.ndarray, " *observation"]
    """Standard deviation, of all features or of each, in the environment's units."""

    purpose: ClassVar[str] = "smoothing noise"

    def perturb(
        self,
        observations: Shaped[np.ndarray, " lane *observation"],
        episodes: Int[np.ndarray, " lane"],
        generators: Generators,
    ) -> Float[np.ndarray, " lane *observation"]:
        """See `Perturbation.perturb`."""
        noise = generators.standard_normal(episodes, observations.shape[1:])
        floating = np.issubdtype(observations.dtype, np.floating)
        dtype = observations.dtype if floating else np.float32
        return (observations + self.deviations * noise).astype(dtype)


def deviations_of(subject: Subject) -> Float[np.ndarray, " *observation"]:
    """One standard deviation of each feature of a new observation, in the environment's units.

    That of its normaliser in training, else that of its own episodes; a feature that never moved
    there has a unit of one, so that no feature is free of noise. Of pixels it is the whole range.
    """
    unit = usual_changes_of_new(subject.policy, subject.visited).double().numpy()
    return np.where(unit > 0, unit, 1.0)


def deviations_name(subject: Subject) -> str:
    """What `deviations_of` counts, in the plural."""
    images = len(subject.policy.observation_shape or ()) > 1
    return "pixel ranges" if images else "standard deviations"
