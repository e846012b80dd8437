"""Shrinking: how few steps, and how small a change, are still enough to do the harm?

The changes of a counterexample are played again open loop, δ_t added in step t whatever the policy
sees there by then. Of the attacked steps, one half after the other is left out where

    harm(steps that are left) ≥ share · harm(all),   harm what the adversary gains above no attack,

then quarters, eighths and so on down to single ones, until none can be left out: a form of delta
debugging. Then one factor makes all that is left shorter, by bisection. Every candidate is an
episode that is played, in the row of the batch that it was found in, so that its harm is what it
would have been. Each choice is greedy: what is found cannot lose a single step, and a smaller one
may exist elsewhere.

Reference: Zeller, Hildebrandt 2002, Simplifying and isolating failure-inducing input,
https://doi.org/10.1109/32.988498
"""

from collections.abc import Callable
from dataclasses import dataclass
from time import process_time
from typing import ClassVar

import numpy as np
from jaxtyping import Int, Shaped

from policyscope.errors import UsageError
from policyscope.progress import Advance, Progress, silent
from policyscope.reports.results import Counterexample
from policyscope.rollouts.actors import Actor
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.goal import Goal, LowerReturn, per_episode
from policyscope.rollouts.perturbation import as_observations
from policyscope.rollouts.play import play
from policyscope.rollouts.reenactment import bits, moved
from policyscope.rollouts.rollouts import Rollouts
from policyscope.rollouts.seeds import Generators

HALVINGS = 7
"""Of the interval in which the factor lies: it is known to a hundred and twenty-eighth."""

Steps = Int[np.ndarray, " _"]


@dataclass(frozen=True, eq=False)
class Case:
    """A counterexample with those who can play it."""

    kept: Counterexample
    whole: Rollouts
    """The same, played again."""
    actor: Actor
    """The policy that it is about."""
    environment: Environment
    goal: Goal = LowerReturn()
    """What the adversary was after."""

    def played(self, steps: Steps, factor: float) -> Rollouts:
        """The episode when only these steps are attacked, by changes so many times as large."""
        return play(
            self.actor,
            self.environment,
            1,
            self.kept.seed,
            perturbation=_SomeChanges(self.whole, steps, factor),
            first=self.kept.episode,
        )

    def harm(self, rollouts: Rollouts) -> float:
        """What the adversary gains above the same episode without an attack."""
        gained, whole = (per_episode(self.goal, one)[0] for one in (rollouts, self.whole))
        return self.kept.harm + float(gained - whole)


@dataclass(frozen=True, eq=False)
class Shrunken:
    """What is left of an attack, and the episode under it."""

    steps: Steps
    """Those that are still attacked."""
    factor: float
    """What each change is multiplied by."""
    rollouts: Rollouts
    harm: float
    """What the adversary still gains above the same episode without an attack."""
    tries: int
    """Episodes that were played to find it."""
    finished: bool
    """Whether the search came to its end before its time did."""


def shrunken(
    case: Case, share: float = 0.9, seconds: float = 120.0, progress: Progress = silent
) -> Shrunken:
    """Leave out steps, then make what is left shorter.

    Args:
        case: The counterexample; its harm is above 0.
        share: The part of the harm that has to be left, above 0 and at most 1.
        seconds: Of processor time, after which no candidate is begun.
        progress: Shows the time.

    Raises:
        UsageError: If no harm was done, or the share is none.
    """
    if not 0 < share <= 1:
        raise UsageError(
            f"The share of the harm that is kept is above 0 and at most 1, not {share}."
        )
    if case.harm(case.whole) <= 0:
        raise UsageError(
            "Nothing can be shrunk: the adversary gains no more than without the attack."
        )
    with progress("shrinking, seconds", round(seconds)) as advance:
        trying = _Trying(case, share, seconds, advance)
        steps = fewest(np.flatnonzero(case.kept.attacked), lambda few: trying.harms(few, 1.0))
        factor = smallest(lambda shorter: trying.harms(steps, shorter))
    rollouts = case.played(steps, factor)
    reached = steps[steps < len(rollouts.rewards)]
    return Shrunken(reached, factor, rollouts, case.harm(rollouts), trying.tries, not trying.late)


def fewest(steps: Steps, harmful: Callable[[Steps], bool]) -> Steps:
    """Steps of which none can be left out, found by leaving out ever smaller parts."""
    size = len(steps)
    while True:
        size, before = max(size // 2, 1), len(steps)
        # what comes last is left out first: all that is before it happens as it did
        for part in np.array_split(steps, -(-before // size))[::-1]:
            left = np.setdiff1d(steps, part)
            if len(left) and harmful(left):
                steps = left
        if size == 1 and len(steps) == before:
            return steps


def smallest(harmful: Callable[[float], bool]) -> float:
    """The least factor that bisection finds between one that does harm, 1, and none, 0."""
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if harmful(middle) else (middle, high)
    return high


class _Trying:
    """Plays candidates until the time is spent; then none does harm."""

    def __init__(self, case: Case, share: float, seconds: float, advance: Advance) -> None:
        self._case, self._advance, self._told = case, advance, 0
        self._least = share * case.harm(case.whole)
        self._begun, self._seconds = process_time(), seconds
        self.tries, self.late = 0, False

    def harms(self, steps: Steps, factor: float) -> bool:
        passed = process_time() - self._begun
        self._advance(int(passed) - self._told)
        self._told = int(passed)
        if passed > self._seconds:
            self.late = True
            return False
        self.tries += 1
        return self._case.harm(self._case.played(steps, factor)) >= self._least


class _SomeChanges:
    """Adds in some steps what was added there, made shorter or not, for one episode."""

    purpose: ClassVar[str] = "some of the same changes"

    def __init__(self, whole: Rollouts, steps: Steps, factor: float) -> None:
        self._whole, self._moved = whole, moved(whole)
        self._attacked, self._factor = set(steps.tolist()), factor
        self._step = 0

    def perturb(
        self,
        observations: Shaped[np.ndarray, " lane *observation"],
        episodes: Int[np.ndarray, " lane"],
        generators: Generators,
    ) -> Shaped[np.ndarray, " lane *observation"]:
        """See `Perturbation.perturb`."""
        del episodes, generators
        step, self._step = self._step, self._step + 1
        if step not in self._attacked:
            return observations
        here = slice(step, step + 1)
        if self._factor == 1 and np.array_equal(
            bits(observations), bits(self._whole.observations[here])
        ):
            return self._whole.shown[here]  # a sum could round otherwise
        changed = observations + self._factor * self._moved[here]
        return as_observations(changed, observations.dtype)
