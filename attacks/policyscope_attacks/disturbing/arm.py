"""Arm: where a disturbance takes hold, and what it does there."""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from policyscope.analyzers.subject import Subject
from policyscope.policies.policy import Policy
from policyscope.rollouts.actors import Actor
from policyscope_attacks.disturbing.disturbance import Disturbance


@runtime_checkable
class Measuring(Actor, Protocol):
    """A disturbed policy, for one run of `play`, that measures what was done to it."""

    def changes(self, lengths: Int[np.ndarray, " episode"]) -> Float[np.ndarray, " episode"]:
        """What was done to each of the episodes that were played."""
        ...


@runtime_checkable
class Arm(Protocol):
    """Where a disturbance takes hold."""

    def outputs(self, policy: Policy) -> int:
        """How many numbers a disturbance wishes."""
        ...

    def discrete(self, policy: Policy) -> bool:
        """Whether wishes are preferences among actions, see `Disturbance.wish`."""
        ...

    def held(self, subject: Subject) -> Subject:
        """The subject where it can be disturbed so."""
        ...

    def disturbed(
        self, policy: Policy, disturbance: Disturbance, epsilon: float, seed: int
    ) -> Measuring:
        """The policy under a disturbance of a size."""
        ...
