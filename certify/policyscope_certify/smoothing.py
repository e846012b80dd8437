"""Policy smoothing: what no adversary can take from the return of a policy that acts under noise.

The policy sees o_t + ε_t + Δ_t with Δ_t ~ N(0, σ²I) drawn anew for every observation. The adversary
may choose ε_t knowing everything but the noise that is still to come, with Σ_t ‖ε_t‖² ≤ B² over the
whole episode. For every event of the noisy episode, of probability p without an adversary,

    P_adversary ≥ Φ(Φ⁻¹(p) − B/σ)

and no more can be said of σ, B and p alone: the worst adversary spends all of B at once. A return R
that is never below a is at least a, and v₁ − a more where R ≥ v₁, v₂ − v₁ more where R ≥ v₂, …, so

    E_adversary[R] ≥ a + Σ_j (v_j − v_{j−1}) Φ(Φ⁻¹(p_j) − B/σ),        p_j = P[R ≥ v_j],  v₀ = a

for all v₁ < v₂ < …, with equality at B = 0 where there is one for every value of R. The p_j are
bounded from below by n independent noisy episodes, all at once with confidence 1 − α, so that what
follows from them holds at once for every budget, and for every percentile of the return.

Kumar, Levine & Feizi 2022, Policy Smoothing for Provably Robust Reinforcement Learning, ICLR,
Theorem 1 and §5, https://arxiv.org/abs/2106.11420. They bound the p_j of integer returns as
`threshold_wise` does, and others as `uniform` does, with a two-sided constant and from a = 0.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy import stats


@dataclass(frozen=True, eq=False)
class Survival:
    """Lower bounds of how often a return reaches each of some values, all valid at once."""

    values: Float[np.ndarray, " value"]
    """v_1 < v_2 < …"""
    probabilities: Float[np.ndarray, " value"]
    """At most P[R ≥ v_j], for all j with the confidence asked for."""


def under_attack(
    probabilities: Float[np.ndarray, " value"], budgets: Float[np.ndarray, " budget"], sigma: float
) -> Float[np.ndarray, " budget value"]:
    """Φ(Φ⁻¹(p) − B/σ): what the worst adversary leaves of each probability. Theorem 1.

    Nothing is left of p = 0, and of p = 1 nothing can be taken.
    """
    return stats.norm.cdf(stats.norm.ppf(probabilities) - budgets[:, None] / sigma)


def clopper_pearson(
    hits: Int[np.ndarray, " value"], n: int, alpha: float
) -> Float[np.ndarray, " value"]:
    """The exact one-sided lower bound of each probability, with confidence 1 − α of each alone.

    Clopper & Pearson 1934, https://doi.org/10.1093/biomet/26.4.404
    """
    # at no hit the distribution has no such parameter, and the bound is 0
    return np.where(hits > 0, stats.beta.ppf(alpha, np.maximum(hits, 1), n - hits + 1), 0.0)


def threshold_wise(
    returns: Float[np.ndarray, " episode"], values: Float[np.ndarray, " value"], alpha: float
) -> Survival:
    """Clopper and Pearson's bound at each of T values, with α/T of each (Bonferroni). §5.

    Args:
        returns: Of independent noisy episodes, as many as were settled beforehand.
        values: Increasing, and chosen without a look at the returns.
        alpha: Probability that any of the bounds is too high.
    """
    n = len(returns)
    hits = n - np.searchsorted(np.sort(returns), values, side="left")
    return Survival(values, clopper_pearson(hits, n, alpha / len(values)))


def uniform(returns: Float[np.ndarray, " episode"], alpha: float) -> Survival:
    """The observed shares less √(ln(1/α)/2n), at every return that was observed.

    The one-sided inequality of Dvoretzky, Kiefer and Wolfowitz holds with this constant for
    α ≤ 1/2. Massart 1990, https://doi.org/10.1214/aop/1176990746

    Raises:
        ValueError: If α is above 1/2.
    """
    if alpha > 0.5:
        raise ValueError(f"alpha is at most 0.5 where returns have no known range, not {alpha}.")
    n = len(returns)
    values, first = np.unique(np.sort(returns), return_index=True)
    shares = 1 - first / n
    return Survival(values, np.maximum(shares - math.sqrt(math.log(1 / alpha) / (2 * n)), 0.0))


def mean_bounds(
    survival: Survival, floor: float, budgets: Float[np.ndarray, " budget"], sigma: float
) -> Float[np.ndarray, " budget"]:
    """At most the expected return under any adversary of each budget. Theorem 1 and §5.

    Args:
        survival: See `Survival`.
        floor: No return is below it.
        budgets: B, in the units of σ.
        sigma: Standard deviation of the noise.
    """
    gaps = np.diff(survival.values, prepend=floor)
    return floor + under_attack(survival.probabilities, budgets, sigma) @ gaps


def quantile_bounds(
    survival: Survival,
    floor: float,
    budgets: Float[np.ndarray, " budget"],
    sigma: float,
    share: float,
) -> Float[np.ndarray, " budget"]:
    """What this share of episodes returns at least, under any adversary of each budget.

    The largest v_j with Φ(Φ⁻¹(p_j) − B/σ) ≥ `share`, or the floor; other arguments as for
    `mean_bounds`. It holds together with that.
    """
    reached = under_attack(survival.probabilities, budgets, sigma) >= share
    return np.where(reached, survival.values, floor).max(1, initial=floor)
