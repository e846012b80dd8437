"""Point estimates with intervals. Every Monte-Carlo number in a report is an `Estimate`."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy import optimize, special, stats

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A number and the interval that holds the true one with the stated confidence."""

    value: float
    low: float
    high: float
    confidence: float
    n: int
    """How many independent observations it rests on; episodes, unless its owner says otherwise."""
    method: str
    """How the interval was made, for example `Student t`."""

    def __format__(self, spec: str) -> str:
        return f"{legible(self.value, spec)} {self.interval(spec)}"

    def interval(self, spec: str = "") -> str:
        """The interval in brackets."""
        return f"[{legible(self.low, spec)}, {legible(self.high, spec)}]"

    @property
    def sureness(self) -> str:
        """The confidence in percent, however close to certainty."""
        return f"{100 * self.confidence:.6g}%"


def legible(value: float, spec: str = "") -> str:
    """A number as `spec` says; by default four significant digits, and all before the point."""
    if spec:
        return format(value, spec)
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"


def mean(values: Float[np.ndarray, " episode"], confidence: float = CONFIDENCE) -> Estimate:
    """Mean with Student's t interval, scipy's.

    Raises:
        ValueError: With fewer than two values, which leave no interval.
    """
    n = len(values)
    if n < 2:
        raise ValueError(f"statistics.mean needs at least 2 values for an interval, not {n}.")
    centre = float(np.mean(values))
    half = float(stats.t.ppf((1 + confidence) / 2, n - 1) * stats.sem(values))
    return Estimate(centre, centre - half, centre + half, confidence, n, "Student t")


def proportion(hits: Bool[np.ndarray, " episode"], confidence: float = CONFIDENCE) -> Estimate:
    """Share of hits with the exact (Clopper–Pearson) binomial interval, scipy's."""
    found = stats.binomtest(int(np.sum(hits)), len(hits))
    low, high = found.proportion_ci(confidence, "exact")
    return Estimate(
        float(found.statistic), float(low), float(high), confidence, len(hits), "Clopper–Pearson"
    )


def mean_limit(
    values: Float[np.ndarray, " episode"], low: float, high: float, confidence: float
) -> float:
    """What the mean of independent values within [low, high] is at most, with this confidence.

    The largest μ with n KL(mean ‖ μ) ≤ ln 1/α, of any distribution between these ends: no value
    that was never seen makes it wrong, as it does Student's interval.

    Hoeffding 1963, Theorem 1, https://doi.org/10.1080/01621459.1963.10500830
    """
    share = (float(np.mean(values)) - low) / (high - low) if high > low else 1.0
    enough = -np.log1p(-confidence) / len(values)

    def divergence(mean: float) -> float:
        return float(special.rel_entr([share, 1 - share], [mean, 1 - mean]).sum()) - enough

    least, most = min(max(share, 1e-12), 1.0), 1 - 1e-12
    if least >= most or divergence(most) <= 0:
        return high
    return low + (high - low) * float(optimize.root_scalar(divergence, bracket=(least, most)).root)


def chance_overlap(part: int, whole: int) -> float:
    """Expected intersection over union of two random parts of one size, scipy's hypergeometric."""
    shared = np.arange(part + 1)
    return float(stats.hypergeom.pmf(shared, whole, part, part) @ (shared / (2 * part - shared)))


def median(values: Float[np.ndarray, " state"], confidence: float = CONFIDENCE) -> Estimate:
    """Median with the exact interval between order statistics; see `quantile`."""
    return quantile(values, 0.5, confidence)


def quantile(
    values: Float[np.ndarray, " state"], share: float, confidence: float = CONFIDENCE
) -> Estimate:
    """What a share of values is below, with the exact interval between order statistics, scipy's.

    Where they are too few for the confidence the interval ends at the smallest and the largest; n
    counts the values.
    """
    found = stats.quantile_test(values, q=0, p=share).confidence_interval(confidence)
    low = found.low if np.isfinite(found.low) else values.min()
    high = found.high if np.isfinite(found.high) else values.max()
    middle = float(np.quantile(values, share))
    # between two values that are near it, so it may be past an end that is one of them
    return Estimate(
        middle,
        min(float(low), middle),
        max(float(high), middle),
        confidence,
        len(values),
        "order statistics",
    )


def bootstrap(
    groups: Float[np.ndarray, " episode quantity"],
    statistic: Callable[[np.ndarray], np.ndarray],
    rng: np.random.Generator,
    confidence: float = CONFIDENCE,
    resamples: int = 2000,
) -> tuple[Estimate, ...]:
    """Percentile bootstrap, scipy's, over whole episodes: states of one are not independent.

    Args:
        groups: Sufficient statistics of each episode.
        statistic: From the sum of rows of `groups` to the quantities of interest.
        rng: Draws the resamples.
        confidence: Two-sided coverage of each interval alone, not corrected for their number.
        resamples: How many.

    Returns:
        One estimate per quantity.

    Raises:
        ValueError: With fewer than two episodes.
    """
    n = len(groups)
    if n < 2:
        raise ValueError(f"statistics.bootstrap needs at least 2 episodes, not {n}.")

    def of_episodes(rows: np.ndarray, axis: int) -> np.ndarray:
        del axis  # scipy's resamples are rows, and it wants them last again
        # counted, not gathered: thousands of episodes with many quantities would not fit otherwise
        counts = [np.bincount(row, minlength=n) for row in rows.reshape(-1, n)]
        sums = (np.array(counts) @ groups).reshape(*rows.shape[:-1], -1)
        return np.moveaxis(np.apply_along_axis(statistic, -1, sums), -1, 0)

    found = stats.bootstrap(
        (np.arange(n),),
        of_episodes,
        n_resamples=resamples,
        batch=100,
        vectorized=True,
        confidence_level=confidence,
        method="percentile",
        rng=rng,
    ).confidence_interval
    return tuple(
        Estimate(float(value), float(low), float(high), confidence, n, "bootstrap")
        for value, low, high in zip(statistic(groups.sum(0)), found.low, found.high, strict=True)
    )
