"""Does a step along a direction matter?"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from policyscope import statistics
from policyscope.reports.results.measure import Measure
from policyscope.statistics import Estimate


@dataclass(frozen=True, eq=False)
class Impact:
    """Does it matter? What moving every observation does to decisions, and to returns."""

    along: tuple[str, ...]
    """Ways to move an observation."""
    epsilons: tuple[float, ...]
    """How far, in units of each feature."""
    clean: Float[np.ndarray, " episode"]
    """Returns of the episodes that are played again, unmoved; none without an environment."""
    returns: Float[np.ndarray, " along epsilon episode"]
    """Returns of the same episodes with every observation moved."""
    responses: tuple[tuple[Estimate, ...], ...]
    """Per way and distance: share of decisions that change, or change of continuous actions."""
    flip_along: tuple[str, ...]
    """Lines along which the nearest other decision was searched; none for continuous actions."""
    flip_distances: tuple[Estimate, ...]
    """Median distance along each line, in units of each feature."""
    flip_share: Estimate | None
    """Along the principal direction, as a share of the range of the visited states."""
    reach: float
    """The largest distance that was tried: a median there stands for all beyond."""
    confidence: float

    def mean_return(self, along: int, epsilon: int) -> Estimate:
        """Mean return when everything is moved."""
        return statistics.mean(self.returns[along, epsilon], self.confidence)

    def loss(self, along: int, epsilon: int) -> Estimate:
        """Mean paired loss of return."""
        return statistics.mean(self.clean - self.returns[along, epsilon], self.confidence)

    def measures(self) -> Iterator[Measure]:
        """See `DirectionSet.MEASURES`."""
        change = ("flip_rate", "share of states")
        if not self.flip_along:
            change = ("action_change", "half ranges")
        for i, way in enumerate(self.along):
            for j, epsilon in enumerate(self.epsilons):
                where = (("along", way), ("epsilon", f"{epsilon:g}"))
                if len(self.clean):
                    yield Measure("return", where, self.mean_return(i, j), "reward")
                    yield Measure("loss", where, self.loss(i, j), "reward")
                yield Measure(change[0], where, self.responses[i][j], change[1])
        for i, way in enumerate(self.flip_along):
            where = (("along", way),) if i else ()
            yield Measure("flip_distance", where, self.flip_distances[i], "units of each feature")
        if self.flip_share is not None:
            yield Measure("flip_share", (), self.flip_share, "share of the visited range")
