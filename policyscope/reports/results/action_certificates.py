"""How far do single decisions certainly stand?"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from policyscope import statistics
from policyscope.reports.results.measure import Measure
from policyscope.statistics import Estimate


@dataclass(frozen=True, eq=False)
class ActionCertificates:
    """How far does the action in single states certainly stand, each way to certify it?"""

    methods: tuple[str, ...]
    """Of each way: `smoothing`, of the policy under noise; `lines` or `intervals`, of its own."""
    norms: tuple[str, ...]
    """Of each way: `l2` or `linf`."""
    radii: Float[np.ndarray, " way decision"]
    """Within which each state's action stays, in units; none for continuous actions."""
    epsilons: tuple[float, ...]
    """Radii at which continuous actions are bounded; none for discrete ones."""
    changes: Float[np.ndarray, " way epsilon state"]
    """By how much a continuous action changes at most, its worst dimension in half ranges."""
    reach: float
    """No radius is looked for beyond; those of smoothing end before."""
    sigma: float
    """Deviation of the noise of `smoothing`, in units."""
    draws: int
    """Of the noise in each state."""
    missing: str | None
    """Why there are no deterministic bounds, where there are none."""
    confidence: float
    """Of all that smoothing certifies here together; the other bounds are certain."""

    def measures(self, unit: str) -> Iterator[Measure]:
        """See `Certificate.MEASURES`; `unit` is what radii count."""
        for i, (method, norm) in enumerate(zip(self.methods, self.norms, strict=True)):
            where = (("method", method), ("norm", norm))
            if self.epsilons:
                for j, epsilon in enumerate(self.epsilons):
                    change = self._median(self.changes[i, j])
                    here = (*where, ("epsilon", f"{epsilon:g}"))
                    yield Measure("action_change_bound", here, change, "half ranges")
            else:
                radius = self._median(self.radii[i])
                if i == 0:
                    yield Measure("action_radius", (), radius, unit)
                yield Measure("action_radius", where, radius, unit)

    def _median(self, values: Float[np.ndarray, " state"]) -> Estimate:
        return statistics.median(values, self.confidence)
