"""What did adversaries leave of what is certified?"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True, eq=False)
class AttackedReturns:
    """What did adversaries of a certificate's threat model leave? An upper bound of the truth.

    The strongest of each noise and budget was chosen on other episodes than these.
    """

    budgets: tuple[float, ...]
    """Those that adversaries were played with, increasing; one of a budget is one of any larger."""
    strongest: tuple[tuple[str, ...], ...]
    """By name, of each noise and budget."""
    returns: Float[np.ndarray, " sigma budget run"]
    """Under noise and the strongest adversary, or 1 for a success and 0 for none."""
    untouched: Float[np.ndarray, " sigma run"]
    """Of the same episodes under the same noise, without an adversary."""
    limits: Float[np.ndarray, " sigma budget"]
    """Above what is left on average, all at once with `confidence`, whatever returns look like."""
    confidence: float
    """Of all limits together, far nearer to 1 than of an interval: alarms are seldom false."""

    @property
    def episodes(self) -> int:
        """How many each adversary played."""
        return self.returns.shape[2]

    def within(self, budget: float) -> int | None:
        """The largest budget played that is within this one; None where all are larger."""
        inside = [place for place, played in enumerate(self.budgets) if played <= budget]
        return inside[-1] if inside else None
