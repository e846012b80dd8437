"""The dictionary Θ: monomials of the variables, from the lowest degree up.

A term is a row of exponents: (1, 0, 2) is x₀ x₂². So products, derivatives and names of terms need
nothing else, and equations can be evaluated anywhere.
"""

import math
from collections.abc import Sequence
from itertools import combinations_with_replacement

import numpy as np
from jaxtyping import Float, Int

from policyscope.readable.text import SUPERSCRIPTS, bare


def exponents(variables: int, degree: int) -> Int[np.ndarray, " term variable"]:
    """All monomials of at most this degree, the constant first."""
    rows = [
        np.bincount(np.array(factors, np.int64), minlength=variables)
        for total in range(degree + 1)
        for factors in combinations_with_replacement(range(variables), total)
    ]
    return np.array(rows, np.int64).reshape(len(rows), variables)


def dictionary(
    states: int, controls: int, degree: int, most: int
) -> tuple[int, Int[np.ndarray, " term variable"]]:
    """The monomials of states and controls in which controls appear at most once.

    Args:
        states: Variables that may appear in any power.
        controls: Variables behind them that enter a term at most once (control-affine).
        degree: The highest that is wanted.
        most: How many terms are affordable; degree 1 always is.

    Returns:
        The highest degree that is affordable, and its terms.
    """
    highest = degree
    while highest > 1 and _count(states, controls, highest) > most:
        highest -= 1
    terms = exponents(states + controls, highest)
    return highest, terms[terms[:, states:].sum(1) <= 1]


def _count(states: int, controls: int, degree: int) -> int:
    """How many terms there would be: with all states alone, and with each control once."""
    alone = math.comb(states + degree, degree)
    return alone + controls * math.comb(states + degree - 1, degree - 1)


def monomials(
    values: Float[np.ndarray, " row variable"], terms: Int[np.ndarray, " term variable"]
) -> Float[np.ndarray, " row term"]:
    """Θ: the value of every term in every row, by one multiplication each."""
    variables = np.ascontiguousarray(values.T, np.float64)
    known = {(0,) * terms.shape[1]: np.ones(len(values))}
    columns = [_product(tuple(term), variables, known) for term in terms.tolist()]
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


def term_names(terms: Int[np.ndarray, " term variable"], names: Sequence[str]) -> tuple[str, ...]:
    """Terms as people write them: `angle sine · torque²`; the constant is 1."""
    words = [bare(name) for name in names]
    return tuple(
        " · ".join(
            word + (str(exponent).translate(SUPERSCRIPTS) if exponent > 1 else "")
            for word, exponent in zip(words, term, strict=True)
            if exponent
        )
        or "1"
        for term in terms.tolist()
    )
