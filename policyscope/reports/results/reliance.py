"""Does the policy rely on what the picture shows?"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from policyscope import statistics
from policyscope.reports.results.measure import Measure
from policyscope.statistics import Estimate


def count_salient(size: int, rho: float) -> int:
    """How many of so many numbers count as salient: at least one, and never all of several."""
    return min(max(round((1 - rho) * size), 1), max(size - 1, 1))


@dataclass(frozen=True, eq=False)
class Reliance:
    """Does it rely on what the picture shows? What becomes of decisions when the rest is hidden."""

    masks: tuple[str, ...]
    """What is left: `salient`, only the most important share 1 − ρ of what was seen; `removed`, all
    but that; `random`, as large a share at random; `random_removed`, all but that."""
    size: int
    """Numbers in a frame of what was seen, or in all of it where it is no image."""
    rho: float
    """ρ: the share of them that is not among the most important; of what follows the actions."""
    rhos: tuple[float, ...]
    """The shares at which actions were compared."""
    keeps_action: tuple[tuple[Estimate, ...], ...]
    """Per mask and ρ: share of states whose action stays; closeness of continuous actions."""
    value_changes: tuple[tuple[Estimate, ...], ...]
    """Per mask and ρ: mean change of the value, in its standard deviations; none without one."""
    played: tuple[float, ...]
    """ρ at which episodes were played with masked observations; none without an environment."""
    quick: str
    """The method whose maps masked them: of images one that is quick enough for every step."""
    clean: Float[np.ndarray, " episode"]
    """Returns of these episodes with nothing masked."""
    returns: Float[np.ndarray, " mask played episode"]
    """Returns of the same episodes with every observation masked."""
    shifts: tuple[str, ...]
    """Changes of what is seen under which the picture should stay."""
    overlaps: tuple[Estimate, ...]
    """Intersection over union of the masks of ρ, with and without the shift."""
    rank_correlations: tuple[Estimate, ...]
    """Spearman's, of the maps with and without the shift."""
    predictability: Estimate | None
    """How well the mask of ρ is told from the policy's own features in states that were
    not trained on, as the area under the ROC curve less that of the mean mask; None without."""
    confidence: float

    def mean_return(self, mask: int, rho: int) -> Estimate:
        """Mean return when everything that is seen is masked."""
        return statistics.mean(self.returns[mask, rho], self.confidence)

    @property
    def chance_overlap(self) -> float:
        """Intersection over union of random masks of ρ, on average."""
        return statistics.chance_overlap(count_salient(self.size, self.rho), self.size)

    def measures(self) -> Iterator[Measure]:
        """See `Attribution.MEASURES`."""
        for i, mask in enumerate(self.masks):
            for j, rho in enumerate(self.rhos):
                where = (("mask", mask), ("rho", f"{rho:g}"))
                yield Measure("keeps_action", where, self.keeps_action[i][j], "share of states")
                if self.value_changes:
                    change = self.value_changes[i][j]
                    yield Measure("value_change", where, change, "standard deviations")
            for j, rho in enumerate(self.played):
                where = (("mask", mask), ("rho", f"{rho:g}"))
                yield Measure("return", where, self.mean_return(i, j), "reward")
        for i, shift in enumerate(self.shifts):
            yield Measure("mask_overlap", (("shift", shift),), self.overlaps[i], "share")
            correlation = self.rank_correlations[i]
            yield Measure("rank_correlation", (("shift", shift),), correlation, "Spearman's ρ")
        if self.predictability is not None:
            yield Measure("mask_predictability", (), self.predictability, "area")
