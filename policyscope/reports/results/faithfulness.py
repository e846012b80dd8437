"""Is the picture true? Scores of every method of attribution beside those of chance."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from policyscope.reports.results.measure import Measure
from policyscope.statistics import Estimate

CHANCE = "random"
"""The name of attributions that know nothing."""


@dataclass(frozen=True, eq=False)
class Faithfulness:
    """Is the picture true? The same states explained by several methods, and each one scored."""

    methods: tuple[str, ...]
    """The best first; chance is not among them."""
    refused: tuple[str, ...]
    """Why a method's maps are not to be believed; empty where they may be."""
    advantages: tuple[Estimate, ...]
    """Area between insertion and deletion, less that of chance in the same states."""
    scores: tuple[str, ...]
    """Names of what was scored."""
    values: tuple[tuple[Estimate | None, ...], ...]
    """Of each method, every score; None where it makes no sense."""
    chance: tuple[Estimate | None, ...]
    """Every score of random attributions."""
    fractions: Float[np.ndarray, " point"]
    """Share of the numbers that were inserted or deleted."""
    insertion: Float[np.ndarray, " method point"]
    """How far the action is kept when only so many of the most important are there; chance last."""
    deletion: Float[np.ndarray, " method point"]
    """How far it is kept when so many of the most important are taken away; chance last."""
    skipped: tuple[tuple[str, str], ...]
    """Methods that could not be used, and why."""

    @property
    def believed(self) -> bool:
        """Whether the best method may be believed."""
        return bool(self.methods) and not self.refused[0]

    def measures(self) -> Iterator[Measure]:
        """See `Attribution.MEASURES`."""
        for method, values in zip(
            (*self.methods, CHANCE), (*self.values, self.chance), strict=True
        ):
            for score, value in zip(self.scores, values, strict=True):
                if value is not None:
                    where = (("method", method), ("score", score))
                    yield Measure("faithfulness", where, value, "score")
        for method, advantage in zip(self.methods, self.advantages, strict=True):
            yield Measure("advantage", (("method", method),), advantage, "area")
