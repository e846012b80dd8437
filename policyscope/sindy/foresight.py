"""Foresight: how far ahead equations of the dynamics can be trusted.

From many states of held-out episodes the equations are stepped with the actions that were taken,
and compared with what came. The error is the root mean square over features, in the deviation of
each over the visited states; trust ends at the first step where it exceeds half of that.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from policyscope import statistics
from policyscope.sindy.dynamics import Law
from policyscope.sindy.transitions import Transitions
from policyscope.statistics import Estimate

TRUSTED = 0.5
"""Deviations of the states beyond which nothing is foreseen."""
STARTS = 400
"""States from which is looked ahead, at most."""


def foresight(
    law: Law,
    own: Transitions,
    steps: int,
    rng: np.random.Generator,
    confidence: float,
) -> tuple[tuple[Estimate, ...], Estimate]:
    """The error after each number of steps, and the last step before trust ends.

    Args:
        law: The equations.
        own: Held-out episodes, at least two.
        steps: How far ahead, at most; as far as half of the episodes go.
        rng: Draws resamples of episodes.
        confidence: Of each interval.
    """
    squares, counts = _summed(law, own, steps)
    ahead = squares.shape[1]

    def statistic(row: np.ndarray) -> np.ndarray:
        # a resample may hold only episodes that were shorter: then what was last known holds on
        known = np.maximum.accumulate(np.where(row[ahead:] > 0, np.arange(ahead), 0))
        errors = np.sqrt(row[:ahead] / np.maximum(row[ahead:], 1.0))[known]
        beyond = np.flatnonzero(errors > TRUSTED)
        return np.append(errors, beyond[0] if len(beyond) else ahead)

    *errors, horizon = statistics.bootstrap(
        np.column_stack([squares, counts]), statistic, rng, confidence
    )
    return tuple(errors), horizon


def _summed(
    law: Law, own: Transitions, steps: int
) -> tuple[Float[np.ndarray, " episode step"], Float[np.ndarray, " episode step"]]:
    """Squared errors of each episode after each number of steps, and of how many states."""
    names, episode_of_row, lengths = np.unique(
        own.episodes, return_inverse=True, return_counts=True
    )
    ahead = min(steps, int(np.median(lengths)))
    squares, counts = np.zeros((2, len(names), ahead))
    starts = _thinned(len(own.states))
    unit, moving = _unit(own.states)
    states = own.states[starts]
    for step in range(ahead):
        now = starts + step
        going = now < len(own.states)
        going[going] = episode_of_row[now[going]] == episode_of_row[starts[going]]
        starts, states, now = starts[going], states[going], now[going]
        states = law.step(states, own.controls[now])
        misses = np.mean(np.square((states - own.following[now]) / unit)[:, moving], 1)
        squares[:, step] = np.bincount(episode_of_row[starts], misses, len(names))
        counts[:, step] = np.bincount(episode_of_row[starts], minlength=len(names))
    return squares, counts


def _thinned(rows: int) -> Int[np.ndarray, " start"]:
    return np.unique(np.linspace(0, rows - 1, min(STARTS, rows)).round().astype(int))


def _unit(
    states: Float[np.ndarray, " row feature"],
) -> tuple[Float[np.ndarray, " feature"], Bool[np.ndarray, " feature"]]:
    """Deviation of each feature, and which of them move at all; all where none does."""
    deviation = states.std(0)
    moving = deviation > 0
    return np.where(moving, deviation, 1.0), moving if moving.any() else ~moving


def suddenness(errors: Float[np.ndarray, " row"]) -> float:
    """Share of the squared error that the worst hundredth of the steps holds: 1 for contacts."""
    squares = np.sort(np.square(errors))[::-1]
    few = max(len(squares) // 100, 1)
    return float(squares[:few].sum() / max(squares.sum(), 1e-300))
