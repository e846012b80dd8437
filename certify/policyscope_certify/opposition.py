"""Opposition: the strongest adversary that can be found, beside each certificate.

    certified ≤ min_{adversary within B} E[R] ≤ E[R under one adversary]

Adversaries are found by entry point and know nothing of certificates. Each plays some noisy
episodes; the one that leaves least plays others, which had no part in its choice, and which are
played without it as well, under the same noise. None of these are the certificate's own, so an
upper limit of what it leaves is wrong as rarely as it says, whatever was certified: below a
certificate it contradicts it. Limits hold for all returns between the floor and the highest value
that the certificate counts, and higher ones are taken as that.

Reference: Kumar, Levine & Feizi 2022, https://arxiv.org/abs/2106.11420, §6 and appendix M
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from policyscope import registry, statistics
from policyscope.analyzers.subject import Subject
from policyscope.reports.results import AttackedReturns, Certificate
from policyscope.rollouts.actors import Greedy
from policyscope.rollouts.perturbation import Adversary
from policyscope.rollouts.seeds import another_seed
from policyscope.rollouts.threat import Opponents, Threat
from policyscope_certify.before_noise import BeforeNoise
from policyscope_certify.noise import SmoothingNoise
from policyscope_certify.return_range import require_above

FALSE_ALARM = 1e-3
"""Probability that any certificate is contradicted by chance, where all of them are right."""
TRIALS, FINAL = "adversaries' trials", "attacked episodes"
"""Purposes of the seeds of both kinds of episodes."""


@dataclass(frozen=True, eq=False)
class Opposition:
    """Adversaries of one policy and one unit."""

    subject: Subject
    unit: Float[np.ndarray, " *observation"]
    """Of each feature of a new observation, in the environment's units."""
    counted: Callable[[np.ndarray], np.ndarray]
    """What is certified, from returns."""
    ceiling: float
    """No return is above it; infinite where that is not known."""
    episodes: int
    """That each adversary plays, in trials and after."""

    def beside(self, certificate: Certificate, budgets: tuple[float, ...]) -> AttackedReturns | str:
        """What is left with some of a certificate's budgets, or why nothing was played."""
        makers, broken = registry.everything(registry.ADVERSARIES)
        returns, strongest = [], []
        for sigma in certificate.sigmas:
            for budget in budgets:
                threat = Threat(self.subject.policy, self.subject.visited, self.unit, budget, sigma)
                name = self._strongest(threat, makers)
                if name is None:
                    known = " ".join([f"{', '.join(makers) or 'none'} installed.", *broken])
                    return f"no adversary plays against this policy ({known.rstrip('.')})"
                strongest.append(name)
                returns.append(self._attacked(threat, makers, name, FINAL))
        shape = (len(certificate.sigmas), len(budgets))
        left = np.array(returns).reshape(*shape, self.episodes)
        return AttackedReturns(
            budgets=budgets,
            strongest=tuple(
                tuple(strongest[i * shape[1] : (i + 1) * shape[1]]) for i in range(shape[0])
            ),
            returns=left,
            untouched=np.stack([self._untouched(sigma) for sigma in certificate.sigmas]),
            limits=self._limits(certificate, left),
            confidence=1 - FALSE_ALARM,
        )

    def _strongest(self, threat: Threat, makers: Mapping[str, Opponents]) -> str | None:
        """The one that leaves least in trials, by name."""
        left = {
            f"{group}.{name}": self._attacked(threat, makers, f"{group}.{name}", TRIALS).mean()
            for group, make in makers.items()
            for name in make(threat)
        }
        return min(left, key=left.__getitem__, default=None)

    def _attacked(
        self, threat: Threat, makers: Mapping[str, Opponents], name: str, purpose: str
    ) -> Float[np.ndarray, " run"]:
        """What one adversary leaves; a fresh one, for it may remember what it spent."""
        group, _, own = name.partition(".")
        adversary: Adversary = makers[group](threat)[own]
        seed = self._seed(purpose)
        between = BeforeNoise(adversary, threat, seed)
        what = f"{own.replace('_', ' ')}, l2 {threat.budget:g} before noise of {threat.sigma:g}"
        return self._play(between, seed, what)

    def _untouched(self, sigma: float) -> Float[np.ndarray, " run"]:
        return self._play(SmoothingNoise(sigma * self.unit), self._seed(FINAL), "untouched")

    def _play(
        self, between: BeforeNoise | SmoothingNoise, seed: int, what: str
    ) -> Float[np.ndarray, " run"]:
        actor = Greedy(self.subject.policy)
        return self.counted(self.subject.returns(actor, between, self.episodes, seed, what))

    def _seed(self, purpose: str) -> int:
        return another_seed(self.subject.seed, purpose)

    def _limits(
        self, certificate: Certificate, left: Float[np.ndarray, " sigma budget run"]
    ) -> Float[np.ndarray, " sigma budget"]:
        """Upper limits of what is left on average, all at once."""
        confidence = 1 - FALSE_ALARM / (left.shape[0] * left.shape[1])
        require_above(certificate.floor, left)
        highest = certificate.noisy.max(1)
        tops = np.where(np.isfinite(self.ceiling), self.ceiling, highest)
        return np.array(
            [
                [
                    statistics.mean_limit(
                        np.minimum(runs, top), certificate.floor, float(top), confidence
                    )
                    for runs in of_sigma
                ]
                for of_sigma, top in zip(left, tops, strict=True)
            ]
        )


def spread(budgets: tuple[float, ...], most: int) -> tuple[float, ...]:
    """At most so many of the budgets above 0, in the middle of equal parts of them."""
    above = sorted(float(budget) for budget in budgets if budget > 0)
    count = min(most, len(above))
    return tuple(above[int((place + 0.5) * len(above) / count)] for place in range(count))
