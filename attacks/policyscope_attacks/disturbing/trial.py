"""Trial: disturbances of one size, where they may practise, and what each of them learns first."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from policyscope.analyzers.subject import Subject
from policyscope.rollouts.goal import LowerReturn, per_episode
from policyscope.rollouts.rollouts import Rollouts
from policyscope.rollouts.seeds import another_seed
from policyscope_attacks.direction_search import best_direction
from policyscope_attacks.disturbing.arm import Arm
from policyscope_attacks.disturbing.disturbance import Disturbance
from policyscope_attacks.disturbing.disturbed import Disturbed, OnActions
from policyscope_attacks.disturbing.learned import Learned
from policyscope_attacks.disturbing.noise import Noise
from policyscope_attacks.disturbing.steady import Steady
from policyscope_attacks.mind import fresh, sees_vectors
from policyscope_attacks.ppo import Practice, trained

PRACTICE, ITERATIONS = 32, 12
"""Episodes in one iteration of practice, and how many there are at most."""


@dataclass(frozen=True, eq=False)
class Trial:
    """Whom to disturb, and by how much."""

    subject: Subject
    epsilon: float
    arm: Arm = OnActions()
    """What is disturbed: the actions, or the body."""

    def play(
        self, disturbance: Disturbance, episodes: int, seed: int, what: str
    ) -> tuple[Rollouts, Float[np.ndarray, " episode"]]:
        """Episodes under a disturbance, and how far each of them was disturbed."""
        actor = self.arm.disturbed(self.subject.policy, disturbance, self.epsilon, seed)
        rollouts = self.arm.held(self.subject).play(actor, None, episodes, seed, what)
        return rollouts, actor.changes(rollouts.lengths)

    @property
    def outputs(self) -> int:
        """How many numbers a disturbance wishes."""
        return self.arm.outputs(self.subject.policy)

    @cached_property
    def steady(self) -> Steady:
        """The steady disturbance that lowers most."""

        def gaining(directions: Tensor, episodes: int, seed: int) -> Float[np.ndarray, " episode"]:
            rollouts, _ = self.play(Steady(directions), episodes, seed, "steady")
            return per_episode(LowerReturn(), rollouts)

        return Steady(best_direction(gaining, self.outputs, self.seed("steady")))

    def learned(self) -> Learned | None:
        """The one that has practised, from the best steady one on; None where it sees no vector."""
        if not sees_vectors(self.subject):
            return None
        seed = self.seed("practice")

        def seen(rollouts: Rollouts) -> Float[Tensor, " step feature"]:
            return torch.from_numpy(rollouts.observations).float()

        practice = Practice(
            play=lambda mind, seed: self.play(Learned(mind, True), PRACTICE, seed, "practice")[0],
            sees=seen,
            gains=LowerReturn().rewards,
            iterations=ITERATIONS,
            seed=seed,
            purpose=Disturbed.purpose,
        )
        return Learned(
            trained(fresh(seen(self.subject.rollouts), self.steady.wishes[0], seed), practice).mind
        )

    def seed(self, purpose: str) -> int:
        """A seed of other episodes than the subject's own."""
        return another_seed(self.subject.seed, f"disturbances, {purpose}")


@dataclass(frozen=True, eq=False)
class Candidate:
    """A disturbance that may be tried."""

    make: Callable[[Trial], Disturbance | None]
    """The disturbance, after it has learned; None where it makes no sense."""
    minutes: float = 0
    """It is not tried with less time than this in all."""
    passes: int = 1
    """About how many times as long as noise it takes."""


def _signs(trial: Trial) -> Noise | None:
    discrete = trial.arm.discrete(trial.subject.policy)
    return None if discrete else Noise(trial.outputs, signs=True)


CANDIDATES: dict[str, Candidate] = {
    "uniform_noise": Candidate(lambda trial: Noise(trial.outputs)),
    "sign_noise": Candidate(_signs),
    "steady": Candidate(lambda trial: trial.steady, passes=20),
    "learned": Candidate(Trial.learned, minutes=1, passes=60),
}
"""By name, the noise that all are read beside first."""
