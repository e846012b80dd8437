"""Returns: how good is the policy, and how good is chance?

    G_i = Σ_t r_t   over the whole episode i, undiscounted

Each mean comes with Student's interval over episodes. The same episodes, that is the same initial
states and the same randomness of the environment, are played by uniformly random actions, so the
difference is paired. Truncated episodes count with what they collected until the time limit.

Reference: Sutton & Barto, Reinforcement Learning, 2nd ed., §3.3, http://incompleteideas.net/book
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from policyscope.analyzers.subject import Need, Subject
from policyscope.reports.results import EpisodeReturns
from policyscope.rollouts.actors import UniformRandom
from policyscope.rollouts.rollouts import Rollouts
from policyscope.statistics import CONFIDENCE


@dataclass(frozen=True)
class Returns:
    """How good is the policy, and how good is chance?"""

    confidence: float = CONFIDENCE
    """Of every interval."""

    needs: ClassVar[tuple[Need, ...]] = (Need.ENVIRONMENT,)

    def run(self, subject: Subject, rng: np.random.Generator) -> EpisodeReturns:
        """See `Analyzer.run`."""
        del rng
        chance = subject.play(UniformRandom(subject.action_space))
        return self._of(("clean", "random"), (subject.rollouts, chance))

    def compare(self, first: Subject, second: Subject, rng: np.random.Generator) -> EpisodeReturns:
        """See `Comparing.compare`."""
        del rng
        return self._of(("second", "first"), (second.rollouts, first.rollouts))

    def _of(self, arms: tuple[str, ...], played: tuple[Rollouts, ...]) -> EpisodeReturns:
        return EpisodeReturns(
            arms=arms,
            returns=np.stack([rollouts.returns for rollouts in played]),
            lengths=np.stack([rollouts.lengths for rollouts in played]),
            truncated=np.stack([rollouts.truncated for rollouts in played]),
            confidence=self.confidence,
        )
