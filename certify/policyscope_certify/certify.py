"""Certify: what does a policy return at least, whatever a bounded adversary does to what it sees?

Normal noise of deviation σ is added to every new observation. What the policy returns then, over n
noisy episodes, bounds from below what it returns under noise and any adversary that adds ε_t, with
Σ_t ‖ε_t‖² ≤ B² over the whole episode:

    E_adversary[R] ≥ a + Σ_j (v_j − v_{j−1}) Φ(Φ⁻¹(p_j) − B/σ)       p_j ≤ P[R ≥ v_j],  v₀ = a ≤ R

See `smoothing.py`. The guarantee is of the noisy policy, and of no other: what it returns without
an adversary, and what the policy returns without noise, stand beside it.

How the p_j are bounded is settled by what is known of returns before any is seen. Between a floor
and a ceiling, Clopper and Pearson's bound at every whole number, or at a thousand values evenly
spaced, each with α/T; with a floor alone, that of Dvoretzky, Kiefer and Wolfowitz. With `goal`, the
share of episodes that reach it is certified, from one bound at α. Several σ share α, so that all
numbers of an answer hold together with confidence 1 − α: choosing the best of them is free.

Reference: Kumar, Levine & Feizi 2022, Policy Smoothing for Provably Robust Reinforcement Learning,
ICLR, https://arxiv.org/abs/2106.11420
"""

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from policyscope.analyzers.subject import Need, Subject
from policyscope.attributions.sampling import one_at_a_time
from policyscope.reports.results import ActionCertificates, Certificate, NotApplicable
from policyscope.rollouts.actors import Greedy
from policyscope.rollouts.seeds import another_seed
from policyscope_certify.action_certificates import AroundStates, action_certificates
from policyscope_certify.noise import SmoothingNoise, deviations_name, deviations_of
from policyscope_certify.opposition import Opposition, spread
from policyscope_certify.return_range import ReturnRange, known_range, require_above
from policyscope_certify.smoothing import (
    Survival,
    mean_bounds,
    quantile_bounds,
    threshold_wise,
    uniform,
)

INDEPENDENT = "certified episodes"
"""Purpose of the seed of the noisy episodes: not those that the unit of a feature was taken from"""
FEW_STATES, FEW_DRAWS = 5, 1000
"""At most, of policies that answer one observation after the other."""
SUCCESS = ReturnRange(0, 1, whole=True)
UNKNOWN = (
    "nothing is known of the lowest return of this environment, and without a floor an adversary "
    "may cost any amount (give one with --set certify.floor=…, or certify the share of episodes "
    "that return enough with --set certify.goal=…)"
)
NOWHERE = "there is no environment to play in"


