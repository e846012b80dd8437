"""Disturbances: how low can a bounded disturbance of what a policy does push it?

    R(ε) = min_{disturbance} E[Σ_t r_t],  every action changed by at most ε half ranges, or discrete
                                          ones replaced with probability ε

and where does the return end when the physics is another than in training? RARL trains a policy
against such an adversary; here the policy is frozen, and both are a diagnosis of it.

Disturbances are run from cheap to strong until the time is spent, all of them on the policy's own
episodes. The strongest of each ε is then played on others, which had no part in its choice or its
learning. A lowest return found is an upper bound of the true R(ε).

References: Pinto et al. 2017, https://arxiv.org/abs/1703.02702 (RARL);
Tessler, Efroni, Mannor 2019, https://arxiv.org/abs/1901.09184 (action robustness)
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from gymnasium import spaces
from jaxtyping import Float

from policyscope.analyzers.subject import Need, Subject
from policyscope.errors import UsageError
from policyscope.reports.results import DisturbanceOutcome, NotApplicable
from policyscope.rollouts.actors import Greedy
from policyscope.statistics import CONFIDENCE
from policyscope_attacks.disturbing.disturbance import Disturbance
from policyscope_attacks.disturbing.physics_sweep import changeable, swept
from policyscope_attacks.disturbing.trial import CANDIDATES, Candidate, Trial
from policyscope_attacks.in_time import run_in_time

SIZES = (0.5, 0.75, 1.0, 1.25, 1.5)
"""Masses from half to half as much again, as RARL was tested."""


@dataclass(frozen=True)
class Disturbances:
    """How low can disturbed actions push the policy, and where does other physics leave it?"""

    epsilons: tuple[float, ...] = (0.1, 0.3)
    """How far each action may be changed, in half ranges; of discrete actions the probability with
    which another is done in its place."""
    minutes: float = 0.9
    """Processor time after which no further disturbance is begun; a learned one needs 1."""
    episodes: int = 10
    """How many of the policy's episodes each disturbance and each physics plays, and how many
    others the strongest."""
    masses: tuple[float, ...] = SIZES
    """How many times as heavy everything is, where MuJoCo simulates."""
    frictions: tuple[float, ...] = (0.5, 1.0, 1.5)
    """How many times as much friction there is; each with each of the masses."""
    confidence: float = CONFIDENCE
    """Of every interval."""

    needs: ClassVar[tuple[Need, ...]] = (Need.ENVIRONMENT,)

    def __post_init__(self) -> None:
        if not self.epsilons or min(self.epsilons) <= 0 or self.minutes <= 0 or self.episodes < 2:
            raise ValueError("Disturbances needs epsilons and minutes above 0, and episodes ≥ 2.")
        if min(self.masses, default=1) <= 0 or min(self.frictions, default=0) < 0:
            raise ValueError("Disturbances needs masses above 0, and frictions of at least 0.")

    def run(self, subject: Subject, rng: np.random.Generator) -> DisturbanceOutcome | NotApplicable:
        """See `Analyzer.run`."""
        del rng  # everything comes from the subject's seed, and is the same for every analyzer
        clean = subject.rollouts.returns[: self.episodes]
        discrete = not isinstance(subject.policy.action_space, spaces.Box)
        if discrete and subject.policy.outputs == 1:
            return NotApplicable("a policy with a single action cannot be made to do another")
        if discrete and max(self.epsilons) > 1:
            raise UsageError(
                "Of discrete actions epsilon is a probability, at most 1, and "
                f"{max(self.epsilons):g} was given; choose with --set disturbances.epsilons=0.1."
            )
        trials = [Trial(subject, epsilon) for epsilon in self.epsilons]
        runs, left_out = self._board(trials, len(clean))
        returns = np.array([run.returns for run in runs.values()])
        best = [list(runs)[i] for i in returns.mean(2).argmin(0)]
        untouched, held_out = self._held_out(trials, [runs[name] for name in best])
        unchanged = _unchanged(subject)
        masses, frictions = ((), ()) if unchanged else (self.masses, self.frictions)
        return DisturbanceOutcome(
            disturbances=tuple(runs),
            left_out=left_out,
            epsilons=self.epsilons,
            discrete=discrete,
            clean=clean,
            returns=returns,
            changes=np.array([run.changes for run in runs.values()]),
            steady=_steady(trials if "steady" in runs else [], trials[0].outputs),
            strongest=tuple(best),
            held_out_clean=untouched,
            held_out=held_out,
            masses=masses,
            frictions=frictions,
            physics=swept(subject, masses, frictions, len(clean)),
            unchanged=unchanged,
            confidence=self.confidence,
        )

    def _held_out(
        self, trials: list[Trial], strongest: list["_Run"]
    ) -> tuple[Float[np.ndarray, " episode"], Float[np.ndarray, " epsilon episode"]]:
        """Returns of other episodes, without and with the strongest disturbance of each size."""
        subject, seed = trials[0].subject, trials[0].seed("held-out episodes")
        greedy = Greedy(subject.policy)
        untouched = subject.play(greedy, episodes=self.episodes, seed=seed, what="held out")
        disturbed = [
            trial.play(run.made[j], self.episodes, seed, f"strongest, {trial.epsilon:g}")[0].returns
            for j, (trial, run) in enumerate(zip(trials, strongest, strict=True))
        ]
        return untouched.returns, np.array(disturbed)

    def _board(
        self, trials: list[Trial], episodes: int
    ) -> tuple[dict[str, "_Run"], tuple[str, ...]]:
        """What each does to the policy's own episodes, and which there was no time for."""

        def run(name: str, candidate: Candidate) -> _Run | None:
            made = [one for trial in trials if (one := candidate.make(trial)) is not None]
            return _Run.of(name, made, trials, episodes) if len(made) == len(trials) else None

        return run_in_time(CANDIDATES, self.minutes, run)


@dataclass(frozen=True, eq=False)
class _Run:
    """One kind of disturbance, of each size."""

    made: list[Disturbance]
    returns: list[Float[np.ndarray, " episode"]]
    changes: list[Float[np.ndarray, " episode"]]

    @classmethod
    def of(cls, name: str, made: list[Disturbance], trials: list[Trial], episodes: int) -> "_Run":
        played = [
            trial.play(one, episodes, trial.subject.seed, f"{name}, {trial.epsilon:g}")
            for one, trial in zip(made, trials, strict=True)
        ]
        return cls(made, [r.returns for r, _ in played], [changes for _, changes in played])


def _steady(trials: list[Trial], outputs: int) -> Float[np.ndarray, " trial output"]:
    """The steady changes that were found."""
    found = [trial.steady.wishes[0].numpy() for trial in trials]
    return np.array(found, np.float64).reshape(len(found), outputs)


def _unchanged(subject: Subject) -> str:
    """Why the physics cannot be changed; empty where it can."""
    environment = subject.environment
    if environment is None or not changeable(environment):
        where = environment.playable if environment else "this"
        return f"masses and friction can be changed where MuJoCo simulates, and not in {where}"
    return ""
