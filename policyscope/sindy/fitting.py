"""Fitting a policy: many equations of every size, and the front of those that nothing beats.

For each degree, aim, threshold and ridge one fit to all rows; of those that are small enough, the
front holds for each size the one with the least error on held-out episodes, as long as more terms
mean less error.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from policyscope.readable.equations import monomials
from policyscope.sindy.choosing import grid
from policyscope.sindy.imitated import Aim, Imitated
from policyscope.sindy.regression import Moments, Sparsity, candidates, independent

ROUNDS = 20
"""In which what is beyond a bound settles, at most."""
SOME = 3000
"""Rows that are enough to settle it."""
FULL = 1e-8
"""Ridge of the dense fit that says what is beyond a bound."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """One set of equations, and what it takes to fit it again."""

    coefficients: Float[np.ndarray, " equation term"]
    error: float
    """On held-out states; see `Imitated.summary`."""
    aim: str
    degree: int
    choice: Sparsity
    moments: Moments

    @property
    def size(self) -> int:
        """How many terms it has."""
        return int(np.count_nonzero(self.coefficients))


@dataclass(frozen=True, eq=False)
class States:
    """States and what the network answers there."""

    states: Float[np.ndarray, " row feature"]
    scores: Float[np.ndarray, " row output"]

    @classmethod
    def of(cls, states: Float[np.ndarray, " row feature"], imitated: Imitated) -> "States":
        """Ask the network."""
        return cls(states, imitated.scores(states))


def fitted(
    imitated: Imitated,
    training: States,
    held_out: States,
    terms: Int[np.ndarray, " term variable"],
) -> list[Candidate]:
    """All candidates."""
    theta = monomials(training.states, terms)
    seen = monomials(held_out.states, terms)
    found = []
    for aim in imitated.aims(training.scores):
        moments = Moments.of(theta, aim.targets)
        allowed = independent(moments)
        for degree in range(1, int(terms.sum(1).max()) + 1):
            low = allowed & (terms.sum(1) <= degree)
            aimed = _pushed(moments, theta, aim, low) if aim.one_sided else moments
            choices = grid(low)
            fits = candidates(aimed, choices)
            answers = np.moveaxis(seen @ np.moveaxis(fits, 2, 1), 2, -1) @ imitated.mixing.T
            errors = [imitated.summary(imitated.errors(a, held_out.scores)) for a in answers]
            found += [
                Candidate(fit, error, aim.name, degree, choice, aimed)
                for fit, error, choice in zip(fits, errors, choices, strict=True)
            ]
    return found


def _pushed(
    moments: Moments,
    theta: Float[np.ndarray, " row term"],
    aim: Aim,
    allowed: Bool[np.ndarray, " term"],
) -> Moments:
    """Aimed beyond the bounds, where a dense fit goes beyond them on the right side."""
    places = np.flatnonzero(allowed)
    seen = theta[:, places] / moments.scale[places]
    targets = aim.targets.copy()
    for column in targets.T:
        answers = seen @ _one_sided(seen, column)
        top, bottom = column.max(), column.min()
        further = np.where(column >= top, np.maximum(answers, top), column)
        column[:] = np.where(column <= bottom, np.minimum(answers, bottom), further)
    return moments.aimed_at(targets, theta)


def _one_sided(
    seen: Float[np.ndarray, " row term"], targets: Float[np.ndarray, " row"]
) -> Float[np.ndarray, " term"]:
    """Dense least squares on some rows, without those that are beyond a bound, rightly.

    Newton's method: which rows these are is known when they stay the same.
    """
    every = max(len(seen) // SOME, 1)
    seen, targets = seen[::every], targets[::every]
    above, below = targets >= targets.max(), targets <= targets.min()
    counted = np.ones(len(seen), bool)
    ridge = FULL * len(seen) * np.eye(seen.shape[1])
    fit = np.zeros(seen.shape[1])
    for _ in range(ROUNDS):
        rows = seen[counted]
        fit = np.linalg.solve(rows.T @ rows + ridge, rows.T @ targets[counted])
        answers = seen @ fit
        still = ~((above & (answers > targets)) | (below & (answers < targets)))
        if np.array_equal(still, counted):
            break
        counted = still
    return fit


def front(found: list[Candidate], most: int, shown: int) -> list[Candidate]:
    """From large to small, those of at most so many terms that no smaller one is as good as.

    Args:
        found: All candidates.
        most: Terms that are allowed; where none has so few, the smallest are taken.
        shown: How many are kept, the best and the smallest among them.
    """
    nonzero = [candidate for candidate in found if candidate.size]
    least = min((candidate.size for candidate in nonzero), default=0)
    small = [candidate for candidate in nonzero if candidate.size <= max(most, least)]
    kept: list[Candidate] = []
    for candidate in sorted(small, key=lambda c: (c.error, c.size)):
        if not kept or candidate.size < kept[-1].size:
            kept.append(candidate)
    places = np.unique(np.linspace(0, len(kept) - 1, min(shown, len(kept))).round().astype(int))
    return [kept[place] for place in places]
