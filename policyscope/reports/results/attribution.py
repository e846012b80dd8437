"""What does it look at?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int

from policyscope.reports.results.measure import Measure
from policyscope.statistics import Estimate


@dataclass(frozen=True, eq=False)
class Attribution:
    """What does it look at? Contributions of features to scores, at visited states."""

    MEASURES: ClassVar[dict[str, str]] = {
        "importance[feature]": "share of the score's change that the feature is given credit for",
        "sensitivity[feature]": "share of the local slope, per standard deviation of the feature",
        "completeness_error": "mean distance of the credit's sum from the score's change, relative "
        "to that change; 0 is exact",
    }
    features: tuple[str, ...]
    outputs: tuple[str, ...]
    """What was explained: the chosen action's score, or each dimension of the action."""
    states: Float[np.ndarray, " state feature"]
    """Sampled observations, in the environment's units."""
    episodes: Int[np.ndarray, " state"]
    """The episode that each state is from."""
    chosen: Int[np.ndarray, " state output"]
    """The score explained there: of the chosen action, or of the output itself."""
    baseline: Float[np.ndarray, " feature"]
    """The observation that contributions are counted from."""
    contributions: Float[np.ndarray, " state output feature"]
    """In the score's units; they add up to the score minus the baseline's score."""
    gradients: Float[np.ndarray, " state output feature"]
    """Slope of the score, per unit of each feature."""
    importance: tuple[Estimate, ...]
    """Per feature, shares that add up to 1."""
    sensitivity: tuple[Estimate, ...]
    """Per feature, shares that add up to 1."""
    completeness_error: Estimate
    unit: str = "episodes"
    """What intervals rest on a number of, in the plural."""

    def measures(self) -> Iterator[Measure]:
        """See `MEASURES`."""
        for name in ("importance", "sensitivity"):
            for feature, estimate in zip(self.features, getattr(self, name), strict=True):
                condition = ("feature", feature.replace(" ", "_"))
                yield Measure(name, (condition,), estimate, "share")
        yield Measure("completeness_error", (), self.completeness_error, "relative")
