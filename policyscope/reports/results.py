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
    unit: str = "episodes"
    """What intervals rest on a number of, in the plural."""

    def measures(self) -> Iterator[Measure]:
        """See `MEASURES`."""
        for name in ("importance", "sensitivity"):
            for feature, estimate in zip(self.features, getattr(self, name), strict=True):
                condition = ("feature", feature.replace(" ", "_"))
                yield Measure(name, (condition,), estimate, "share")
        yield Measure("completeness_error", (), self.completeness_error, "relative")


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


@dataclass(frozen=True, eq=False)
class DirectionSet:
    """Along which directions do decisions break? Eigenvectors of the gradients' second moment."""

    MEASURES: ClassVar[dict[str, str]] = {
        "eigenvalue_share[k]": "share of the gradients' squared length that lies along direction k",
        "participation_ratio": "effective number of directions, (Σλ)²/Σλ²",
        "concentration": "effective number of features in the principal direction, 1/ΣGᵢ⁴",
        "oscillation": "standard deviation over mean of the gradient's length along an episode",
        "correlation[shift]": "Λ: the moment along the principal direction of the shifted states, "
        "relative to the largest possible; 1 where the direction stays",
        "chance_correlation": "Λ of a random direction, on average",
        "window_correlation": "mean Λ between successive windows of time; n counts pairs",
        "return[along,epsilon]": "mean return when every observation is moved by epsilon",
        "loss[along,epsilon]": "mean paired loss of return when every observation is moved",
        "flip_rate[along,epsilon]": "share of visited states whose decision changes there",
        "action_change[along,epsilon]": "mean length of the change of continuous actions there, in "
        "half ranges of each",
        "flip_distance[along]": "median distance to the nearest other decision; along the "
        "principal direction, either way, where nothing else is said",
        "flip_share": "that distance as a share of the range of visited states along the principal "
        "direction",
    }
    features: tuple[str, ...]
    """Names; none for images."""
    shape: tuple[int, ...]
    """Of what the policy sees."""
    scale: Float[np.ndarray, " feature"]
    """One unit of each feature, in the environment's units; 0 where a feature was left out."""
    directions: Float[np.ndarray, " direction feature"]
    """Unit vectors in these units, the principal one first."""
    shares: tuple[Estimate, ...]
    """Of each direction."""
    participation: Estimate
    concentration: Estimate
    lengths: Int[np.ndarray, " episode"]
    norms: Float[np.ndarray, " step"]
    """‖g(s)‖ of every step."""
    oscillation: Estimate | None
    """None with fewer than two episodes whose gradients differ from zero."""
    windows: Float[np.ndarray, " window window"]
    """Λ of the principal direction of the row's window of time on the column's moment."""
    window_correlation: Estimate | None
    """None with fewer than three windows that have gradients."""
    shifts: tuple[str, ...]
    """Under which the policy was watched again; none without an environment."""
    correlations: tuple[Estimate, ...]
    """Λ of each shift."""
    chance: Estimate
    """Λ of a random direction, on average."""
    impact: Impact
    spectrum: Float[np.ndarray, " frame radius"]
    """Images: mean magnitude of the principal direction's Fourier transform by radial frequency."""

    def measures(self) -> Iterator[Measure]:
        """See `MEASURES`."""
        for k, share in enumerate(self.shares, 1):
            yield Measure("eigenvalue_share", (("k", str(k)),), share, "share")
        yield Measure("participation_ratio", (), self.participation, "directions")
        yield Measure("concentration", (), self.concentration, "features")
        if self.oscillation is not None:
            yield Measure("oscillation", (), self.oscillation, "relative")
        for shift, correlation in zip(self.shifts, self.correlations, strict=True):
            yield Measure("correlation", (("shift", shift),), correlation, "Λ")
        yield Measure("chance_correlation", (), self.chance, "Λ")
        if self.window_correlation is not None:
            yield Measure("window_correlation", (), self.window_correlation, "Λ")
        yield from self.impact.measures()


Result = EpisodeReturns | Attribution | DirectionSet | NotApplicable | Failed
"""Everything an analyzer may answer."""
