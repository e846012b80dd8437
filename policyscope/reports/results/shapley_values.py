"""How much does each feature contribute to what the policy does, and what does the same?"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int, Shaped

from policyscope.reports.results.measure import Measure
from policyscope.reports.results.surrogates import Surrogates
from policyscope.statistics import Estimate


@dataclass(frozen=True, eq=False)
class OnManifold:
    """The same shared out by what the policy does where features are known to be like this."""

    values: Float[np.ndarray, " state feature output"]
    base: Float[np.ndarray, " state output"]
    importance: tuple[Estimate, ...]
    """Per feature: mean |φ|, summed over outputs."""
    importance_each: tuple[tuple[Estimate, ...], ...]
    """Per feature and output."""
    matches: Float[np.ndarray, " size"]
    """How many visited states agree in 0, 1, … d − 1 features, the median."""
    alone: Estimate
    """Share of the sets of features in which no other visited state agrees."""
    tolerance: float
    """How far features are apart that agree, in usual changes of each."""
    visited: int
    """How many visited states might agree."""


@dataclass(frozen=True, eq=False)
class ShapleyValues:
    """How much does each feature contribute to what the policy does?"""

    MEASURES: ClassVar[dict[str, str]] = {
        "importance[feature]": "mean |φ| over visited states, summed over all outputs, in the "
        "interventional game",
        "importance[feature,action]": "the same of a single output",
        "importance_on_manifold[feature]": "mean |φ| in the game on the manifold, summed over all "
        "outputs",
        "importance_on_manifold[feature,action]": "the same of a single output",
        "no_match": "share of the sets of features in which no other visited state agrees with the "
        "explained one, so that the game on the manifold says nothing",
        "efficiency_error": "mean distance of the values' sum from what they share out",
        "standard_error": "mean standard error of single values, for the background and, where "
        "they are sampled, the permutations",
        **{f"surrogate.{name}": meaning for name, meaning in Surrogates.MEASURES.items()},
    }
    features: tuple[str, ...]
    actions: tuple[str, ...]
    """Names of the outputs: of discrete actions, or of the dimensions of a continuous one."""
    quantity: str
    """What is shared out, in words."""
    measured_in: str
    """And its unit: `probability` or `half range`."""
    discrete: bool
    """Whether an action is chosen, or else its size."""
    how: str
    """What the interventional values rest on, in words."""
    states: Shaped[np.ndarray, " state feature"]
    """What was seen, in the environment's units."""
    episodes: Int[np.ndarray, " state"]
    """The episode that each state is from."""
    times: Int[np.ndarray, " state"]
    """The step of that episode."""
    outputs: Float[np.ndarray, " state output"]
    """What is done there."""
    base: Float[np.ndarray, " state output"]
    """What is done when nothing is known."""
    values: Float[np.ndarray, " state feature output"]
    """φ in the interventional game."""
    errors: Float[np.ndarray, " state feature output"]
    """Standard error of each value."""
    importance: tuple[Estimate, ...]
    """Per feature: mean |φ|, summed over outputs."""
    importance_each: tuple[tuple[Estimate, ...], ...]
    """Per feature and output."""
    efficiency_error: Estimate
    standard_error: Estimate
    on_manifold: OnManifold | None
    """None where there are too many features for it."""
    surrogates: Surrogates
    """Readable policies in place of the network."""
    unit: str = "episodes"
    """What intervals rest on a number of, in the plural."""

    @property
    def shares(self) -> Float[np.ndarray, " feature"]:
        """Each feature's part of the importance of all; 0 of nothing is 0."""
        return _shares(self.importance)

    @property
    def shares_on_manifold(self) -> Float[np.ndarray, " feature"]:
        """The same in the game on the manifold; empty where it was not played."""
        return _shares(() if self.on_manifold is None else self.on_manifold.importance)

    def measures(self) -> Iterator[Measure]:
        """See `MEASURES`."""
        yield from self._importance("importance", self.importance, self.importance_each)
        on = self.on_manifold
        if on is not None:
            name = "importance_on_manifold"
            yield from self._importance(name, on.importance, on.importance_each)
            yield Measure("no_match", (), on.alone, "share")
        yield Measure("efficiency_error", (), self.efficiency_error, self.measured_in)
        yield Measure("standard_error", (), self.standard_error, self.measured_in)
        for measure in self.surrogates.measures():
            yield replace(measure, name=f"surrogate.{measure.name}")

    def _importance(
        self, name: str, wholes: tuple[Estimate, ...], each: tuple[tuple[Estimate, ...], ...]
    ) -> Iterator[Measure]:
        for feature, whole, parts in zip(self.features, wholes, each, strict=True):
            of = ("feature", feature.replace(" ", "_"))
            yield Measure(name, (of,), whole, self.measured_in)
            for action, part in zip(self.actions, parts, strict=True):
                condition = ("action", action.replace(" ", "_"))
                yield Measure(name, (of, condition), part, self.measured_in)


def _shares(importance: tuple[Estimate, ...]) -> Float[np.ndarray, " feature"]:
    sizes = np.array([estimate.value for estimate in importance])
    whole = sizes.sum()
    return sizes / whole if whole > 0 else sizes
