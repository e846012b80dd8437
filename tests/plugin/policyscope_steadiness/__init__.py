"""A stranger's analyzer: how often does the policy change its action?"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from policyscope.analyzers.subject import Need, Subject
from policyscope.reports.results import EpisodeReturns


@dataclass(frozen=True)
class Steadiness:
    """How often does the policy change its action?"""

    penalty: float = 1.0
    """Counted per change."""

    needs: ClassVar[tuple[Need, ...]] = (Need.ENVIRONMENT,)

    def run(self, subject: Subject, rng: np.random.Generator) -> EpisodeReturns:
        """See `Analyzer.run`."""
        del rng
        rollouts = subject.rollouts
        changed = np.diff(rollouts.actions, prepend=rollouts.actions[:1]) != 0
        penalties = [
            -self.penalty * changed[rollouts.episode_of_step == episode].sum()
            for episode in range(len(rollouts.lengths))
        ]
        return EpisodeReturns(
            arms=("changes",),
            returns=np.array([penalties]),
            lengths=rollouts.lengths[None],
            truncated=rollouts.truncated[None],
            confidence=0.95,
        )
