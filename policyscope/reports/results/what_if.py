"""What would have to be different for another decision?"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from policyscope.reports.results.measure import Measure
from policyscope.statistics import Estimate


@dataclass(frozen=True, eq=False)
class WhatIf:
    """What would have to be different? The smallest change of one feature that does it.

    Of policies with memory, of their newest observation.
    """

    cases: Int[np.ndarray, " case"]
    """The explained states that are examined, as their places among `Attribution.states`."""
    changes: Float[np.ndarray, " case feature 2"]
    """The smallest decrease and the smallest increase of each feature alone that changes the
    action, in the feature's own units, both positive; infinite where none within reach does."""
    becomes: Int[np.ndarray, " case feature 2"]
    """The action that is taken there, its number from 0 (several groups counted through, the last
    fastest); −1 where it stays."""
    units: Float[np.ndarray, " feature"]
    """A usual change of each feature."""
    reach: float
    """How far was searched, in usual changes."""
    turns: tuple[Estimate, ...]
    """Per feature: share of states in which it alone, within reach, changes the action."""

    @property
    def distances(self) -> Float[np.ndarray, " case feature"]:
        """The smallest change of each feature either way, in usual changes; infinite without."""
        smallest = self.changes.min(2)
        never = np.full(smallest.shape, np.inf)
        return np.divide(smallest, self.units, out=never, where=self.units > 0)

    def measures(self, features: tuple[str, ...]) -> Iterator[Measure]:
        """See `Attribution.MEASURES`."""
        for feature, share in zip(features, self.turns, strict=True):
            where = (("feature", feature.replace(" ", "_")),)
            yield Measure("turns_alone", where, share, "share of states")
