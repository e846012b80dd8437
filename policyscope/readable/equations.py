"""Equations: scores that are sums of monomials of the observation.

scores(x)_a = Σ_j Ξ_ja Π_i x_i^{e_ji}
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

HIGHEST = 20
"""Largest exponent: no one reads more, and numbers do not hold more."""


@dataclass(frozen=True, eq=False)
class Equations:
    """One polynomial for each score."""

    exponents: Int[np.ndarray, " term feature"]
    """Of each feature in each monomial; a row of zeros is the constant."""
    coefficients: Float[np.ndarray, " term output"]

    def __post_init__(self) -> None:
        if self.exponents.ndim != 2 or self.coefficients.ndim != 2 or not self.exponents.size:
            raise ValueError("Equations need tables of exponents and of coefficients.")
        if len(self.exponents) != len(self.coefficients):
            raise ValueError(
                f"Equations have {len(self.exponents)} terms and coefficients of "
                f"{len(self.coefficients)}."
            )
        if not 0 <= self.exponents.min() <= self.exponents.max() <= HIGHEST:
            raise ValueError(f"Exponents are between 0 and {HIGHEST}.")
        if not np.isfinite(self.coefficients).all():
            raise ValueError("Coefficients are finite numbers.")

    @classmethod
    def linear(
        cls, weights: Float[np.ndarray, " feature output"], intercept: Float[np.ndarray, " output"]
    ) -> "Equations":
        """A constant and a weight of each feature, for each score."""
        features = len(weights)
        exponents = np.concatenate([np.zeros((1, features), int), np.eye(features, dtype=int)])
        return cls(exponents, np.concatenate([intercept[None], weights]))

    @property
    def features(self) -> int:
        """How many features there are."""
        return self.exponents.shape[1]

    @property
    def outputs(self) -> int:
        """How many scores there are."""
        return self.coefficients.shape[1]

    @property
    def size(self) -> int:
        """How many numbers a reader has to read: coefficients that are not zero."""
        return int(np.count_nonzero(self.coefficients))

    @property
    def degree(self) -> int:
        """Of its highest monomial that has a coefficient."""
        used = self.coefficients.any(1)
        return int(self.exponents[used].sum(1).max(initial=0))

    def scores(
        self, observations: Float[np.ndarray, " row feature"]
    ) -> Float[np.ndarray, " row output"]:
        """Scores of each observation."""
        return monomials(observations, self.exponents) @ self.coefficients

    def terms(self, output: int) -> Iterator[tuple[float, tuple[tuple[int, int], ...]]]:
        """Of one score: each coefficient that is not zero, with (feature, exponent) of its term."""
        for term in np.flatnonzero(self.coefficients[:, output]).tolist():
            yield float(self.coefficients[term, output]), factors_of(self.exponents[term])


def factors_of(powers: Int[np.ndarray, " feature"]) -> tuple[tuple[int, int], ...]:
    """One monomial as pairs of (feature, exponent); none of the constant."""
    return tuple((i, int(powers[i])) for i in np.flatnonzero(powers).tolist())


def monomials(
    values: Float[np.ndarray, " row variable"], exponents: Int[np.ndarray, " term variable"]
) -> Float[np.ndarray, " row term"]:
    """Θ: the value of every monomial in every row, by one multiplication each."""
    variables = np.ascontiguousarray(values.T, np.float64)
    known = {(0,) * exponents.shape[1]: np.ones(len(values))}
    columns = [_product(tuple(term), variables, known) for term in exponents.tolist()]
    return np.stack(columns).T if columns else np.zeros((len(values), 0))


def _product(
    term: tuple[int, ...],
    variables: Float[np.ndarray, " variable row"],
    known: dict[tuple[int, ...], Float[np.ndarray, " row"]],
) -> Float[np.ndarray, " row"]:
    """One term's values, from those of a term of one degree less."""
    if term not in known:
        last = max(i for i, exponent in enumerate(term) if exponent)
        shorter = (*term[:last], term[last] - 1, *term[last + 1 :])
        known[term] = _product(shorter, variables, known) * variables[last]
    return known[term]
