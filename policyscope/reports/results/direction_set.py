"""Along which directions do decisions break?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int

from policyscope.reports.results.impact import Impact
from policyscope.reports.results.measure import Measure
from policyscope.statistics import Estimate

INDEPENDENT = "independent_run"
"""The shift that is none: other episodes of the same policy, against which others are read."""


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
    """Unit vectors in these units, the principal one first; the largest weight is positive."""
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
    unit: str = "episodes"
    """What intervals over visited states rest on a number of, in the plural."""

    @property
    def step(self) -> str:
        """What one unit of a step along a direction is; an s makes it plural."""
        if np.all(self.scale == 1):
            return "environment unit"
        return "pixel range" if len(self.spectrum) else "standard deviation"

    def steps(self, length: float) -> str:
        """A distance along a direction, with its unit."""
        return f"{length:g} {self.step}{'s' * (length != 1)}"

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
