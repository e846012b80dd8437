"""The dictionary Θ: monomials of the variables, from the lowest degree up.

A term is a row of exponents: (1, 0, 2) is x₀ x₂². So products, derivatives and names of terms need
nothing else, and equations can be evaluated anywhere.
"""

import math
from collections.abc import Sequence
from itertools import combinations_with_replacement

import numpy as np
from jaxtyping import Int

from policyscope.readable.equations import factors_of
from policyscope.readable.text import bare, product


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


def term_names(terms: Int[np.ndarray, " term variable"], names: Sequence[str]) -> tuple[str, ...]:
    """Terms as people write them: `angle sine · torque²`; the constant is 1."""
    words = [bare(name) for name in names]
    return tuple(product(factors_of(term), words) or "1" for term in terms)
