"""How far do single actions certainly stand?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from policyscope import statistics
from policyscope.reports.results.measure import Measure
from policyscope.statistics import Estimate

QUANTILES = (0.1, 0.5, 0.9)
"""Of the distances to the next activation boundary."""


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
        "relu_distance[quantile]": "how far, in l2, the next activation boundary of a ReLU policy "
        "is: up to there its scores are exactly linear; the quantile over the same states, or "
        "their median",
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
    kinks: Float[np.ndarray, " piece"]
    """How far, in l2, the next activation boundary is, up to `reach`; none where no network was
    found to be linear in pieces."""
    bent: str | None
    """Why none was, of a network that could be followed."""
    alone: str = ""
    """Why no return is certified beside them, where none is."""

    @property
    def ways(self) -> tuple[tuple[str, str], ...]:
        """Method and norm of each."""
        return tuple(zip(self.methods, self.norms, strict=True))

    def radius(self, way: int) -> Estimate:
        """Median over states."""
        return self._median(self.radii[way])

    @property
    def own(self) -> int | None:
        """The place of the tightest radii, in l2, of the policy's own actions."""
        return self.ways.index(("lines", "l2")) if ("lines", "l2") in self.ways else None

    def kink(self) -> Estimate:
        """Median distance to the next activation boundary."""
        return self._median(self.kinks)

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

        if len(self.kinks):
            yield Measure("relu_distance", (), self.kink(), self.unit)
        for share in QUANTILES if len(self.kinks) else ():
            distance = statistics.quantile(self.kinks, share, self.confidence)
            where = (("quantile", f"{share:g}"),)
            yield Measure("relu_distance", where, distance, self.unit)

    def _median(self, values: Float[np.ndarray, " state"]) -> Estimate:
        return statistics.median(values, self.confidence)
