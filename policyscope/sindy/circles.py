"""Circles: angles that are observed as a cosine and a sine.

Noise, and the errors of a surrogate, leave the circle on which such a pair lies. Putting it back is
what keeps a surrogate's rollouts in the space where states are.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from jaxtyping import Float

TOLERANCE = 1e-4
"""How far from 1 the sum of squares of a pair may be."""
LEAST = 1e-3
"""Deviation from which on a feature counts as moving: constants make circles by chance."""


def circles(states: Float[np.ndarray, " row feature"]) -> tuple[tuple[int, int], ...]:
    """Pairs of features whose squares add up to 1 in every state."""
    squares = np.square(states)
    moving = np.flatnonzero(states.std(0) > LEAST).tolist()
    return tuple(
        (i, j)
        for i, j in combinations(moving, 2)
        if np.abs(squares[:, i] + squares[:, j] - 1).max() < TOLERANCE
    )


def on_circles(
    states: Float[np.ndarray, " row feature"], pairs: Sequence[tuple[int, int]]
) -> Float[np.ndarray, " row feature"]:
    """The same states, with every pair put back onto its circle."""
    states = states.copy()
    for i, j in pairs:
        radius = np.maximum(np.hypot(states[:, i], states[:, j]), 1e-9)
        states[:, i] /= radius
        states[:, j] /= radius
    return states
