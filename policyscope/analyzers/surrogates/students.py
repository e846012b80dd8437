"""Students: forms of readable policy, each of which learns from the same lessons.

    linear             a constant and a weight of each feature
    sparse linear      of those features that are needed
    polynomial         a weight of each monomial up to a degree
    sparse polynomial  of those monomials that are needed
    tree               so many leaves (CART, scikit-learn's)

What is needed is found backwards: the weakest parts are left out, and the rest fitted again, for as
long as the actions on other lessons stay as close to the teacher's, but for `SACRIFICE`.

References: Wong et al. 2024, https://arxiv.org/abs/2402.06912 (linear policies as the baseline of
every explanation); Guyon et al. 2002, https://doi.org/10.1023/A:1012487302797 (backward
elimination); Breiman et al. 1984, Classification and Regression Trees.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from policyscope.analyzers.surrogates.lessons import Lessons
from policyscope.analyzers.surrogates.regression import regressed
from policyscope.analyzers.surrogates.role import Role
from policyscope.readable.equations import Equations, monomials
from policyscope.readable.tree import LEAF, Tree
from policyscope.sindy.library import dictionary

SACRIFICE = 0.005
"""Mean closeness of actions that may be lost by what is left out; see `Lessons.closeness`."""
MOST_TERMS = 100
"""Of a polynomial, before any is left out."""
KEPT = 0.8
"""Share of the terms that is kept from one step of leaving out to the next."""


@runtime_checkable
class Student(Protocol):
    """Learns a form."""

    @property
    def name(self) -> str:
        """What its surrogate is called."""
        ...

    def learned(self, lessons: Lessons, exam: Lessons, role: Role) -> Equations | Tree:
        """The form that does what the lessons say; others, of the exam, tell what it needs."""
        ...


@dataclass(frozen=True)
class Linear:
    """A constant and a weight of each feature."""

    name: str = "linear"

    def learned(self, lessons: Lessons, exam: Lessons, role: Role) -> Equations:
        """See `Student.learned`."""
        del exam, role
        found = regressed(lessons.observations, lessons)
        return Equations.linear(found[1:], found[0])


@dataclass(frozen=True)
class SparseLinear:
    """Of those features that are needed."""

    name: str = "sparse_linear"

    def learned(self, lessons: Lessons, exam: Lessons, role: Role) -> Equations:
        """See `Student.learned`."""
        features = lessons.observations.shape[1]
        return _reduced(np.eye(features, dtype=int), lessons, exam, role)


@dataclass(frozen=True)
class Polynomial:
    """All monomials up to a degree."""

    degree: int = 3
    name: str = "polynomial"

    def learned(self, lessons: Lessons, exam: Lessons, role: Role) -> Equations:
        """See `Student.learned`."""
        del exam, role
        exponents = _powers(lessons.observations.shape[1], self.degree)
        columns = monomials(lessons.observations, exponents)
        return _fitted(np.arange(len(exponents)), exponents, columns, lessons)


@dataclass(frozen=True)
class SparsePolynomial:
    """Of those monomials that are needed, up to a degree."""

    degree: int = 3
    name: str = "sparse_polynomial"

    def learned(self, lessons: Lessons, exam: Lessons, role: Role) -> Equations:
        """See `Student.learned`."""
        return _reduced(_powers(lessons.observations.shape[1], self.degree), lessons, exam, role)


@dataclass(frozen=True)
class Branching:
    """A tree of so many leaves."""

    leaves: int

    @property
    def name(self) -> str:
        """See `Student.name`."""
        return f"tree_{self.leaves}"

    def learned(self, lessons: Lessons, exam: Lessons, role: Role) -> Tree:
        """See `Student.learned`."""
        del exam, role
        kind = DecisionTreeClassifier if lessons.groups else DecisionTreeRegressor
        # ties between questions are broken by chance, so chance is fixed
        model = kind(max_leaf_nodes=self.leaves, random_state=0)
        targets = lessons.actions / (1 if lessons.groups else lessons.units)
        grown = model.fit(lessons.observations, targets).tree_
        if lessons.groups:
            answers = _chosen(grown.value, model.classes_, lessons)
        else:
            answers = grown.value[:, :, 0] * lessons.units
        return merged(Tree.grown(grown, answers))


def students(leaves: tuple[int, ...], degree: int) -> tuple[Student, ...]:
    """All of them."""
    trees = tuple(Branching(count) for count in sorted(leaves))
    return (Linear(), SparseLinear(), Polynomial(degree), SparsePolynomial(degree), *trees)


def _powers(features: int, degree: int) -> Int[np.ndarray, " term feature"]:
    """All monomials up to a degree but the constant; of a lower one where they are too many."""
    _, exponents = dictionary(features, 0, degree, MOST_TERMS + 1)
    return exponents[1:]


def _reduced(
    exponents: Int[np.ndarray, " term feature"], lessons: Lessons, exam: Lessons, role: Role
) -> Equations:
    """Terms left out, the weakest first, for as long as hardly a decision changes."""
    columns = monomials(lessons.observations, exponents)
    spread = columns.std(0)
    kept = np.arange(len(exponents))
    best = found = _fitted(kept, exponents, columns, lessons)
    enough = _closeness(found, exam, role) - SACRIFICE
    while len(kept) > 1:
        strength = np.abs(found.coefficients[1:] * spread[kept, None]).sum(1)
        fewer = max(min(int(KEPT * len(kept)), len(kept) - 1), 1)
        kept = np.sort(kept[np.argsort(-strength, kind="stable")[:fewer]])
        found = _fitted(kept, exponents, columns, lessons)
        if _closeness(found, exam, role) < enough:
            break
        best = found
    return best


def _fitted(
    kept: Int[np.ndarray, " some"],
    exponents: Int[np.ndarray, " term feature"],
    columns: Float[np.ndarray, " row term"],
    lessons: Lessons,
) -> Equations:
    constant = np.zeros((1, exponents.shape[1]), int)
    return Equations(
        np.concatenate([constant, exponents[kept]]), regressed(columns[:, kept], lessons)
    )


def _closeness(form: Equations, exam: Lessons, role: Role) -> float:
    return float(exam.closeness(role.played_by(form).decisions(exam.observations)).mean())


def _chosen(
    shares: Float[np.ndarray, " node choice alternative"],
    classes: np.ndarray | list[np.ndarray],
    lessons: Lessons,
) -> Float[np.ndarray, " node output"]:
    """1 for the most frequent alternative of each choice, and 0 for the others."""
    known = classes if isinstance(classes, list) else [classes]
    parts = []
    for i, count in enumerate(lessons.groups):
        best = known[i][shares[:, i, : len(known[i])].argmax(1)] - lessons.starts[i]
        parts.append(np.eye(count)[best.astype(int)])
    return np.concatenate(parts, 1)


def merged(tree: Tree) -> Tree:
    """The same tree without questions that have only one answer."""
    asked, answers = tree.asked.copy(), tree.answers.copy()
    for node in np.flatnonzero(~tree.leaves)[::-1]:
        ways = [tree.below[node], tree.above[node]]
        if (asked[ways] == LEAF).all() and np.array_equal(*answers[ways]):
            asked[node] = LEAF
            answers[node] = answers[ways[0]]
    used = np.zeros(len(asked), bool)
    used[0] = True
    for node in np.flatnonzero(asked != LEAF):
        used[[tree.below[node], tree.above[node]]] = used[node]
    number = np.cumsum(used) - 1
    below, above = (
        np.where(asked == LEAF, LEAF, number[way])[used] for way in (tree.below, tree.above)
    )
    return Tree(asked[used], tree.thresholds[used], below, above, answers[used])
