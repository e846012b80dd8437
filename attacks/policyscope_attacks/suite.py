"""The suite: every attack there is, from cheap to strong, and what each of them learns first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from gymnasium import spaces
from jaxtyping import Float
from torch import Tensor

from policyscope.analyzers.subject import Subject
from policyscope.policies.flips import is_discrete
from policyscope.policies.policy import Scores
from policyscope.rollouts.actors import Greedy
from policyscope.rollouts.goal import Goal, per_episode
from policyscope.rollouts.rollouts import Rollouts
from policyscope.rollouts.seeds import another_seed
from policyscope_attacks import dynamics
from policyscope_attacks.attack import Attack
from policyscope_attacks.budget import Budget
from policyscope_attacks.critic import learned
from policyscope_attacks.direction_search import best_direction
from policyscope_attacks.disturbing.disturbed import Disturbed
from policyscope_attacks.disturbing.noise import Noise
from policyscope_attacks.methods.critic_guided import CriticGuided
from policyscope_attacks.methods.deepfool import DeepFool
from policyscope_attacks.methods.fgsm import Fgsm
from policyscope_attacks.methods.mad import Mad
from policyscope_attacks.methods.nesterov import Nesterov
from policyscope_attacks.methods.optimal_adversary import OptimalAdversary
from policyscope_attacks.methods.pgd import Pgd
from policyscope_attacks.methods.policy_director import PolicyDirector
from policyscope_attacks.methods.random_search import RandomSearch
from policyscope_attacks.methods.rationed import Rationed
from policyscope_attacks.methods.sign_noise import SignNoise
from policyscope_attacks.methods.steady_push import SteadyPush
from policyscope_attacks.methods.steady_shift import SteadyShift
from policyscope_attacks.methods.uniform_noise import UniformNoise
from policyscope_attacks.mind import Mind, fresh, sees_vectors
from policyscope_attacks.ppo import Practice, Trained, trained
from policyscope_attacks.sight import glimpses
from policyscope_attacks.standing_between import StandingBetween
from policyscope_attacks.timed import TIMED, critical, flipping, rationed, strategic, valued

PRACTICE = 32
"""Episodes in one iteration of practice."""
DRAWN = 0.3
"""Probability with which an action is drawn where dynamics are learned."""
BEGUN = 0.95
"""Share of the steady shift with which an optimal adversary begins: its tanh never is 1."""
SHORT, SEEDS = 12, 3
"""Iterations of a short practice, and how many have one before the best of them goes on."""


@dataclass(frozen=True, eq=False)
class Task:
    """What an attack is to do, and where it may practise."""

    subject: Subject
    budget: Budget
    goal: Goal

    def play(self, attack: Attack, episodes: int, seed: int, what: str) -> Rollouts:
        """Episodes under an attack. What does not time itself rations a whole episode's budget."""
        timed = isinstance(attack, TIMED)
        paced = attack if timed or not self.budget.whole_episode else Rationed(attack)
        between = StandingBetween(paced, self.subject.policy, self.budget)
        greedy = Greedy(self.subject.policy)
        return self.subject.play(greedy, between, episodes, seed, what)

    @cached_property
    def push(self) -> SteadyPush:
        """The steady push that gains most."""
        policy = self.subject.policy
        # one more of every score is no other decision, so the last of a choice may be left at 0
        chosen = isinstance(policy.action_space, spaces.Discrete)
        spared = torch.nn.ZeroPad1d((0, int(chosen)))
        outputs = (policy.outputs or 0) - chosen
        found = self._best(lambda directions: SteadyPush(spared(directions)), outputs, "push")
        return SteadyPush(spared(found))

    @cached_property
    def shift(self) -> SteadyShift:
        """The steady shift that gains most."""
        return SteadyShift(self._best(SteadyShift, self.budget.scale.numel(), "shift"))

    def _best(
        self, kind: Callable[[Tensor], Attack], dimensions: int, what: str
    ) -> Float[Tensor, "1 dimension"]:
        def gaining(directions: Tensor, episodes: int, seed: int) -> Float[np.ndarray, " episode"]:
            played = self.play(kind(directions), episodes, seed, f"search for a steady {what}")
            return per_episode(self.goal, played)

        return best_direction(gaining, dimensions, self.seed(f"steady {what}"))

    def seed(self, purpose: str) -> int:
        """A seed of other episodes than the subject's own."""
        return another_seed(self.subject.seed, f"attacks, {purpose}")


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
    whole_episode: bool = False
    """Whether it is for budgets of whole episodes alone."""


def _critic_guided(task: Task) -> Attack | None:
    policy = task.subject.policy
    if policy.meaning is Scores.Q_VALUES and is_discrete(policy):
        return CriticGuided()
    single = not is_discrete(policy) or policy.outputs == getattr(policy.action_space, "n", None)
    if not (single and sees_vectors(task.subject)):
        return None
    seed = task.seed("critic")
    played = task.play(UniformNoise(), 10, seed, "critic's episodes")
    return CriticGuided(learned(policy, played, seed))


