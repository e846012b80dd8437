"""Judging a surrogate: does it do what the policy does, and is it worth as much?

    agreement       share of steps of the policy's episodes at which both act alike
    own agreement   likewise, of the episodes in which the surrogate acts
    return          of the surrogate, on the same episodes as the policy's own: paired

Two discrete actions are alike where they are equal, two continuous ones where they are no more than
`CLOSE` half ranges apart. High agreement is no proof of a like return, nor the other way round: a
rule that agrees with a network in half of the states may balance a pole as long.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from policyscope import statistics
from policyscope.analyzers.subject import Subject
from policyscope.analyzers.surrogates.lessons import Lessons, lessons_of
from policyscope.policies.readable import in_place_of
from policyscope.readable.readable import Readable
from policyscope.rollouts.actors import Greedy
from policyscope.rollouts.rollouts import Rollouts
from policyscope.rollouts.visited import Visited
from policyscope.statistics import Estimate


@dataclass(frozen=True, eq=False)
class Judgement:
    """How a surrogate did."""

    agreement: Estimate
    own_agreement: Estimate | None
    """None where nothing can be played."""
    error: Estimate | None
    """Root of the mean squared distance of continuous actions, in half ranges; else None."""
    returns: Float[np.ndarray, " episode"]
    """On the policy's own episodes; of none where nothing can be played."""


@dataclass(frozen=True, eq=False)
class Judge:
    """Holds surrogates against one policy, on its own episodes."""

    subject: Subject
    lessons: Lessons
    """What the policy does in them."""
    rng: np.random.Generator
    """Draws the resamples of intervals."""
    confidence: float
    visited: Visited
    """The policy's own episodes, of which no surrogate has learned anything."""

    @classmethod
    def of(
        cls, subject: Subject, visited: Visited, rng: np.random.Generator, confidence: float
    ) -> "Judge":
        """A judge who knows what the policy does where it has been."""
        return cls(subject, lessons_of(subject.policy, visited), rng, confidence, visited)

    def judged(self, readable: Readable, name: str) -> Judgement:
        """Judge a surrogate, which is called so while it plays."""
        decided = readable.decisions(self.lessons.observations)
        own, returns, error = None, np.empty(0), None
        if self.subject.environment is not None:
            played = acted(self.subject, readable, name)
            there = lessons_of(self.subject.policy, played.visited)
            same = there.same(readable.decisions(there.observations))
            own, returns = self._mean(same, played.visited), played.returns
        if not self.lessons.groups:
            error = self._root(self.lessons.distances(decided) ** 2)
        agreement = self._mean(self.lessons.same(decided), self.visited)
        return Judgement(agreement, own, error, returns)

    def _mean(self, values: np.ndarray, visited: Visited) -> Estimate:
        """Over all steps, its interval over episodes."""
        sums = _sums(values, visited)
        return statistics.bootstrap(sums, lambda s: s[:1] / s[1], self.rng, self.confidence)[0]

    def _root(self, squares: Float[np.ndarray, " step"]) -> Estimate:
        def root(sums: np.ndarray) -> np.ndarray:
            return np.sqrt(sums[:1] / sums[1])

        return statistics.bootstrap(_sums(squares, self.visited), root, self.rng, self.confidence)[
            0
        ]


def acted(
    subject: Subject,
    readable: Readable,
    name: str,
    episodes: int | None = None,
    seed: int | None = None,
) -> Rollouts:
    """Episodes in which the surrogate acts; by default the policy's own once more."""
    actor = Greedy(in_place_of(subject.policy, readable, name))
    return subject.play(actor, episodes=episodes, seed=seed, what=name.replace("_", " "))


def _sums(values: np.ndarray, visited: Visited) -> Float[np.ndarray, " block two"]:
    """Of each block of steps the sum, and the number of steps."""
    sums = np.zeros((len(visited.blocks), 2))
    rows = np.stack([values.astype(float), np.ones(len(values))], 1)
    np.add.at(sums, visited.block_of_step, rows)
    return sums
