"""How far the action of a policy under noise certainly stands, with confidence.

Normal noise of deviation σ, in units u of each feature, is added to one state n₀ + n times. For
discrete actions (Cohen et al.) the first n₀ draws choose the action a that is taken most often, and
the others bound how often from below, by Clopper and Pearson at α:

    r = σ Φ⁻¹(p)        p ≤ P[a is taken], p > ½

Within ‖(x − s)/u‖₂ < r the action most often taken under noise is a. Where p ≤ ½ nothing is
certified. For continuous actions (Chiang et al.) the median of each dimension stays, within a
radius ε, between the quantiles Φ(∓ε/σ) of what is taken around s, bounded by order statistics:

    X_(k) ≤ q_p  with probability  P[Binomial(n, p) ≥ k]

each side of each dimension at each radius with its share of α. Turned round, within

    r = σ Φ⁻¹(min_i p_i)      p_i ≤ P[a_i ≤ m_i + τ_i], P[a_i ≥ m_i − τ_i]

no median moves farther than τ_i from m_i, the median of the first n₀ draws. Noise comes from
(seed, purpose, state), so that no state's answer depends on the others.

References: Cohen, Rosenfeld & Kolter 2019, https://arxiv.org/abs/1902.02918 (Theorem 1, Algorithm
CERTIFY); Chiang et al. 2020, https://arxiv.org/abs/2007.03730 (Lemma 2, Theorem 2).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from gymnasium import spaces
from jaxtyping import Bool, Float, Int
from scipy import stats
from torch import Tensor

from policyscope.policies.policy import Memory, Policy
from policyscope.rollouts.seeds import generator
from policyscope_certify.action_radius import choices
from policyscope_certify.smoothing import clopper_pearson

PURPOSE = "noise of action certificates"
AT_ONCE = 1 << 22
"""Numbers of noisy observations that the policy is shown at a time."""


@dataclass(frozen=True)
class ActionNoise:
    """The noise around each state, and how surely its effect is to be known."""

    sigma: float
    """Standard deviation, in units."""
    seed: int
    draws: int = 10_000
    """n: from which the bounds come."""
    selection: int = 100
    """n₀: from which the action is chosen."""
    alpha: float = 0.001
    """Probability that one state's certificate is wrong."""

    def __post_init__(self) -> None:
        if not 0 < self.sigma < math.inf:
            raise ValueError(f"ActionNoise.sigma is above 0 and finite, not {self.sigma}.")
        if not 0 < self.alpha < 1:
            raise ValueError(f"ActionNoise.alpha is between 0 and 1, not {self.alpha}.")
        if min(self.draws, self.selection) < 1:
            raise ValueError("ActionNoise.draws and ActionNoise.selection are at least 1.")


@dataclass(frozen=True, eq=False)
class SmoothedDecisions:
    """The action that each state's noise leads to most often, and how far it certainly does."""

    actions: Int[np.ndarray, " state choice"]
    """Places of the chosen alternatives; of one choice for discrete actions."""
    probabilities: Float[np.ndarray, " state"]
    """p: at most how often the action is taken under noise."""
    radii: Float[np.ndarray, " state"]
    """r, in units; 0 where nothing is certified."""
    abstained: Bool[np.ndarray, " state"]
    """Whether no action is certainly taken more than half of the time."""


@dataclass(frozen=True, eq=False)
class SmoothedMedians:
    """Between what the median action under noise certainly stays."""

    medians: Float[np.ndarray, " state output"]
    low: Float[np.ndarray, " state radius output"]
    high: Float[np.ndarray, " state radius output"]


def smoothed_decisions(
    policy: Policy,
    states: Float[np.ndarray, " state *observation"],
    noise: ActionNoise,
    units: Float[np.ndarray, " *observation"] | float = 1.0,
    memory: Memory = (),
) -> SmoothedDecisions:
    """Certify the discrete or multi-discrete action in each state.

    Args:
        policy: Fitted to its action space.
        states: In the environment's units.
        noise: Its deviation, draws and confidence; what is certified of a state fails with
            probability alpha, whatever the other states.
        units: One unit of each feature.
        memory: What a recurrent policy carries there, and an adversary leaves alone.
    """
    alternatives = choices(policy.action_space)
    counts = [
        (np.zeros(math.prod(alternatives), np.int64), np.zeros(math.prod(alternatives), np.int64))
        for _ in states
    ]
    for state, (chosen, estimated) in enumerate(counts):
        drawn = 0
        for scores in _scores(policy, states, state, noise, units, memory):
            taken = _codes(scores, alternatives)
            first = max(noise.selection - drawn, 0)
            chosen += np.bincount(taken[:first], minlength=len(chosen))
            estimated += np.bincount(taken[first:], minlength=len(chosen))
            drawn += len(taken)
    best = np.array([chosen.argmax() for chosen, _ in counts])
    hits = np.array([estimated[a] for a, (_, estimated) in zip(best, counts, strict=True)])
    probabilities = clopper_pearson(hits, noise.draws, noise.alpha)
    abstained = probabilities <= 0.5
    return SmoothedDecisions(
        actions=np.stack(np.unravel_index(best, alternatives), 1),
        probabilities=probabilities,
        radii=np.where(abstained, 0.0, noise.sigma * stats.norm.ppf(probabilities)),
        abstained=abstained,
    )


