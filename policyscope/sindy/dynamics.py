"""Dynamics and reward as equations: x' − x = Θ(x, u) Ξ, and r = Θ(x, u) ξ.

Discrete time, as the environment steps. Each feature has an equation of its own, of its own degree
and sparsity: the sparsest of a grid that predicts held-out episodes nearly as well as the best.
Actions appear at most once in a term (control-affine); of discrete actions, an indicator of each
but the first does. The last step of an episode has no following state and is left out, and with it
what a reward says of the end.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from policyscope.readable.equations import monomials
from policyscope.sindy.choosing import grid, sparsest
from policyscope.sindy.circles import on_circles
from policyscope.sindy.library import dictionary
from policyscope.sindy.regression import (
    Ensemble,
    Moments,
    Sparsity,
    candidates,
    condition,
    ensemble,
    independent,
)
from policyscope.sindy.transitions import Transitions

SLACK = 1.0
"""How far beyond the data's range, in ranges, a simulated state may go before it is held there."""
ROUNDING = 1e-5
"""Error, beside a target's size, that 32-bit observations leave."""


@dataclass(frozen=True, eq=False)
class Law:
    """What a step does, and what it is rewarded with."""

    terms: Int[np.ndarray, " term variable"]
    """Exponents of the features, of sines and cosines of some, and of the controls."""
    angles: tuple[int, ...]
    """Features whose sine and cosine are variables too."""
    pairs: tuple[tuple[int, int], ...]
    """Features on a circle."""
    increments: Float[np.ndarray, " feature term"]
    """Coefficients of x' − x."""
    reward: Float[np.ndarray, " term"]
    low: Float[np.ndarray, " feature"]
    """The least of each feature in the data."""
    high: Float[np.ndarray, " feature"]

    def theta(
        self, states: Float[np.ndarray, " row feature"], controls: Float[np.ndarray, " row control"]
    ) -> Float[np.ndarray, " row term"]:
        """The dictionary's values."""
        return monomials(variables(states, self.angles, controls), self.terms)

    def step(
        self, states: Float[np.ndarray, " row feature"], controls: Float[np.ndarray, " row control"]
    ) -> Float[np.ndarray, " row feature"]:
        """The states that follow, on their circles, and not endlessly far from the data."""
        following = states + self.theta(states, controls) @ self.increments.T
        room = SLACK * (self.high - self.low)
        return on_circles(np.clip(following, self.low - room, self.high + room), self.pairs)


@dataclass(frozen=True, eq=False)
class Model:
    """The law that was found, and how sure it is."""

    law: Law
    increments: Ensemble
    reward: Ensemble
    redundant: Bool[np.ndarray, " term"]
    """Terms that others say exactly, in this data."""
    condition: float
    """Of the columns that were left."""


def variables(
    states: Float[np.ndarray, " row feature"],
    angles: tuple[int, ...],
    controls: Float[np.ndarray, " row control"],
) -> Float[np.ndarray, " row variable"]:
    """What equations are made of: features, sines and cosines of angles, and controls."""
    turning = states[:, list(angles)]
    return np.concatenate([states, np.sin(turning), np.cos(turning), controls], 1)


@dataclass(frozen=True)
class Limits:
    """How far the dictionary may go, and how many vote."""

    degree: int
    terms: int
    models: int
    dropped: int


def identified(
    training: Transitions,
    held_out: Transitions,
    angles: tuple[int, ...],
    pairs: tuple[tuple[int, int], ...],
    limits: Limits,
    rng: np.random.Generator,
) -> Model:
    """Fit the dynamics and the reward."""
    seen = variables(training.states, angles, training.controls)
    controls = training.controls.shape[1]
    degree, terms = dictionary(seen.shape[1] - controls, controls, limits.degree, limits.terms)
    theta = monomials(seen, terms)
    targets = np.column_stack([training.following - training.states, training.rewards])
    moments = Moments.of(theta, targets)
    allowed = independent(moments)
    choices = _chosen(moments, allowed, terms, degree, held_out, angles)
    fitted = ensemble(moments, choices, limits.models, limits.dropped, rng)
    law = Law(
        terms=terms,
        angles=angles,
        pairs=pairs,
        increments=fitted.coefficients[:-1],
        reward=fitted.coefficients[-1],
        low=training.states.min(0),
        high=training.states.max(0),
    )
    return Model(
        law=law,
        increments=fitted.some(slice(-1)),
        reward=fitted.some(slice(-1, None)),
        redundant=~allowed,
        condition=condition(moments, allowed),
    )


def _chosen(  # noqa: PLR0913  the data, twice, and the dictionary
    moments: Moments,
    allowed: Bool[np.ndarray, " term"],
    terms: Int[np.ndarray, " term variable"],
    degree: int,
    held_out: Transitions,
    angles: tuple[int, ...],
) -> list[Sparsity]:
    """For each target the sparsest choice that predicts held-out episodes as well as any."""
    choices = [
        choice
        for highest in range(1, degree + 1)
        for choice in grid(allowed & (terms.sum(1) <= highest))
    ]
    found = candidates(moments, choices)
    theta = monomials(variables(held_out.states, angles, held_out.controls), terms)
    targets = np.column_stack([held_out.following - held_out.states, held_out.rewards])
    chosen = []
    for output, target in enumerate(targets.T):
        misses = theta @ found[:, output].T - target[:, None]
        errors = np.sqrt(np.mean(np.square(misses), 0))
        sizes = (found[:, output] != 0).sum(1)
        chosen.append(choices[sparsest(errors, sizes, ROUNDING * moments.size[output])])
    return chosen
