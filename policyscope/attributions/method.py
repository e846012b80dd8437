"""What a method of attribution is, and what it may know beside the moments it explains."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from policyscope.attributions.glimpses import Glimpses

Targets = Float[Tensor, " state target score"]
"""What is explained: sums of scores with these weights, several for each state.

The score of action a is one at a; a against b is one at a and minus one at b.
"""
Maps = Float[Tensor, " state target *seen"]
"""How much each number that was seen counts for each target."""


@dataclass(frozen=True, eq=False)
class Reference:
    """What a number that is seen is compared with."""

    baseline: Float[Tensor, " *seen"]
    """What stands in the place of what is taken away: the mean of what was seen."""
    unit: Float[Tensor, " *seen"]
    """A usual change of each number; 0 where it never changes."""

    @property
    def newest(self) -> "Reference":
        """Of the newest observation of a window."""
        return Reference(self.baseline[-1], self.unit[-1])


@runtime_checkable
class Method(Protocol):
    """A frozen dataclass of parameters, with the formula and its source on top of its file.

    Answers depend neither on which other states are asked for nor on their order: what is random
    is the same for all states, or comes from each state's own step.
    """

    def obstacle(self, glimpses: Glimpses) -> str | None:
        """Why it cannot explain this policy, or None where it can: `it needs gradients`."""
        ...

    def attribute(self, glimpses: Glimpses, targets: Targets, reference: Reference) -> Maps:
        """Explain each target in each state. Signed where the method has a sign."""
        ...