@dataclass(frozen=True)
class Certify:
    """What does it return at least, whatever a bounded adversary does to what it sees?"""

    sigma: tuple[float, ...] = (0.2,)
    """Standard deviations of the noise; the first is that of the policy as it would be used."""
    budgets: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    """B: lengths of all that the adversary adds in an episode, as one vector."""
    episodes: int = 1000
    """Noisy episodes, played for each sigma, of observations that are vectors."""
    images: int = 30
    """Noisy episodes, played for each sigma, of observations that are images: they take seconds."""
    alpha: float = 0.05
    """Probability that any of the certificates is wrong; several sigma share it."""
    units: str = "environment"
    """What sigma and budgets count: the `environment`'s units, or `deviations` of each feature."""
    floor: tuple[float, ...] = ()
    """No return is below it; where nothing is given, what is known of the environment."""
    goal: tuple[float, ...] = ()
    """A return from which on an episode is a success, to certify the share of these instead."""
    quantile: float = 0.5
    """Share of the episodes that may return less than the certified quantile."""
    action_states: int = 20
    """Visited states in which single actions are certified as well; 0 for none. No more than 5
    where a policy answers one observation after the other."""
    action_draws: int = 10_000
    """Draws of the noise in each of them; no more than 1000 there."""
    action_tolerance: float = 0.1
    """By how many half ranges a continuous action may move within its radius."""
    attacked_episodes: int = 32
    """Noisy episodes that each installed adversary plays, beside the certificate; 0 for none."""
    attacked_budgets: int = 2
    """Of how many of the budgets; what is left of one is an upper bound for all larger ones."""

    needs: ClassVar[tuple[Need, ...]] = ()

    def __post_init__(self) -> None:
        kinds = ("deviations", "environment")
        given = (*self.floor, *self.goal)
        for right, sentence in (
            (
                _distinct(self.sigma, above=0),
                f"Certify needs each sigma above 0, not {self.sigma}.",
            ),
            (_distinct(self.budgets, least=0), f"Budgets are 0 or more, not {self.budgets}."),
            (0 < self.alpha <= 0.5, f"alpha is above 0 and at most 0.5, not {self.alpha}."),
            (0 < self.quantile < 1, f"quantile is between 0 and 1, not {self.quantile}."),
            (
                min(self.action_states, self.action_draws - 1) >= 0,
                "action_states is at least 0, and action_draws at least 1.",
            ),
            (
                0 < self.action_tolerance <= 2,
                f"action_tolerance is above 0 and at most 2, not {self.action_tolerance}.",
            ),
            (
                min(self.attacked_budgets, self.attacked_episodes) >= 0
                and self.attacked_episodes != 1,
                "attacked_episodes is 0 or at least 2, and attacked_budgets at least 0.",
            ),
            (
                min(self.episodes, self.images) > 1,
                f"Certify needs at least 2 episodes, not {min(self.episodes, self.images)}.",
            ),
            (self.units in kinds, f"units is {' or '.join(kinds)}, not {self.units!r}."),
            (max(len(self.floor), len(self.goal)) < 2, "Certify takes one floor and one goal."),
            (all(map(math.isfinite, given)), f"floor and goal are finite, not {given}."),
        ):
            if not right:
                raise ValueError(sentence)

    def run(
        self, subject: Subject, rng: np.random.Generator
    ) -> Certificate | ActionCertificates | NotApplicable:
        """See `Analyzer.run`."""
        del rng  # the noisy episodes have generators of their own
        unit = deviations_of(subject) if self.units == "deviations" else np.ones(())
        within = self._within(subject)
        actions = self._actions(subject, unit)
        if isinstance(within, ReturnRange):
            return self._of_returns(subject, unit, within, actions)
        return NotApplicable(within) if actions is None else replace(actions, alone=within)

    def _of_returns(
        self,
        subject: Subject,
        unit: Float[np.ndarray, " *observation"],
        within: ReturnRange,
        actions: ActionCertificates | None,
    ) -> Certificate:
        """The certificate, and what adversaries leave beside it."""
        noisy = np.stack([self._noisy(subject, unit, sigma) for sigma in self.sigma])
        require_above(within.floor, noisy)
        means, quantiles = self._bounds(noisy, within)
        scaled = self.units == "deviations"
        certificate = Certificate(
            sigmas=self.sigma,
            budgets=self.budgets,
            clean=self._counted(subject.rollouts.returns),
            noisy=noisy,
            bounds=means,
            quantile=self.quantile,
            quantile_bounds=quantiles,
            floor=within.floor,
            goal=self.goal[0] if self.goal else None,
            scale=unit.flatten() if scaled else np.ones(0),
            unit=self._counting(subject),
            method=_method(within),
            confidence=1 - self.alpha,
            actions=actions,
        )
        return self._beside(certificate, subject, unit, within)

    def _beside(
        self,
        certificate: Certificate,
        subject: Subject,
        unit: Float[np.ndarray, " *observation"],
        within: ReturnRange,
    ) -> Certificate:
        """With what adversaries leave, where some play."""
        budgets = spread(self.budgets, self.attacked_budgets)
        if not self.attacked_episodes or not budgets:
            return replace(certificate, alone="none was asked for")
        new = subject.rollouts.observations.shape[1:]
        opposition = Opposition(
            subject=subject,
            unit=np.broadcast_to(unit, new).astype(np.float64),
            counted=self._counted,
            ceiling=within.ceiling,
            episodes=self.attacked_episodes,
        )
        found = opposition.beside(certificate, budgets)
        if isinstance(found, str):
            return replace(certificate, alone=found)
        return replace(certificate, attacked=found)

    def _bounds(
        self, noisy: Float[np.ndarray, " sigma run"], within: ReturnRange
    ) -> tuple[Float[np.ndarray, " sigma budget"], Float[np.ndarray, " sigma budget"]]:
        """On the mean and on the quantile, all at once with confidence 1 − α."""
        alpha, budgets = self.alpha / len(self.sigma), np.array(self.budgets, float)
        means, quantiles = [], []
        for returns, sigma in zip(noisy, self.sigma, strict=True):
            reached = _reached(returns, within, alpha)
            at = (reached, within.floor, budgets, sigma)
            means.append(mean_bounds(*at))
            quantiles.append(quantile_bounds(*at, share=1 - self.quantile))
        return np.stack(means), np.stack(quantiles)

    def _actions(
        self, subject: Subject, unit: Float[np.ndarray, " *observation"]
    ) -> ActionCertificates | None:
        """Of single actions, where they are asked for."""
        if not self.action_states:
            return None
        states, draws = self.action_states, self.action_draws
        if one_at_a_time(subject.policy):
            states, draws = min(states, FEW_STATES), min(draws, FEW_DRAWS)
        return action_certificates(
            subject,
            AroundStates(
                sigma=self.sigma[0],
                unit=unit,
                counted=self._counting(subject),
                states=states,
                draws=draws,
                alpha=self.alpha,
                tolerance=self.action_tolerance,
            ),
        )

    def _counting(self, subject: Subject) -> str:
        """What noise and budgets count, in the plural."""
        return deviations_name(subject) if self.units == "deviations" else "environment units"

    def _within(self, subject: Subject) -> ReturnRange | str:
        """What is known of what is certified, before any of it is seen, or why nothing can be."""
        if subject.environment is None:
            return NOWHERE
        if self.goal:
            return SUCCESS
        known = known_range(subject.environment)
        if not self.floor:
            return known or UNKNOWN
        known, floor = known or ReturnRange(-math.inf), self.floor[0]
        return replace(known, floor=floor, whole=known.whole and floor.is_integer())

    def _noisy(
        self, subject: Subject, unit: Float[np.ndarray, " *observation"], sigma: float
    ) -> Float[np.ndarray, " run"]:
        """Returns of independent episodes under noise."""
        other = another_seed(subject.seed, INDEPENDENT)
        noise, actor = SmoothingNoise(np.asarray(sigma * unit)), Greedy(subject.policy)
        count = self.images if len(subject.policy.observation_shape or ()) > 1 else self.episodes
        returns = subject.returns(actor, noise, count, other, f"noise of {sigma:g}")
        return self._counted(returns)

    def _counted(self, returns: Float[np.ndarray, " run"]) -> Float[np.ndarray, " run"]:
        """What is certified of each episode."""
        return (returns >= self.goal[0]).astype(float) if self.goal else returns


def _distinct(
    values: tuple[float, ...], least: float = -math.inf, above: float = -math.inf
) -> bool:
    """Whether there are values, each of them once, finite and in bounds."""
    inside = all(max(least, above) <= value < math.inf and value > above for value in values)
    return 0 < len(values) == len(set(values)) and inside


def _reached(returns: Float[np.ndarray, " run"], within: ReturnRange, alpha: float) -> Survival:
    values = within.values
    return uniform(returns, alpha) if values is None else threshold_wise(returns, values, alpha)


def _method(within: ReturnRange) -> str:
    if within.values is None:
        return "policy smoothing, Dvoretzky–Kiefer–Wolfowitz"
    return f"policy smoothing, Clopper–Pearson at {len(within.values)} values"
