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

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from gymnasium import spaces

from policyscope.analyzers.subject import Need, Subject
from policyscope.errors import UsageError
from policyscope.reports.results import DisturbanceOutcome, NotApplicable
from policyscope.rollouts.environment import Environment
from policyscope.statistics import CONFIDENCE
from policyscope_attacks.disturbing.contest import Effort, contested
from policyscope_attacks.disturbing.physics_sweep import changeable, fallen, swept
from policyscope_attacks.disturbing.trial import Trial

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
    gravities: tuple[float, ...] = (0.5, 1.0, 1.5)
    """How many times as much gravity there is, also in some of classic control; masses and friction
    are then as they were."""
    confidence: float = CONFIDENCE
    """Of every interval."""

    needs: ClassVar[tuple[Need, ...]] = (Need.ENVIRONMENT,)

    def __post_init__(self) -> None:
        if not self.epsilons or min(self.epsilons) <= 0 or self.minutes <= 0 or self.episodes < 2:
            raise ValueError("Disturbances needs epsilons and minutes above 0, and episodes ≥ 2.")
        if min(self.masses, default=1) <= 0 or min((*self.frictions, *self.gravities, 0)) < 0:
            raise ValueError(
                "Disturbances needs masses above 0, and frictions and gravities of at least 0."
            )

    def run(self, subject: Subject, rng: np.random.Generator) -> DisturbanceOutcome | NotApplicable:
        """See `Analyzer.run`."""
        del rng  # everything comes from the subject's seed, and is the same for every analyzer
        discrete = not isinstance(subject.policy.action_space, spaces.Box)
        if discrete and subject.policy.outputs == 1:
            return NotApplicable("a policy with a single action cannot be made to do another")
        if discrete and max(self.epsilons) > 1:
            raise UsageError(
                "Of discrete actions epsilon is a probability, at most 1, and "
                f"{max(self.epsilons):g} was given; choose with --set disturbances.epsilons=0.1."
            )
        trials = [Trial(subject, epsilon) for epsilon in self.epsilons]
        found = contested(trials, Effort(self.minutes, self.episodes, self.confidence))
        environment = subject.environment
        bodies, falling = changeable(environment) if environment else (False, False)
        masses, frictions = (self.masses, self.frictions) if bodies else ((), ())
        gravities = self.gravities if falling else ()
        return replace(
            found,
            masses=masses,
            frictions=frictions,
            physics=swept(subject, masses, frictions, len(found.clean)),
            gravities=gravities,
            gravity=fallen(subject, gravities, len(found.clean)),
            unchanged="" if bodies else _unchanged(environment, falling),
        )


def _unchanged(environment: Environment | None, falling: bool) -> str:
    """Why masses and friction, and perhaps gravity, cannot be changed."""
    what = "masses and friction" if falling else "masses, friction and gravity"
    where = environment.playable if environment else "this"
    return f"{what} can be changed where MuJoCo simulates, and not in {where}"
