"""Which equations would act as the network does?"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from policyscope import statistics
from policyscope.readable.readable import Readable
from policyscope.reports.results.measure import Measure
from policyscope.statistics import Estimate

IDLE = 0.01
"""Part of an equation's largest effect below which a term does nothing where the policy goes."""


@dataclass(frozen=True, eq=False)
class SparsePolicy:
    """Equations in a network's place: what they say, what they are worth, where they are in doubt.

    All numbers but those of the front are about the policy's own episodes, to which nothing was
    fitted.
    """

    surrogate: Readable
    left: tuple[str, ...]
    """What each equation is of."""
    terms: tuple[str, ...]
    """In words."""
    coefficients: Float[np.ndarray, " equation term"]
    """In the units of features and actions."""
    spread: Float[np.ndarray, " equation term"]
    """Standard deviation of each coefficient over the ensemble."""
    inclusion: Float[np.ndarray, " equation term"]
    """Share of the ensemble that kept each term."""
    effect: Float[np.ndarray, " equation term"]
    """Root mean square of each term's contribution in the visited states."""
    parameters: int
    """Of the network."""
    discrete: bool
    models: int
    """Members of the ensemble."""
    fidelity: Estimate
    """Share of states with the same action; or root mean squared error, in half ranges."""
    clean: Float[np.ndarray, " episode"]
    """Returns of the network."""
    returns: Float[np.ndarray, " episode"]
    """Returns of the equations on the same episodes."""
    rivals: tuple[str, ...]
    rival_sizes: tuple[int, ...]
    rival_fidelity: tuple[Estimate, ...]
    rival_returns: Float[np.ndarray, " rival episode"]
    front_sizes: Int[np.ndarray, " contender"]
    """Terms of the candidates that played, from many to few."""
    front_errors: Float[np.ndarray, " contender"]
    """On held-out states: share of other actions, or root mean squared error in half ranges."""
    front_returns: Float[np.ndarray, " contender trial"]
    """On episodes that decided which candidate is reported."""
    front_clean: Float[np.ndarray, " trial"]
    chosen: int
    disagreement: Estimate
    """Of the ensemble: share of members that act otherwise, or their spread in half ranges."""
    doubtful: Float[np.ndarray, " state feature"]
    """Visited states in which it is largest."""
    unusual: Float[np.ndarray, " feature"]
    """Mean of the hundredth of the states where it is largest, in deviations from that of all."""
    extrapolation: Estimate
    """Share of steps of the equations' own episodes that are outside of what was fitted."""
    confidence: float

    @property
    def size(self) -> int:
        """Coefficients that are not zero."""
        return int(np.count_nonzero(self.coefficients))

    @property
    def idle(self) -> Bool[np.ndarray, " equation term"]:
        """Terms that are there, and do nothing where the policy goes."""
        least = IDLE * self.effect.max(1, keepdims=True, initial=0.0)
        return (self.coefficients != 0) & (self.effect < least)

    def own_return(self) -> Estimate:
        """Mean return of the equations."""
        return statistics.mean(self.returns, self.confidence)

    def network_return(self) -> Estimate:
        """Mean return of the network."""
        return statistics.mean(self.clean, self.confidence)

    def loss(self) -> Estimate:
        """Mean paired loss of return."""
        return statistics.mean(self.clean - self.returns, self.confidence)

    def rival_return(self, rival: int) -> Estimate:
        """Mean return of a rival."""
        return statistics.mean(self.rival_returns[rival], self.confidence)

    def measures(self) -> Iterator[Measure]:
        """See `SparseEquations.MEASURES`."""
        fidelity = ("agreement", "share of states") if self.discrete else ("error", "half ranges")
        doubt = "share of members" if self.discrete else "half ranges"
        yield Measure(f"policy.{fidelity[0]}", (), self.fidelity, fidelity[1])
        yield Measure("policy.return", (), self.own_return(), "reward")
        yield Measure("policy.loss", (), self.loss(), "reward")
        yield Measure("network.return", (), self.network_return(), "reward")
        yield Measure("policy.terms", (), counted(self.size), "terms")
        ratio = self.size / max(self.parameters, 1)
        yield Measure("policy.size_ratio", (), counted(ratio), "terms per parameter")
        yield Measure("policy.idle", (), counted(int(self.idle.sum())), "terms")
        yield Measure("policy.disagreement", (), self.disagreement, doubt)
        yield Measure("policy.extrapolation", (), self.extrapolation, "share of steps")
        for i, rival in enumerate(self.rivals):
            yield Measure(f"{rival}.{fidelity[0]}", (), self.rival_fidelity[i], fidelity[1])
            yield Measure(f"{rival}.return", (), self.rival_return(i), "reward")
            yield Measure(f"{rival}.size", (), counted(self.rival_sizes[i]), "numbers")


def counted(number: float) -> Estimate:
    """A number that nothing random is in."""
    return Estimate(float(number), float(number), float(number), 1.0, 1, "counted")
