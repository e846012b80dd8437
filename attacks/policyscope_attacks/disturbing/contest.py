"""Contest: disturbances of several sizes, one after the other, and the strongest once more.

All of them play the policy's own episodes, so that losses are paired. The strongest of each size is
then played on others, which had no part in its choice or its learning.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from policyscope.reports.results import DisturbanceOutcome
from policyscope.rollouts.actors import Greedy
from policyscope_attacks.disturbing.disturbance import Disturbance
from policyscope_attacks.disturbing.pushed import OnBody
from policyscope_attacks.disturbing.trial import CANDIDATES, Candidate, Trial
from policyscope_attacks.in_time import run_in_time


@dataclass(frozen=True)
class Effort:
    """How much is tried."""

    minutes: float
    """Of processor time, after which no further disturbance is begun."""
    episodes: int
    """How many each disturbance plays, and how many others the strongest."""
    confidence: float


def contested(trials: list[Trial], effort: Effort) -> DisturbanceOutcome:
    """What comes of disturbances of each size, where the physics is as it was."""
    subject, arm = trials[0].subject, trials[0].arm
    clean = subject.rollouts.returns[: effort.episodes]
    runs, left_out = _board(trials, effort.minutes, len(clean))
    returns = np.array([run.returns for run in runs.values()])
    best = [list(runs)[i] for i in returns.mean(2).argmin(0)]
    untouched, held_out = _held_out(trials, [runs[name] for name in best], effort.episodes)
    return DisturbanceOutcome(
        disturbances=tuple(runs),
        left_out=left_out,
        epsilons=tuple(trial.epsilon for trial in trials),
        pushed=isinstance(arm, OnBody),
        discrete=arm.discrete(subject.policy),
        clean=clean,
        returns=returns,
        changes=np.array([run.changes for run in runs.values()]),
        steady=_steady(trials if "steady" in runs else [], trials[0].outputs),
        strongest=tuple(best),
        held_out_clean=untouched,
        held_out=held_out,
        masses=(),
        frictions=(),
        physics=np.zeros((0, 0, len(clean))),
        gravities=(),
        gravity=np.zeros((0, len(clean))),
        unchanged="",
        confidence=effort.confidence,
    )


def _held_out(
    trials: list[Trial], strongest: list["_Run"], episodes: int
) -> tuple[Float[np.ndarray, " episode"], Float[np.ndarray, " epsilon episode"]]:
    """Returns of other episodes, without and with the strongest disturbance of each size."""
    subject, seed = trials[0].subject, trials[0].seed("held-out episodes")
    greedy = Greedy(subject.policy)
    untouched = subject.play(greedy, episodes=episodes, seed=seed, what="held out")
    disturbed = [
        trial.play(run.made[j], episodes, seed, f"strongest, {trial.epsilon:g}")[0].returns
        for j, (trial, run) in enumerate(zip(trials, strongest, strict=True))
    ]
    return untouched.returns, np.array(disturbed)


def _board(
    trials: list[Trial], minutes: float, episodes: int
) -> tuple[dict[str, "_Run"], tuple[str, ...]]:
    """What each does to the policy's own episodes, and which there was no time for."""

    def run(name: str, candidate: Candidate) -> _Run | None:
        made = [one for trial in trials if (one := candidate.make(trial)) is not None]
        return _Run.of(name, made, trials, episodes) if len(made) == len(trials) else None

    return run_in_time(CANDIDATES, minutes, run)


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
