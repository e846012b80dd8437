"""How good is it?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float, Int

from policyscope import statistics
from policyscope.reports.results.measure import Measure
from policyscope.statistics import Estimate


@dataclass(frozen=True, eq=False)
class EpisodeReturns:
    """How good is it? Returns of whole episodes under several arms, paired by episode."""

    MEASURES: ClassVar[dict[str, str]] = {
        "{arm}.mean": "mean undiscounted return of an episode",
        "{arm}.length": "mean length of an episode",
        "{arm}.truncated": "share of episodes that a time limit ended",
        "{arm}.advantage": "mean difference to the last arm in the return of the same episodes",
    }
    arms: tuple[str, ...]
    """What was played, the reference last."""
    returns: Float[np.ndarray, " arm episode"]
    lengths: Int[np.ndarray, " arm episode"]
    truncated: Bool[np.ndarray, " arm episode"]
    confidence: float

    def mean(self, arm: int) -> Estimate:
        """Mean return."""
        return statistics.mean(self.returns[arm], self.confidence)

    def advantage(self, arm: int) -> Estimate:
        """Mean paired difference to the reference."""
        return statistics.mean(self.returns[arm] - self.returns[-1], self.confidence)

    def measures(self) -> Iterator[Measure]:
        """See `MEASURES`."""
        for i, arm in enumerate(self.arms):
            yield Measure(f"{arm}.mean", (), self.mean(i), "reward")
            length = statistics.mean(self.lengths[i].astype(float), self.confidence)
            yield Measure(f"{arm}.length", (), length, "steps")
            ended = statistics.proportion(self.truncated[i], self.confidence)
            yield Measure(f"{arm}.truncated", (), ended, "share of episodes")
            if i < len(self.arms) - 1:
                yield Measure(f"{arm}.advantage", (), self.advantage(i), "reward")
