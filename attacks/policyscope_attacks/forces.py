"""Forces: how low can a bounded force on its body push a policy?

    R(ε) = min_{force} E[Σ_t r_t],   |f_i| ≤ ε W in every step, W the weight of the whole body

RARL's adversary, against a policy that is frozen: forces on the torso, or on the pole where there
is none, are drawn, always the same, or learned. The strongest of each ε is played on episodes that
had no part in its choice or its learning. A lowest return found is an upper bound of the true R(ε).

Reference: Pinto et al. 2017, https://arxiv.org/abs/1703.02702 (RARL)
"""

from contextlib import closing
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from policyscope.analyzers.subject import Need, Subject
from policyscope.errors import EnvironmentMismatch
from policyscope.reports.results import DisturbanceOutcome, NotApplicable
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.forces import BODIES, pushable
from policyscope.statistics import CONFIDENCE
from policyscope_attacks.disturbing.contest import Effort, contested
from policyscope_attacks.disturbing.pushed import OnBody
from policyscope_attacks.disturbing.trial import Trial


@dataclass(frozen=True)
class Forces:
    """How low can a bounded force on its body push the policy?"""

    epsilons: tuple[float, ...] = (0.1, 0.3)
    """How large the force along each axis may be, in shares of the weight of the whole body."""
    minutes: float = 0.9
    """Processor time after which no further disturbance is begun; a learned one needs 1."""
    episodes: int = 10
    """How many of the policy's episodes each disturbance plays, and how many others the
    strongest."""
    confidence: float = CONFIDENCE
    """Of every interval."""

    needs: ClassVar[tuple[Need, ...]] = (Need.ENVIRONMENT,)

    def __post_init__(self) -> None:
        if not self.epsilons or min(self.epsilons) <= 0 or self.minutes <= 0 or self.episodes < 2:
            raise ValueError("Forces needs epsilons and minutes above 0, and episodes ≥ 2.")

    def run(self, subject: Subject, rng: np.random.Generator) -> DisturbanceOutcome | NotApplicable:
        """See `Analyzer.run`."""
        del rng  # everything comes from the subject's seed, and is the same for every analyzer
        environment = subject.environment
        if environment is None:
            raise EnvironmentMismatch(f"needs {Need.ENVIRONMENT.value}")
        if not _body(environment):
            return NotApplicable(
                f"forces act on a {' or a '.join(BODIES)} that MuJoCo simulates, and there is none "
                f"in {environment.playable}"
            )
        trials = [Trial(subject, epsilon, OnBody()) for epsilon in self.epsilons]
        return contested(trials, Effort(self.minutes, self.episodes, self.confidence))


def _body(environment: Environment) -> str:
    """What can be pushed; empty where nothing can."""
    if environment.frame_stack is not None:
        return ""
    with closing(environment.simulator()) as env:
        return pushable(env)
