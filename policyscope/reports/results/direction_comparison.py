"""How do the unstable directions of two policies differ?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from policyscope.reports.results.measure import Measure
from policyscope.statistics import Estimate

POLICIES: tuple[str, ...] = ("first", "second", "rerun")
"""Two policies, and an independent run of the first: the baseline of every difference."""
PAIRS = (("second", "first"), ("first", "second"), ("rerun", "first"))
"""Whose principal direction, on whose moment."""
CHANGES = (("second", "first"), ("rerun", "first"))
"""Whose number over whose."""


@dataclass(frozen=True, eq=False)
class DirectionComparison:
    """How do the directions along which decisions break differ between two policies?"""

    MEASURES: ClassVar[dict[str, str]] = {
        "correlation[of,on]": "Λ of one policy's principal direction on the other's moment; rerun "
        "is an independent run of the first",
        "eigenvalue_share[policy]": "share of the gradients' squared length along the principal "
        "direction",
        "concentration[policy]": "effective number of features in the principal direction, 1/ΣGᵢ⁴",
        "oscillation[policy]": "standard deviation over mean of the gradient's length along an "
        "episode",
        "gradient_length[policy]": "mean length of the gradient",
        "concentration_change[of]": "ratio to the first policy's",
        "oscillation_change[of]": "ratio to the first policy's",
        "gradient_length_change[of]": "ratio to the first policy's",
    }
    files: tuple[str, str]
    """Of the two policies."""
    features: tuple[str, ...]
    """Names; none for images."""
    shape: tuple[int, ...]
    """Of what the policies see."""
    scale: Float[np.ndarray, " feature"]
    """One unit of each feature, the first policy's, in the environment's units."""
    directions: Float[np.ndarray, " policy feature"]
    """Principal direction of each, of length one in these units."""
    correlations: tuple[Estimate, ...]
    """Λ, in the order of `PAIRS`."""
    shares: tuple[Estimate, ...]
    """Of each policy, as the three that follow."""
    concentrations: tuple[Estimate, ...]
    oscillations: tuple[Estimate, ...]
    gradient_lengths: tuple[Estimate, ...]
    concentration_changes: tuple[Estimate, ...]
    """In the order of `CHANGES`, as the two that follow."""
    oscillation_changes: tuple[Estimate, ...]
    gradient_length_changes: tuple[Estimate, ...]

    def measures(self) -> Iterator[Measure]:
        """See `MEASURES`."""
        for (of, on), estimate in zip(PAIRS, self.correlations, strict=True):
            yield Measure("correlation", (("of", of), ("on", on)), estimate, "Λ")
        for name, unit, estimates in (
            ("eigenvalue_share", "share", self.shares),
            ("concentration", "features", self.concentrations),
            ("oscillation", "relative", self.oscillations),
            ("gradient_length", "per unit of each feature", self.gradient_lengths),
        ):
            for policy, estimate in zip(POLICIES, estimates, strict=True):
                yield Measure(name, (("policy", policy),), estimate, unit)
        for name, estimates in (
            ("concentration_change", self.concentration_changes),
            ("oscillation_change", self.oscillation_changes),
            ("gradient_length_change", self.gradient_length_changes),
        ):
            for (of, _), estimate in zip(CHANGES, estimates, strict=True):
                yield Measure(name, (("of", of),), estimate, "ratio")
