"""The suite: every attack there is, from cheap to strong, and what each of them learns first."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from policyscope.analyzers.subject import Subject
from policyscope.policies.flips import is_discrete
from policyscope.policies.policy import Policy, Scores
from policyscope.rollouts.actors import Greedy
from policyscope.rollouts.rollouts import Rollouts
from policyscope.rollouts.seeds import generator
from policyscope_attacks.attack import Attack
from policyscope_attacks.budget import Budget
from policyscope_attacks.critic import learned
from policyscope_attacks.goal import Goal
from policyscope_attacks.methods.critic_guided import CriticGuided
from policyscope_attacks.methods.deepfool import DeepFool
from policyscope_attacks.methods.fgsm import Fgsm
from policyscope_attacks.methods.mad import Mad
from policyscope_attacks.methods.nesterov import Nesterov
from policyscope_attacks.methods.optimal_adversary import OptimalAdversary
from policyscope_attacks.methods.pgd import Pgd
from policyscope_attacks.methods.policy_director import PolicyDirector
from policyscope_attacks.methods.random_search import RandomSearch
from policyscope_attacks.methods.sign_noise import SignNoise
from policyscope_attacks.methods.uniform_noise import UniformNoise
from policyscope_attacks.mind import Mind
from policyscope_attacks.ppo import Practice, trained
from policyscope_attacks.standing_between import StandingBetween

PRACTICE = 16
"""Episodes in one iteration of practice."""


@dataclass(frozen=True, eq=False)
class Task:
    """What an attack is to do, and where it may practise."""

    subject: Subject
    budget: Budget
    goal: Goal

    def play(self, attack: Attack, episodes: int, seed: int, what: str) -> Rollouts:
        """Episodes under an attack."""
        between = StandingBetween(attack, self.subject.policy, self.budget)
        greedy = Greedy(self.subject.policy)
        return self.subject.play(greedy, between, episodes, seed, what)

    def seed(self, purpose: str) -> int:
        """A seed of other episodes than the subject's own."""
        return int(generator(self.subject.seed, f"attacks, {purpose}").integers(2**31))


@dataclass(frozen=True, eq=False)
class Candidate:
    """An attack that the suite may run."""

    make: Callable[[Task], Attack | None]
    """The attack for a task, after it has learned; None where it makes no sense."""
    gradients: bool = True
    """Whether it needs them."""
    minutes: float = 0
    """It is not tried with less time than this in all."""
    passes: int = 1
    """About how many times as long as noise it takes."""


def _critic_guided(task: Task) -> Attack | None:
    policy = task.subject.policy
    if policy.meaning is Scores.Q_VALUES and is_discrete(policy):
        return CriticGuided()
    vectors = len(policy.observation_shape or ()) == 1
    single = not is_discrete(policy) or policy.outputs == getattr(policy.action_space, "n", None)
    if not (vectors and single and task.subject.rollouts.frame_stack is None):
        return None
    seed = task.seed("critic")
    played = task.play(UniformNoise(), 10, seed, "critic's episodes")
    return CriticGuided(learned(policy, played, seed))


def _learned(
    iterations: int, kind: Callable[[Mind, bool], Attack], outputs: Callable[[Policy], int]
) -> Callable[[Task], Attack | None]:
    """An adversary that practises for so many iterations, where it sees vectors."""

    def make(task: Task) -> Attack | None:
        policy, rollouts = task.subject.policy, task.subject.rollouts
        if len(policy.observation_shape or ()) != 1 or rollouts.frame_stack is not None:
            return None
        seed = task.seed("practice")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            seen = torch.from_numpy(rollouts.observations.astype(np.float32))
            fresh = Mind(seen, outputs(policy))
        practice = Practice(
            play=lambda attack, seed: task.play(attack, PRACTICE, seed, "practice"),
            gains=task.goal.rewards,
            attack=lambda mind: kind(mind, True),
            iterations=iterations,
            seed=seed,
        )
        return kind(trained(fresh, practice), False)

    return make


def _direction(policy: Policy) -> int:
    return policy.outputs or 0


def _change(policy: Policy) -> int:
    return int(np.prod(policy.observation_shape or ()))


SUITE: dict[str, Candidate] = {
    "uniform_noise": Candidate(lambda task: UniformNoise(), gradients=False),
    "sign_noise": Candidate(lambda task: SignNoise(), gradients=False),
    "fgsm": Candidate(lambda task: Fgsm(task.goal.action), passes=3),
    "pgd": Candidate(lambda task: Pgd(steps=5, restarts=1, action=task.goal.action), passes=6),
    "policy_director": Candidate(_learned(12, PolicyDirector, _direction), minutes=1, passes=35),
    "mad": Candidate(lambda task: Mad(), minutes=1, passes=12),
    "random_search": Candidate(
        lambda task: RandomSearch(action=task.goal.action), gradients=False, minutes=1, passes=20
    ),
    "critic_guided": Candidate(_critic_guided, minutes=1, passes=15),
    "deepfool": Candidate(lambda task: DeepFool(), minutes=5, passes=5),
    "nesterov": Candidate(lambda task: Nesterov(action=task.goal.action), minutes=5, passes=15),
    "policy_director_long": Candidate(
        _learned(100, PolicyDirector, _direction), minutes=5, passes=250
    ),
    "optimal_adversary": Candidate(
        _learned(100, OptimalAdversary, _change), gradients=False, minutes=10, passes=200
    ),
}
"""By name, the noise that all are read beside first."""