def _critical(task: Task) -> tuple[Attack, ...]:
    """None where nothing is known of what actions lead to: see `dynamics`."""
    subject, seed = task.subject, task.seed("dynamics")
    policy = subject.policy
    single = isinstance(policy.action_space, spaces.Discrete)
    if not (single and sees_vectors(subject)) or policy.memory_shapes:
        return ()
    drawn = Disturbed(policy, Noise(policy.outputs or 0), DRAWN, seed)
    rollouts = subject.play(drawn, None, PRACTICE, seed, "episodes to learn dynamics from")
    return critical(policy, subject.visited, dynamics.learned(policy, rollouts))


def _steady_shift(task: Task) -> SteadyShift | None:
    return task.shift if task.budget.scale.ndim == 1 else None


@dataclass(frozen=True, eq=False)
class Learned:
    """Makes an adversary that practises. It begins where the best steady one of its kind ends."""

    kind: Callable[[Mind, bool], Attack]
    begin: Callable[[Task], Tensor | None]
    """What it thinks best before it practises; None where it makes no sense."""
    longer: int = 0
    """Iterations for which the best of several goes on; with 0 there is one, of short practice."""

    def __call__(self, task: Task) -> Attack | None:
        """The adversary after practice."""
        start = self.begin(task)
        if start is None:
            return None
        seen = glimpses(task.subject.policy, task.subject.rollouts)
        seeds = [task.seed(f"practice {number}") for number in range(SEEDS if self.longer else 1)]
        begun = [self._practised(task, fresh(seen, start, seed), SHORT, seed) for seed in seeds]
        best = max(begun, key=lambda trained: trained.level)
        if self.longer:
            best = self._practised(task, best.mind, self.longer, task.seed("longer practice"))
        return self.kind(best.mind, False)

    def _practised(self, task: Task, mind: Mind, iterations: int, seed: int) -> Trained:
        practice = Practice(
            play=lambda mind, seed: task.play(self.kind(mind, True), PRACTICE, seed, "practice"),
            sees=lambda rollouts: glimpses(task.subject.policy, rollouts),
            gains=task.goal.rewards,
            iterations=iterations,
            seed=seed,
        )
        return trained(mind, practice)


def _timed(attacks: Callable[[Task], Sequence[Attack]]) -> Callable[[Task], Attack | None]:
    """The one that does best in practice, where a budget is of a whole episode."""

    def make(task: Task) -> Attack | None:
        seed = task.seed("timing")
        gains = {
            attack: task.goal.rewards(task.play(attack, PRACTICE, seed, "timing")).sum()
            for attack in attacks(task)
        }
        return max(gains, key=gains.__getitem__, default=None)

    return make


def _push(task: Task) -> Tensor:
    return task.push.directions[0]


def _shift(task: Task) -> Tensor | None:
    """What an optimal adversary, whose shares are a tanh, thinks where it shifts steadily."""
    shift = _steady_shift(task)
    if shift is None:
        return None
    direction = shift.directions[0]
    return torch.atanh(BEGUN * direction / direction.abs().amax().clamp_min(1e-30))


SUITE: dict[str, Candidate] = {
    "uniform_noise": Candidate(lambda task: UniformNoise(), gradients=False),
    "sign_noise": Candidate(lambda task: SignNoise(), gradients=False),
    "fgsm": Candidate(lambda task: Fgsm(task.goal.action), passes=3),
    "pgd": Candidate(lambda task: Pgd(steps=5, restarts=1, action=task.goal.action), passes=6),
    "steady_push": Candidate(lambda task: task.push, passes=20),
    "steady_shift": Candidate(_steady_shift, gradients=False, minutes=1, passes=20),
    "rationed": Candidate(_timed(lambda task: rationed()), passes=30, whole_episode=True),
    "flips": Candidate(
        _timed(lambda task: flipping(task.subject.policy, task.subject.visited)),
        passes=30,
        whole_episode=True,
    ),
    "strategically_timed": Candidate(
        _timed(lambda task: strategic(task.subject.policy, task.subject.visited)),
        passes=30,
        whole_episode=True,
    ),
    "value_timed": Candidate(
        _timed(lambda task: valued(task.subject.policy, task.subject.visited)),
        passes=30,
        whole_episode=True,
    ),
    "critical_point": Candidate(_timed(_critical), minutes=1, passes=50, whole_episode=True),
    "policy_director": Candidate(Learned(PolicyDirector, _push), minutes=1, passes=50),
    "mad": Candidate(lambda task: Mad(), minutes=1, passes=12),
    "random_search": Candidate(
        lambda task: RandomSearch(action=task.goal.action), gradients=False, minutes=1, passes=20
    ),
    "critic_guided": Candidate(_critic_guided, minutes=1, passes=15),
    "deepfool": Candidate(lambda task: DeepFool(), minutes=5, passes=5),
    "nesterov": Candidate(lambda task: Nesterov(action=task.goal.action), minutes=5, passes=15),
    "policy_director_long": Candidate(
        Learned(PolicyDirector, _push, longer=60), minutes=5, passes=250
    ),
    "optimal_adversary": Candidate(
        Learned(OptimalAdversary, _shift, longer=60), gradients=False, minutes=10, passes=200
    ),
}
"""By name, the noise that all are read beside first."""
