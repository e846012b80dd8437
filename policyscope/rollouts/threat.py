"""Threat: what a guarantee promises to withstand, and who tries to show it wrong.

A guarantee is a lower bound of what is left under every adversary of a threat model; what one of
them leaves is an upper bound. Whoever makes guarantees finds adversaries by entry point, plays
them, measures what they spend and cuts what is too much: neither side knows the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from policyscope.policies.policy import Policy
from policyscope.rollouts.perturbation import Adversary
from policyscope.rollouts.visited import Visited


@dataclass(frozen=True, eq=False)
class Threat:
    """The threat model of policy smoothing: noise follows what the adversary adds.

    The policy sees o_t + δ_t + u σ ξ_t with ξ_t ~ N(0, I), and √Σ_t ‖δ_t / u‖² ≤ budget over a
    whole episode.
    """

    policy: Policy
    """Fitted to its environment, and without the noise."""
    visited: Visited
    """What it was shown in episodes of its own, without noise or adversary."""
    unit: Float[np.ndarray, " *observation"]
    """u, of each feature of a new observation, in the environment's units."""
    budget: float
    sigma: float
    """Deviation of the noise, in units."""


@runtime_checkable
class Opponents(Protocol):
    """Those who try to show a guarantee wrong.

    Registered under the entry point group `policyscope.adversaries`.
    """

    def __call__(self, threat: Threat) -> Mapping[str, Adversary]:
        """Adversaries by name, each for one run of `play`; none where none makes sense.

        They see observations before the noise of the step; frames and memory as they were with it.
        """
        ...
