"""Attacks: how low can an adversary with a bounded budget push this policy?

    R(ε) = min_{attack} E[Σ_t r_t],  every observation changed by δ_t with length(δ_t) ≤ ε

Attacks are run from cheap to strong until the time is spent. What is left out is said; a number
depends on the seed and on the attack alone, never on the time. All attacks of one ε play the same
episodes, the policy's own, so that losses are paired. The strongest of them is then played on other
episodes, which had no part in its choice, nor in anything that an attack has learned: a minimum
over noisy means would be too low. A lowest return found is an upper bound of the true R(ε).

References: Zhang et al. 2020, https://arxiv.org/abs/2003.08938;
Tretschk, Oh, Fritz 2018, https://arxiv.org/abs/1805.12487
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from gymnasium import spaces
from jaxtyping import Bool
from torch import Tensor

from policyscope.analyzers.subject import Need, Subject
from policyscope.errors import UsageError
from policyscope.policies.flips import is_discrete
from policyscope.reports.results import AttackOutcome, NotApplicable
from policyscope.rollouts.actors import Greedy
from policyscope.rollouts.goal import asked_for, per_episode
from policyscope.rollouts.rollouts import Rollouts
from policyscope.rollouts.units import usual_changes_of_new
from policyscope.statistics import CONFIDENCE
from policyscope_attacks.attack import Attack
from policyscope_attacks.budget import NORMS, Budget
from policyscope_attacks.counterexample import counterexamples
from policyscope_attacks.in_time import run_in_time
from policyscope_attacks.standing_between import spent
from policyscope_attacks.suite import SUITE, Candidate, Task


@dataclass(frozen=True)
class Attacks:
    """How low can an adversary with a bounded budget push this policy?"""

    epsilons: tuple[float, ...] = (0.1, 0.3)
    """How far each observation may be changed, in units of each feature."""
    norm: str = "linf"
    """`linf`, every feature by as much, or `l2`, all together."""
    units: str = "deviations"
    """`deviations` of each feature, or `environment`: its own units."""
    whole_episode: bool = False
    """Whether all steps of an episode share epsilon; otherwise each has its own."""
    minutes: float = 0.9
    """Processor time after which no further attack is begun; the stronger ones need more."""
    episodes: int = 5
    """How many of the policy's episodes every attack plays, and how many others the strongest."""
    goal: str = ""
    """An adversarial reward, such as `-abs(cart_position + 2)`, or a function of your own, as
    `package.module:name`; lowers the return where empty."""
    force: tuple[float, ...] = ()
    """An action to be forced, a number for each of its dimensions; any other where empty."""
    features: tuple[str, ...] = ()
    """Names of the features that may be changed; all where empty."""
    valid: str = "type"
    """What an observation can be: all that its `type` holds, what the `space` of the environment
    does, or nothing beyond what was `visited`."""
    only: tuple[str, ...] = ()
    """Names of the attacks to run; all where empty."""
    confidence: float = CONFIDENCE
    """Of every interval."""

    needs: ClassVar[tuple[Need, ...]] = (Need.ENVIRONMENT,)

    def __post_init__(self) -> None:
        if not self.epsilons or min(self.epsilons) <= 0 or self.minutes <= 0 or self.episodes < 2:
            raise ValueError("Attacks needs epsilons and minutes above 0, and episodes ≥ 2.")
        if self.norm not in NORMS:
            raise ValueError(f"norm is one of {', '.join(NORMS)}, not {self.norm!r}.")
        if self.units not in ("deviations", "environment"):
            raise ValueError(f"units is 'deviations' or 'environment', not {self.units!r}.")
        if self.valid not in ("type", "space", "visited"):
            raise ValueError(f"valid is 'type', 'space' or 'visited', not {self.valid!r}.")
        if unknown := set(self.only) - set(SUITE):
            raise ValueError(f"There is no attack {min(unknown)!r}; there are {', '.join(SUITE)}.")

    def run(self, subject: Subject, rng: np.random.Generator) -> AttackOutcome | NotApplicable:
        """See `Analyzer.run`."""
        del rng  # everything comes from the subject's seed, and is the same for every analyzer
        clean = subject.rollouts.some(0, self.episodes)
        if is_discrete(subject.policy) and subject.policy.outputs == 1:
            return NotApplicable("a policy with a single action cannot be led to another")
        goal = asked_for(self.goal, self.force, subject.features)
        tasks = [Task(subject, budget, goal) for budget in self._budgets(subject)]
        runs, left_out = self._board(tasks, len(clean.lengths))
        gains = np.array([[per_episode(goal, r) for r in run.played] for run in runs.values()])
        best = [list(runs)[i] for i in gains.mean(2).argmax(0)]
        fresh = tasks[0].seed("held-out episodes")
        held_out = [
            task.play(runs[name].attacks[j], self.episodes, fresh, f"strongest, {name}")
            for j, (name, task) in enumerate(zip(best, tasks, strict=True))
        ]
        greedy = Greedy(subject.policy)
        untouched = subject.play(greedy, episodes=self.episodes, seed=fresh, what="held out")
        return AttackOutcome(
            attacks=tuple(runs),
            white_box=tuple(run.attacks[0].white_box for run in runs.values()),
            left_out=left_out,
            epsilons=self.epsilons,
            norm=self.norm,
            units=self.units,
            whole_episode=self.whole_episode,
            goal=self.goal or self._forced(subject),
            forced=() if self.goal else self.force,
            clean=clean.returns,
            returns=np.array([[r.returns for r in run.played] for run in runs.values()]),
            gains=gains,
            clean_gains=per_episode(goal, clean),
            spent=np.array([run.spent for run in runs.values()]),
            strongest=tuple(best),
            held_out_clean=untouched.returns,
            held_out=np.array([rollouts.returns for rollouts in held_out]),
            held_out_clean_gains=per_episode(goal, untouched),
            held_out_gains=np.array([per_episode(goal, rollouts) for rollouts in held_out]),
            confidence=self.confidence,
            counterexamples=counterexamples(best, tasks, untouched, held_out),
        )

    def _budgets(self, subject: Subject) -> Iterator[Budget]:
        scale = usual_changes_of_new(subject.policy, subject.visited)
        if self.units == "environment":
            scale = torch.ones_like(scale)
        low, high = self._range(subject)
        for epsilon in self.epsilons:
            budget = Budget(epsilon, scale, self.norm, self.whole_episode, low, high)
            yield budget.only(self._movable(subject, scale)) if self.features else budget

    def _range(self, subject: Subject) -> tuple[Tensor | None, Tensor | None]:
        """The least and the most that an observation can be."""
        if self.valid == "type":
            return None, None
        if self.valid == "visited":
            seen = torch.from_numpy(subject.rollouts.observations.astype(np.float64))
            return seen.amin(0), seen.amax(0)
        space = subject.environment.spaces()[0] if subject.environment else None
        if not isinstance(space, spaces.Box):
            raise UsageError(f"A valid range is that of a Box, not of {space}.")
        stacked = subject.rollouts.frame_stack is not None
        low, high = (torch.from_numpy(b.astype(np.float64)) for b in (space.low, space.high))
        return (low[-1], high[-1]) if stacked else (low, high)

    def _movable(self, subject: Subject, scale: Tensor) -> Bool[Tensor, " *observation"]:
        """Which features may be changed."""
        names = [feature.slug for feature in subject.features]
        for name in self.features:
            if name not in names:
                there = (
                    f"there are {', '.join(names)}" if names else "those of images have no names"
                )
                raise UsageError(f"There is no feature {name!r}; {there}.")
        return torch.tensor([name in self.features for name in names]).view_as(scale)

    def _forced(self, subject: Subject) -> str:
        """The goal where an action is to be forced, in words."""
        if not self.force:
            return ""
        named = subject.policy.outputs == getattr(subject.policy.action_space, "n", None)
        number = int(self.force[0])
        names = [action.slug for action in subject.actions]
        forced = names[number] if named and number < len(names) else f"{self.force}"
        return f"share of the action {forced}"

    def _board(self, tasks: list[Task], episodes: int) -> tuple[dict[str, "_Run"], tuple[str, ...]]:
        """What each attack does to the policy's own episodes, and which there was no time for."""
        differentiable = tasks[0].subject.policy.differentiable
        candidates = {
            name: SUITE[name]
            for name in self.only or SUITE
            if (differentiable or not SUITE[name].gradients)
            and (self.whole_episode or not SUITE[name].whole_episode)
        }

        def run(name: str, candidate: Candidate) -> _Run | None:
            made = [one for task in tasks if (one := candidate.make(task)) is not None]
            return _Run.of(name, made, tasks, episodes) if len(made) == len(tasks) else None

        return run_in_time(candidates, self.minutes, run)


@dataclass(frozen=True, eq=False)
class _Run:
    """One kind of attack, with a budget of each size."""

    attacks: list[Attack]
    played: list[Rollouts]
    spent: list[float]

    @classmethod
    def of(cls, name: str, attacks: list[Attack], tasks: list[Task], episodes: int) -> "_Run":
        played = [
            task.play(attack, episodes, task.subject.seed, f"{name}, {task.budget.size:g}")
            for attack, task in zip(attacks, tasks, strict=True)
        ]
        costs = [_cost(rollouts, task.budget) for rollouts, task in zip(played, tasks, strict=True)]
        return cls(attacks, played, costs)


def _cost(rollouts: Rollouts, budget: Budget) -> float:
    """The most that a step, or an episode, has cost."""
    lengths = spent(rollouts, budget)
    if not budget.whole_episode:
        return float(lengths.max())
    total = float(np.add.reduceat(budget.charge(lengths), rollouts.first_steps).max())
    return total if budget.norm == "linf" else total**0.5