def smoothed_medians(
    policy: Policy,
    states: Float[np.ndarray, " state *observation"],
    noise: ActionNoise,
    radii: tuple[float, ...],
    units: Float[np.ndarray, " *observation"] | float = 1.0,
    memory: Memory = (),
) -> SmoothedMedians:
    """Bound the median of each dimension of a continuous action in each state.

    Where the draws are too few for a radius the bound is that of the action space. Arguments as
    for `smoothed_decisions`; radii in units.
    """
    if not isinstance(policy.action_space, spaces.Box):
        raise ValueError(f"smoothed_medians needs continuous actions, not {policy.action_space}.")
    low, high = (b.flatten() for b in (policy.action_space.low, policy.action_space.high))
    share = noise.alpha / (2 * len(low) * len(radii))
    quantiles = stats.norm.cdf(-np.array(radii) / noise.sigma)
    ranks = stats.binom.ppf(share, noise.draws, quantiles).astype(int)
    medians, lowest, highest = [], [], []
    for state in range(len(states)):
        parts = [s.numpy() for s in _scores(policy, states, state, noise, units, memory)]
        drawn = np.concatenate(parts)[noise.selection :]
        # the least and the most that an action is stand before the first and after the last
        drawn = np.vstack([low, np.sort(drawn.clip(low, high), axis=0), high])
        medians.append(np.median(drawn[1:-1], axis=0))
        lowest.append(drawn[ranks])
        highest.append(drawn[noise.draws + 1 - ranks])
    return SmoothedMedians(*(np.stack(a).astype(float) for a in (medians, lowest, highest)))


def smoothed_steadiness(  # noqa: PLR0913  whom, where, under what, and how much
    policy: Policy,
    states: Float[np.ndarray, " state *observation"],
    noise: ActionNoise,
    tolerance: Float[np.ndarray, " output"],
    units: Float[np.ndarray, " *observation"] | float = 1.0,
    memory: Memory = (),
) -> Float[np.ndarray, " state"]:
    """How far no median of a continuous action moves by more than a tolerance of its own.

    0 where nothing is certified. Arguments as for `smoothed_decisions`.
    """
    if not isinstance(policy.action_space, spaces.Box):
        raise ValueError(f"Continuous actions are steady or not, and not {policy.action_space}.")
    low, high = (b.flatten() for b in (policy.action_space.low, policy.action_space.high))
    fewest = []
    for state in range(len(states)):
        parts = [s.numpy() for s in _scores(policy, states, state, noise, units, memory)]
        drawn = np.concatenate(parts).astype(float).clip(low, high)
        centre, drawn = np.median(drawn[: noise.selection], axis=0), drawn[noise.selection :]
        below, above = drawn <= centre + tolerance, drawn >= centre - tolerance
        fewest.append(np.minimum(below.sum(0), above.sum(0)).min())
    share = noise.alpha / (2 * len(low))
    probabilities = clopper_pearson(np.array(fewest), noise.draws, share)
    return noise.sigma * stats.norm.ppf(np.maximum(probabilities, 0.5))


def _scores(  # noqa: PLR0913  what is asked, where, and under what
    policy: Policy,
    states: np.ndarray,
    state: int,
    noise: ActionNoise,
    units: np.ndarray | float,
    memory: Memory,
) -> Iterator[Float[Tensor, " draw score"]]:
    """Scores under each draw of one state's noise, a few at a time."""
    rng = generator(noise.seed, PURPOSE, state)
    here, left = states[state].astype(np.float32), noise.selection + noise.draws
    spread = np.float32(noise.sigma) * np.asarray(units, np.float32)
    while left:
        count = min(left, max(AT_ONCE // max(here.size, 1), 1))
        left -= count
        drawn = rng.standard_normal((count, *here.shape), dtype=np.float32)
        drawn *= spread
        drawn += here
        carried = tuple(part[state].expand(count, *part.shape[1:]) for part in memory)
        with torch.no_grad():
            yield policy.scores(torch.from_numpy(drawn), carried)[0]


def _codes(scores: Tensor, alternatives: tuple[int, ...]) -> Int[np.ndarray, " draw"]:
    """The place of each row's action among all combinations."""
    groups = scores.split(list(alternatives), 1)
    return np.ravel_multi_index([group.argmax(1).numpy() for group in groups], alternatives)
