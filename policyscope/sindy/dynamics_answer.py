"""What is found of the environment's equations, judged on the network's own episodes."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from policyscope import statistics
from policyscope.readable.text import bare
from policyscope.reports.results.sparse_dynamics import SparseDynamics
from policyscope.rollouts.rollouts import Rollouts
from policyscope.sindy.dynamics import Law, Model
from policyscope.sindy.fixed_points import FixedPoints, Flow, fixed_points
from policyscope.sindy.foresight import foresight, suddenness
from policyscope.sindy.library import term_names
from policyscope.sindy.transitions import Transitions
from policyscope.statistics import Estimate


def dynamics_answer(  # noqa: PLR0913  the model, its names, where it is judged, how
    model: Model,
    names: tuple[Sequence[str], Sequence[str]],
    own: Transitions,
    rollouts: Rollouts,
    flow: Flow | None,
    steps: int,
    confidence: float,
    rng: np.random.Generator,
) -> SparseDynamics:
    """Judge the equations of the environment.

    Args:
        model: What was fitted.
        names: Of features and of controls.
        own: Transitions of the network's own episodes.
        rollouts: These episodes.
        flow: Policy and dynamics together; None where the policy jumps from action to action.
        steps: How far is looked ahead.
        confidence: Of each interval.
        rng: Draws resamples.
    """
    features, controls = ([bare(name) for name in group] for group in names)
    law, fits = model.law, [model.increments, model.reward]
    coefficients = np.vstack([law.increments, law.reward])
    used = coefficients.any(0)
    words = _variables(features, controls, law.angles)
    misses = _misses(law, own)
    errors, horizon = foresight(law, own, steps, rng, confidence)
    resting = _resting(flow, own)
    return SparseDynamics(
        targets=(*(f"change of {name}" for name in features), "reward"),
        terms=term_names(law.terms[used], words),
        variables=words,
        exponents=law.terms[used],
        coefficients=coefficients[:, used],
        spread=np.concatenate([fit.spread for fit in fits])[:, used],
        inclusion=np.concatenate([fit.inclusion for fit in fits])[:, used],
        effect=_effect(law, own, coefficients)[:, used],
        angles=law.angles,
        pairs=law.pairs,
        one_step=np.sqrt(np.mean(np.square(misses), 0)) / _deviations(own),
        suddenness=np.array([suddenness(column) for column in misses.T]),
        errors=errors,
        horizon=horizon,
        reward_error=_reward_error(misses[:, -1], own, rng, confidence),
        condition=model.condition,
        redundant=term_names(law.terms[model.redundant], words),
        smooth="" if flow else "discrete actions jump: the closed loop has no smooth fixed points",
        fixed_points=resting.states,
        moduli=np.abs(resting.eigenvalues),
        low=law.low,
        high=law.high,
        beginnings=rollouts.observations[rollouts.first_steps].astype(float),
        longest=int(rollouts.lengths.max()),
    )


def _variables(
    features: Sequence[str], controls: Sequence[str], angles: tuple[int, ...]
) -> tuple[str, ...]:
    turned = [f"{what} of {features[i]}" for what in ("sine", "cosine") for i in angles]
    return (*features, *turned, *controls)


def _misses(law: Law, own: Transitions) -> Float[np.ndarray, " row target"]:
    """Errors of one step, of the increments and of the reward."""
    theta = law.theta(own.states, own.controls)
    targets = np.column_stack([own.following - own.states, own.rewards])
    return theta @ np.vstack([law.increments, law.reward]).T - targets


def _deviations(own: Transitions) -> Float[np.ndarray, " target"]:
    deviation = np.append((own.following - own.states).std(0), own.rewards.std())
    return np.where(deviation > 0, deviation, 1.0)


def _effect(
    law: Law, own: Transitions, coefficients: Float[np.ndarray, " target term"]
) -> Float[np.ndarray, " target term"]:
    usual = np.sqrt(np.mean(np.square(law.theta(own.states, own.controls)), 0))
    return np.abs(coefficients) * usual / _deviations(own)[:, None]


def _reward_error(
    misses: Float[np.ndarray, " row"], own: Transitions, rng: np.random.Generator, confidence: float
) -> Estimate:
    _, episodes = np.unique(own.episodes, return_inverse=True)
    sums = np.column_stack([np.bincount(episodes, misses**2), np.bincount(episodes)])
    return statistics.bootstrap(sums, lambda row: np.sqrt(row[:1] / row[1:]), rng, confidence)[0]


def _resting(flow: Flow | None, own: Transitions) -> FixedPoints:
    if flow is None:
        nothing = np.zeros((0, own.states.shape[1]))
        return FixedPoints(nothing, nothing.astype(complex))
    return fixed_points(flow, own.states)
