"""Coalitions: all sets of known features, and how much each counts.

    φ_i = Σ_{C ⊆ F∖{i}} |C|! (d − |C| − 1)! / d! · (v(C ∪ {i}) − v(C))  =  Σ_C w_i(C) v(C)

Coalition number c holds feature i where bit i of c is set: 0 is empty, the last holds all.

Reference: Shapley 1953, A value for n-person games, https://doi.org/10.1515/9781400881970-018
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import special


@dataclass(frozen=True, eq=False)
class Contributions:
    """Shapley values in some states."""

    values: Float[np.ndarray, " state feature output"]
    """φ: they add up to what is done in the state, less the base."""
    errors: Float[np.ndarray, " state feature output"]
    """Standard error of each."""
    base: Float[np.ndarray, " state output"]
    """v(∅): what is done when nothing is known."""


def coalitions(features: int) -> Bool[np.ndarray, " coalition feature"]:
    """Who is in each coalition."""
    return (np.arange(2**features)[:, None] >> np.arange(features)) & 1 == 1


def sizes(features: int) -> Int[np.ndarray, " coalition"]:
    """How many are in each."""
    return coalitions(features).sum(1)


def weights(features: int) -> Float[np.ndarray, " feature coalition"]:
    """w: what v of each coalition counts for each feature."""
    size = sizes(features)
    with_it = 1 / (features * special.binom(features - 1, np.maximum(size - 1, 0)))
    without = 1 / (features * special.binom(features - 1, np.minimum(size, features - 1)))
    return np.where(coalitions(features).T, with_it, -without)
