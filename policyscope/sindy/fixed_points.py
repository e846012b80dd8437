"""Fixed points: where policy and dynamics, both as equations, leave the state as it is.

    F(x) = f(x, clip π(x)) = x,     stable where every eigenvalue of ∂F/∂x has |λ| < 1

They are searched from states that were visited, and kept only inside the range of the data. Where
features lie on circles, F puts them back there, so that no state beside the circle counts.

Reference: Strogatz, Nonlinear Dynamics and Chaos, §10.1, https://doi.org/10.1201/9780429492563
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Complex, Float
from scipy import optimize

STARTS = 40
"""States from which is searched."""
STILL = 1e-6
"""Largest movement in a step, in deviations of the states, that is none."""
MARGIN = 0.05
"""How far beyond the range of the visited states they may be, in ranges."""
APART = 1e-2
"""Distance, in the same, from which on two fixed points are two."""
STEP = 1e-4
"""Of the finite differences, in the same."""

Flow = Callable[[Float[np.ndarray, " row feature"]], Float[np.ndarray, " row feature"]]
"""The states that follow."""


@dataclass(frozen=True, eq=False)
class FixedPoints:
    """Where nothing moves, and what happens near it."""

    states: Float[np.ndarray, " point feature"]
    eigenvalues: Complex[np.ndarray, " point feature"]
    """The largest in modulus first."""

    @property
    def stable(self) -> Bool[np.ndarray, " point"]:
        """Whether small deviations die away."""
        return np.abs(self.eigenvalues).max(1, initial=0.0) < 1


def fixed_points(flow: Flow, visited: Float[np.ndarray, " row feature"]) -> FixedPoints:
    """Search from visited states."""
    deviation = visited.std(0)
    unit = np.where(deviation > 0, deviation, 1.0)
    room = MARGIN * np.ptp(visited, 0) + STILL * unit
    low, high = visited.min(0) - room, visited.max(0) + room
    places = np.linspace(0, len(visited) - 1, min(STARTS, len(visited))).round().astype(int)

    def movement(state: np.ndarray) -> np.ndarray:
        return (flow(state[None])[0] - state) / unit

    found: list[np.ndarray] = []
    for start in visited[np.unique(places)]:
        end = optimize.least_squares(movement, start, x_scale=unit, max_nfev=200).x
        inside = bool(np.all((end >= low) & (end <= high)))
        known = any(np.abs((end - other) / unit).max() < APART for other in found)
        if inside and not known and np.abs(movement(end)).max() < STILL:
            found.append(end)
    states = np.array(found).reshape(-1, visited.shape[1])
    eigenvalues = [_eigenvalues(flow, state, unit) for state in states]
    return FixedPoints(states, np.array(eigenvalues, complex).reshape(states.shape))


def _eigenvalues(flow: Flow, state: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Of the Jacobian, by central differences."""
    steps = np.diag(unit * STEP)
    slopes = (flow(state + steps) - flow(state - steps)) / (2 * unit * STEP)[:, None]
    values = np.linalg.eigvals(slopes.T)
    return values[np.argsort(-np.abs(values), kind="stable")]
