"""Impact: does moving an observation along a direction matter, to the decision and to the return?

Every observation is moved by ε, in units of each feature, along

    principal     G with the sign that lowers the decision's margin in that state
    principal+ −  G, and −G, in every state
    gradient      the state's own gradient, of length one: what a first-order adversary would take
    random        directions drawn once; returns and changes are averages over RANDOM of them

Decisions are compared at visited states, returns on the same episodes. Frames are moved as the
policy sees them, all of a stack; observations may leave the range that the environment keeps to.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from policyscope import statistics
from policyscope.analyzers.subject import Subject
from policyscope.policies.flips import action_changes, flip_distances, is_discrete
from policyscope.policies.policy import Memory
from policyscope.policies.walks import Step, walking
from policyscope.reports.results import Impact
from policyscope.rollouts.actors import Greedy
from policyscope.rollouts.instability import Gradients
from policyscope.rollouts.replay import replayed
from policyscope.rollouts.visited import Visited
from policyscope.statistics import Estimate

RANDOM = 3
"""Random directions, over which returns and changes are averaged."""


@dataclass(frozen=True)
class Moves:
    """How far to move, and where to look."""

    epsilons: tuple[float, ...]
    states: int
    """Visited states at which decisions are compared."""
    reach: float
    """How far the nearest other decision is searched."""
    confidence: float


def impact(  # noqa: PLR0913  whom, where, along what, how far
    subject: Subject,
    visited: Visited,
    gradients: Gradients,
    principal: Float[Tensor, " feature"],
    moves: Moves,
    rng: np.random.Generator,
) -> Impact:
    """Move observations along a direction, and along those that it is compared with."""
    ways = _ways(subject, gradients, principal, rng)
    sampled = _sampled(subject, visited, moves.states, rng)
    nearest = _nearest(subject, sampled, ways, moves.reach)
    median = partial(_median, sampled=sampled, moves=moves, rng=rng)
    span = _span(visited, gradients, principal)
    clean, returns = _returns(subject, visited, ways, moves.epsilons)
    return Impact(
        along=tuple(ways),
        epsilons=moves.epsilons,
        clean=clean,
        returns=returns,
        responses=_responses(subject, sampled, ways, moves, rng),
        flip_along=tuple(nearest),
        flip_distances=tuple(median(distances) for distances in nearest.values()),
        flip_share=median(nearest["principal"] / span) if nearest and span else None,
        reach=moves.reach,
        confidence=moves.confidence,
    )


Ways = dict[str, tuple[Step, ...]]
"""By name, steps of length one that are averaged over."""


def _ways(
    subject: Subject,
    gradients: Gradients,
    principal: Float[Tensor, " feature"],
    rng: np.random.Generator,
) -> Ways:
    scale = gradients.scale

    def in_units(moves: Float[Tensor, " batch feature"]) -> Tensor:
        return moves.unflatten(1, scale.shape) * scale

    def constantly(direction: Tensor) -> Step:
        step = in_units(direction[None])
        return lambda seen, memory: step

    def along_gradient(seen: Tensor, memory: Memory) -> Tensor:
        return in_units(gradients.steepest(subject.policy, seen, memory))

    def against_margin(seen: Tensor, memory: Memory) -> Tensor:
        signs = torch.sign(gradients.steepest(subject.policy, seen, memory) @ principal)
        return in_units(signs[:, None] * principal)

    drawn = torch.from_numpy(rng.standard_normal((RANDOM, len(principal))))
    drawn = drawn * (scale.flatten() > 0)
    return {
        "principal": (against_margin,),
        "principal+": (constantly(principal),),
        "principal-": (constantly(-principal),),
        "gradient": (along_gradient,),
        "random": tuple(constantly(direction / direction.norm()) for direction in drawn),
    }


def _returns(
    subject: Subject, visited: Visited, ways: Ways, epsilons: tuple[float, ...]
) -> tuple[Float[np.ndarray, " episode"], Float[np.ndarray, " along epsilon episode"]]:
    if subject.environment is None:
        return np.empty(0), np.empty((len(ways), len(epsilons), 0))
    episodes = len(visited.lengths)

    def played(way: str, step: Step, epsilon: float) -> Float[np.ndarray, " episode"]:
        moved = walking(subject.policy, lambda seen, memory: epsilon * step(seen, memory))
        what = f"moved by {epsilon:g}, {way}"
        return subject.play(Greedy(moved), episodes=episodes, what=what).returns

    returns = [
        [np.mean([played(way, step, epsilon) for step in steps], 0) for epsilon in epsilons]
        for way, steps in ways.items()
    ]
    return subject.rollouts.returns[:episodes], np.array(returns)


@dataclass(frozen=True, eq=False)
class _Sampled:
    """Visited states, with what was remembered there."""

    seen: Tensor
    memory: Memory
    blocks: Float[np.ndarray, " block state"]
    """1 where a state is in a block of steps that intervals take as independent."""


def _sampled(subject: Subject, visited: Visited, states: int, rng: np.random.Generator) -> _Sampled:
    total = int(visited.lengths.sum())
    chosen = rng.choice(total, min(states, total), replace=False)
    parts = []
    for steps, seen, memory in replayed(subject.policy, visited):
        here = torch.from_numpy(np.flatnonzero(np.isin(steps, chosen)))
        parts.append((torch.from_numpy(steps)[here], seen[here], *(m[here] for m in memory)))
    steps, seen, *memory = (torch.cat(column) for column in zip(*parts, strict=True))
    blocks = np.arange(len(visited.blocks))[:, None] == visited.block_of_step[steps.numpy()]
    return _Sampled(seen, tuple(memory), blocks.astype(np.float64))


def _responses(
    subject: Subject,
    sampled: _Sampled,
    ways: Ways,
    moves: Moves,
    rng: np.random.Generator,
) -> tuple[tuple[Estimate, ...], ...]:
    change = action_changes(subject.policy, sampled.seen, sampled.memory)
    found = []
    for steps in ways.values():
        moved = [step(sampled.seen, sampled.memory) for step in steps]
        found += [
            np.mean([change(sampled.seen + epsilon * step).numpy() for step in moved], 0)
            for epsilon in moves.epsilons
        ]
    sums = sampled.blocks @ np.array([*found, np.ones(len(sampled.seen))]).T
    estimates = statistics.bootstrap(sums, lambda s: s[:-1] / s[-1], rng, moves.confidence)
    each = len(moves.epsilons)
    return tuple(estimates[i : i + each] for i in range(0, len(estimates), each))


def _nearest(
    subject: Subject, sampled: _Sampled, ways: Ways, reach: float
) -> dict[str, Float[np.ndarray, " state"]]:
    """Distance to the nearest other decision along each line; none for continuous actions."""
    if not is_discrete(subject.policy):
        return {}

    def along(*names: str) -> Float[np.ndarray, " state"]:
        steps = [ways[name][0](sampled.seen, sampled.memory) for name in names]
        found = [
            flip_distances(
                subject.policy, sampled.seen, step.expand(sampled.seen.shape), reach, sampled.memory
            )
            for step in steps
        ]
        return torch.stack(found).amin(0).clamp_max(reach).numpy()

    return {
        "principal": along("principal+", "principal-"),
        "gradient": along("gradient"),
        "random": along("random"),
    }


def _median(
    distances: Float[np.ndarray, " state"],
    sampled: _Sampled,
    moves: Moves,
    rng: np.random.Generator,
) -> Estimate:
    """Median over states, its interval over blocks of them."""
    order = np.argsort(distances)

    def median(weights: np.ndarray) -> np.ndarray:
        held = np.cumsum(weights)
        return distances[order][[np.searchsorted(held, held[-1] / 2)]]

    return statistics.bootstrap(sampled.blocks[:, order], median, rng, moves.confidence)[0]


def _span(
    visited: Visited, gradients: Gradients, principal: Float[Tensor, " feature"]
) -> float | None:
    """The range of visited vectors along the principal direction, in units of each feature."""
    if visited.observations.ndim != 2:
        return None
    units = torch.where(gradients.scale > 0, 1 / gradients.scale, 0).double()
    return float(np.ptp(visited.observations @ (units * principal).numpy()))
