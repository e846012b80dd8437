"""How far do single actions certainly stand?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from policyscope import statistics
from policyscope.reports.results.measure import Measure
from policyscope.statistics import Estimate


@dataclass(frozen=True, eq=False)
class ActionCertificates:
    """How far does the action in single states certainly stand, each way to certify it?

    Beside certified returns, or alone where no return can be certified.
    """

    MEASURES: ClassVar[dict[str, str]] = {
        "action_radius[method,norm]": "within which the action certainly stays, or a continuous "
        "one within a tolerance of where it is, median over visited states: by smoothing, of the "
        "noisy policy and with the stated confidence; by lines or intervals, of the policy itself "
        "and for certain. Alone, that of smoothing",
        "action_change_bound[method,norm,epsilon]": "likewise, by how much a continuous action "
        "changes at most within epsilon: its worst dimension, in half ranges",
    }
    methods: tuple[str, ...]
    """Of each way: `smoothing`, of the policy under noise; `lines` or `intervals`, of its own."""
    norms: tuple[str, ...]
    """Of each way: `l2` or `linf`."""
    radii: Float[np.ndarray, " way state"]
    """Within which each state's action stays, in units."""
    tolerance: float
    """By how many half ranges a continuous action may move and stay; 0 for discrete ones."""
    epsilons: tuple[float, ...]
    """Radii at which continuous actions are bounded; none for discrete ones."""
    changes: Float[np.ndarray, " way epsilon state"]
    """By how much a continuous action changes at most, its worst dimension in half ranges."""
    reach: float
    """No radius is looked for beyond; those of smoothing end before."""
    sigma: float
    """Deviation of the noise of `smoothing`, in units."""
    unit: str
    """What noise and radii count, in the plural."""
    draws: int
    """Of the noise in each state."""
    missing: str | None
    """Why there are no deterministic bounds, where there are none."""
    confidence: float
    """Of all that smoothing certifies here together; the other bounds are certain."""
    alone: str = ""
    """Why no return is certified beside them, where none is."""

    @property
    def ways(self) -> tuple[tuple[str, str], ...]:
        """Method and norm of each."""
        return tuple(zip(self.methods, self.norms, strict=True))

    def radius(self, way: int) -> Estimate:
        """Median over states."""
        return self._median(self.radii[way])

    def measures(self) -> Iterator[Measure]:
        """See `MEASURES`."""
        yield Measure("action_radius", (), self.radius(0), self.unit)
        for i, (method, norm) in enumerate(self.ways):
            where = (("method", method), ("norm", norm))
            yield Measure("action_radius", where, self.radius(i), self.unit)
            for j, epsilon in enumerate(self.epsilons):
                change = self._median(self.changes[i, j])
                here = (*where, ("epsilon", f"{epsilon:g}"))
                yield Measure("action_change_bound", here, change, "half ranges")

    def _median(self, values: Float[np.ndarray, " state"]) -> Estimate:
        return statistics.median(values, self.confidence)
