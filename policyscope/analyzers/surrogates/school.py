"""School: students learn from the policy's states, and then from those that they get into.

    D₀ = what the policy does in episodes of its own
    D_k = D_{k−1} ∪ what the policy would do where the students of round k − 1 got to

Each student learns from D₀, acts, and learns again from what all of them have seen, rounds over. Of
its forms, those are left away that surely return less in practice than another one, and then that
is kept which acts most closely, in the policy's states and in its own. The policy's own states
and the others count alike, however many they are. Nothing is learned from the episodes in which
surrogates are judged.

Reference: Ross, Gordon, Bagnell 2011, A reduction of imitation learning and structured prediction
to no-regret online learning (DAgger), https://arxiv.org/abs/1011.0686
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from policyscope import statistics
from policyscope.analyzers.subject import Subject
from policyscope.analyzers.surrogates.judging import acted
from policyscope.analyzers.surrogates.lessons import Lessons, lessons_of
from policyscope.analyzers.surrogates.role import Role, role_of
from policyscope.analyzers.surrogates.students import Student
from policyscope.readable.readable import Readable
from policyscope.rollouts.actors import Greedy
from policyscope.rollouts.seeds import another_seed

LESSONS, PRACTICE = "lessons", "practice"
FEWEST = 5
"""Episodes of each."""
MOST = 50_000
"""Rows that are learned from, of the policy's states and of the others each."""


@dataclass(frozen=True, eq=False)
class Taught:
    """A form that a student learned, and how it did in practice."""

    name: str
    readable: Readable
    returns: Float[np.ndarray, " practice"]
    """In the same episodes as others; of none where nothing can be played."""
    alike: float
    """How closely it acts in the exam's states and in its own, on average of both."""


@dataclass(frozen=True, eq=False)
class School:
    """Where a policy is the teacher."""

    subject: Subject
    role: Role
    lessons: Lessons
    """What the policy does in episodes of its own."""
    exam: Lessons
    """Likewise, of others."""
    returns: Float[np.ndarray, " practice"]
    """What the policy returns in the episodes in which students practise."""
    rng: np.random.Generator

    @classmethod
    def of(cls, subject: Subject, steps: int, rng: np.random.Generator) -> "School":
        """A school that has about so many of the policy's steps for lessons, and for exams.

        Where nothing can be played, every second of the first half of the recorded steps is for
        exams; the last half is left for judging.
        """
        policy = subject.policy
        if subject.environment is None:
            recorded = lessons_of(policy, subject.visited)
            half = np.arange(len(recorded.observations) // 2)
            lessons, exam = recorded.some(half[::2]), recorded.some(half[1::2])
            return cls(subject, role_of(subject), lessons, exam, np.empty(0), rng)
        episodes = max(FEWEST, math.ceil(steps / subject.rollouts.lengths.mean()))
        first, practice = (
            subject.play(Greedy(policy), episodes=episodes, seed=_seed(subject, what), what=what)
            for what in (LESSONS, PRACTICE)
        )
        lessons, exam = lessons_of(policy, first.visited), lessons_of(policy, practice.visited)
        return cls(subject, role_of(subject), lessons, exam, practice.returns, rng)

    def taught(self, students: tuple[Student, ...], rounds: int) -> tuple[Taught, ...]:
        """The best form of each student."""
        rounds = rounds if self.subject.environment is not None else 0
        forms: dict[str, list[Taught]] = {student.name: [] for student in students}
        seen = self.lessons.some(np.arange(0))
        for _ in range(rounds + 1):
            lessons = self._of_both(seen)
            for student in students:
                form = student.learned(lessons, self.exam, self.role)
                taught, there = self.practised(self.role.played_by(form), student.name)
                forms[student.name].append(taught)
                seen = seen.and_(there)
        return tuple(map(best, forms.values()))

    def practised(self, readable: Readable, name: str) -> tuple[Taught, Lessons]:
        """How it does in practice, and what the policy would do where it got to."""
        alike = _alike(readable, self.exam)
        if self.subject.environment is None:
            return Taught(name, readable, self.returns, alike), self.exam.some(np.arange(0))
        seed = _seed(self.subject, PRACTICE)
        played = acted(self.subject, readable, name, len(self.returns), seed)
        there = lessons_of(self.subject.policy, played.visited)
        return Taught(name, readable, played.returns, (alike + _alike(readable, there)) / 2), there

    def _of_both(self, seen: Lessons) -> Lessons:
        """As many of the policy's states as of the others, where there are others."""
        own = self._some(self.lessons, MOST)
        if not len(seen.observations):
            return own
        return own.and_(self._some(seen, len(own.observations)))

    def _some(self, lessons: Lessons, most: int) -> Lessons:
        rows = len(lessons.observations)
        return lessons.some(np.sort(self.rng.permutation(rows)[:most]))


def best(forms: Sequence[Taught]) -> Taught:
    """The form that acts most closely, of those that do not surely return less than another."""
    leader = max(forms, key=lambda taught: taught.returns.sum())
    return max(
        (form for form in forms if not surely_less(form.returns, leader.returns)),
        key=lambda taught: taught.alike,
    )


def surely_less(
    returns: Float[np.ndarray, " episode"], others: Float[np.ndarray, " episode"]
) -> bool:
    """Whether returns are less than others on the same episodes, by more than chance."""
    return len(returns) > 1 and statistics.mean(others - returns).low > 0


def _alike(readable: Readable, lessons: Lessons) -> float:
    return float(lessons.closeness(readable.decisions(lessons.observations)).mean())


def _seed(subject: Subject, purpose: str) -> int:
    return another_seed(subject.seed, f"surrogates, {purpose}")
