"""The result types: one per question, not one per method.

An analyzer answers with one of these, so that figures, findings, measures, JSON and the dashboard
know a handful of types and not every method. Arrays have named axes. A new question is a new type
here, and a figure for it in `figures.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float, Int

from policyscope import statistics
from policyscope.statistics import Estimate


@dataclass(frozen=True)
class Measure:
    """A number that a person may want to plot or to put a threshold on."""

    name: str
    """Dotted, stable, for example `returns.clean.mean`."""
    conditions: tuple[tuple[str, str], ...]
    """For example `(("feature", "pole_angle"),)`."""
    estimate: Estimate
    unit: str

    @property
    def key(self) -> str:
        """Name and conditions as one word: `saliency.importance[feature=pole_angle]`."""
        inside = ",".join(f"{axis}={value}" for axis, value in self.conditions)
        return f"{self.name}[{inside}]" if inside else self.name


@dataclass(frozen=True)
class NotApplicable:
    """The question makes no sense for this subject, and why."""

    MEASURES: ClassVar[dict[str, str]] = {}
    reason: str

    def measures(self) -> Iterator[Measure]:
        """None."""
        return iter(())


@dataclass(frozen=True)
class Failed:
    """The analyzer broke off; the others went on."""

    MEASURES: ClassVar[dict[str, str]] = {}
    error: str

    def measures(self) -> Iterator[Measure]:
        """None."""
        return iter(())


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

    def measures(self) -> Iterator[Measure]:
        """See `MEASURES`."""
        for name in ("importance", "sensitivity"):
            for feature, estimate in zip(self.features, getattr(self, name), strict=True):
                condition = ("feature", feature.replace(" ", "_"))
                yield Measure(name, (condition,), estimate, "share")
        yield Measure("completeness_error", (), self.completeness_error, "relative")


Result = EpisodeReturns | Attribution | NotApplicable | Failed
"""Everything an analyzer may answer."""
