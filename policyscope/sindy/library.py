"""The dictionary Θ: monomials of the variables, from the lowest degree up.

A term is a row of exponents: (1, 0, 2) is x₀ x₂². So products, derivatives and names of terms need
nothing else, and equations can be evaluated anywhere.
"""

from collections.abc import Sequence
from itertools import combinations_with_replacement

import numpy as np
from jaxtyping import Float, Int


def exponents(variables: int, degree: int) -> Int[np.ndarray, " term variable"]:
    """All monomials of at most this degree, the constant first."""
    rows = [
        np.bincount(np.array(factors, np.int64), minlength=variables)
        for total in range(degree + 1)
        for factors in combinations_with_replacement(range(variables), total)
    ]
    return np.array(rows, np.int64).reshape(len(rows), variables)


def affordable_degree(variables: int, degree: int, most: int) -> int:
    """The highest degree up to this one whose dictionary has at most so many terms, or 1."""
    return next(
        (d for d in range(degree, 1, -1) if len(exponents(variables, d)) <= most),
        1,
    )


def control_affine(
    states: int, controls: int, degree: int
) -> Int[np.ndarray, " term variable"]:
    """Monomials of all variables in which the controls, the last of them, appear at most once."""
    terms = exponents(states + controls, degree)
    return terms[terms[:, states:].sum(1) <= 1]


def monomials(
    values: Float[np.ndarray, " row variable"], terms: Int[np.ndarray, " term variable"]
) -> Float[np.ndarray, " row term"]:
    """Θ: the value of every term in every row."""
    columns = np.ones((len(terms), len(values)))
    known = {(0,) * terms.shape[1]: np.ones(len(values))}
    variables = np.ascontiguousarray(values.T, np.float64)
    for column, term in zip(columns, terms.tolist(), strict=True):
        column[:] = _product(tuple(term), variables, known)
    return columns.T


def _product(
    term: tuple[int, ...],
    variables: Float[np.ndarray, " variable row"],
    known: dict[tuple[int, ...], Float[np.ndarray, " row"]],
) -> Float[np.ndarray, " row"]:
    """One term's values, by one multiplication from those of a term of a lower degree."""
    if term not in known:
        last = max(i for i, exponent in enumerate(term) if exponent)
        shorter = (*term[:last], term[last] - 1, *term[last + 1 :])
        known[term] = _product(shorter, variables, known) * variables[last]
    return known[term]


def term_name(term: Sequence[int], names: Sequence[str]) -> str:
    """A term as people write it: `angle sine · torque²`; the constant is 1."""
    factors = [
        name + (_raised(exponent) if exponent > 1 else "")
        for name, exponent in zip(names, term, strict=True)
        if exponent
    ]
    return " · ".join(factors) or "1"


def _raised(exponent: int) -> str:
    return str(exponent).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
