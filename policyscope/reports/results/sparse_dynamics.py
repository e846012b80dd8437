"""Which equations would move as the environment does?"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from policyscope.readable.equations import Equations
from policyscope.reports.results.measure import Measure
from policyscope.reports.results.sparse_policy import counted
from policyscope.statistics import Estimate

LOOKED_AT = (1, 2, 5, 10, 20, 50, 100, 200, 500)
"""Steps ahead that have a measure; the figure shows all."""


@dataclass(frozen=True, eq=False)
class SparseDynamics:
    """Equations of what a step does to every feature, and of the reward.

    Errors are about the policy's own episodes, to which nothing was fitted.
    """

    targets: tuple[str, ...]
    """The increment of each feature, and the reward at last."""
    terms: tuple[str, ...]
    """Those that an equation has, in words."""
    variables: tuple[str, ...]
    """Features, sines of angles, cosines of angles, and controls."""
    exponents: Int[np.ndarray, " term variable"]
    coefficients: Float[np.ndarray, " target term"]
    spread: Float[np.ndarray, " target term"]
    """Standard deviation of each coefficient over the ensemble."""
    inclusion: Float[np.ndarray, " target term"]
    """Share of the ensemble that kept each term."""
    effect: Float[np.ndarray, " target term"]
    """Root mean square of each term's contribution in the visited states, in deviations of the
    target; of one that never changes, in its own unit."""
    angles: tuple[int, ...]
    """Features whose sine and cosine are variables."""
    pairs: tuple[tuple[int, int], ...]
    """Features that are the cosine and the sine of one angle."""
    one_step: Float[np.ndarray, " target"]
    """Root mean squared error of a step, in deviations of the target; of one that never changes,
    in its own unit."""
    suddenness: Float[np.ndarray, " target"]
    """Share of the squared error that the worst hundredth of the steps holds."""
    errors: tuple[Estimate, ...]
    """After each number of steps, in deviations of the states."""
    horizon: Estimate
    """Steps until the error exceeds half a deviation."""
    reward_error: Estimate
    """Root mean squared, in the reward's unit."""
    condition: float
    """Condition number of the dictionary on the data."""
    redundant: tuple[str, ...]
    """Terms that the data cannot tell from others."""
    smooth: str
    """Why fixed points were not searched; empty where they were."""
    fixed_points: Float[np.ndarray, " point feature"]
    moduli: Float[np.ndarray, " point feature"]
    """Of the eigenvalues there, the largest first."""
    low: Float[np.ndarray, " feature"]
    """Range of the data."""
    high: Float[np.ndarray, " feature"]
    beginnings: Float[np.ndarray, " start feature"]
    """States in which episodes began."""
    longest: int
    """Steps of the longest episode."""

    @property
    def stable(self) -> Bool[np.ndarray, " point"]:
        """Whether small deviations from a fixed point die away."""
        return self.moduli.max(1, initial=0.0) < 1

    @property
    def form(self) -> Equations:
        """All equations, of the variables."""
        return Equations(self.exponents, self.coefficients.T)

    @property
    def foreseen(self) -> bool:
        """Whether trust lasted as far as was looked."""
        return self.horizon.value >= len(self.errors)

    def measures(self) -> Iterator[Measure]:
        """See `SparseEquations.MEASURES`."""
        for step in LOOKED_AT:
            if step <= len(self.errors):
                where = (("steps", str(step)),)
                yield Measure("dynamics.error", where, self.errors[step - 1], "deviations")
        yield Measure("dynamics.horizon", (), self.horizon, "steps")
        terms = int(np.count_nonzero(self.coefficients[:-1]))
        yield Measure("dynamics.terms", (), counted(terms), "terms")
        yield Measure("dynamics.condition", (), counted(self.condition), "condition number")
        yield Measure("reward.error", (), self.reward_error, "reward")
        reward = int(np.count_nonzero(self.coefficients[-1]))
        yield Measure("reward.terms", (), counted(reward), "terms")
        if not self.smooth:
            stable = int(self.stable.sum())
            yield Measure("fixed_points.stable", (), counted(stable), "points")
            unstable = len(self.stable) - stable
            yield Measure("fixed_points.unstable", (), counted(unstable), "points")
