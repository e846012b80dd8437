"""Direction change: how the unstable directions of two policies differ.

All in the first policy's units, and against R, an independent run of the first policy A:

    Λ(G_B, L_A), Λ(G_A, L_B)   against   Λ(G_R, L_A)
    c_B / c_A                  against   c_R / c_A

where c is the concentration 1/ΣGᵢ⁴, the oscillation of ‖g(s_t)‖ within episodes, or its mean. A
difference that two runs of one policy show as well is none. Two trainings of one method may differ
as much as two methods: that baseline needs other seeds, which only their owner has.

Reference: Korkmaz 2024, https://arxiv.org/abs/2406.16979 (standard against adversarially trained).
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from policyscope import statistics
from policyscope.moments import LEADING, principal, quotient
from policyscope.reports.results import DirectionComparison
from policyscope.reports.results.direction_comparison import CHANGES, PAIRS, POLICIES
from policyscope.rollouts.instability import Gradients, Instability, square
from policyscope.rollouts.visited import Visited

Watched = tuple[Visited, Instability]


def direction_change(  # noqa: PLR0913  three runs, and how they are told
    runs: Sequence[Watched],
    files: tuple[str, str],
    features: tuple[str, ...],
    gradients: Gradients,
    rng: np.random.Generator,
    confidence: float,
) -> DirectionComparison:
    """Compare the gradients of two policies, and of an independent run of the first.

    Args:
        runs: What each of `POLICIES` saw in the same number of episodes, with its gradients'
            moments.
        files: Names of the two policies.
        features: Names of the observation's features; none for images.
        gradients: How they were taken.
        rng: Draws the bootstrap's episodes.
        confidence: Of every interval.
    """
    table = [_by_episode(visited, seen) for visited, seen in runs]
    edges = np.cumsum([part.shape[1] for part in table])[:-1]
    bases = [seen.moments.basis.double().numpy() for _, seen in runs]

    def statistic(row: np.ndarray) -> np.ndarray:
        parts = np.split(row, edges)
        told = [_Told(part, basis) for part, basis in zip(parts, bases, strict=True)]
        return np.concatenate([_quotients(told), *_numbers(told)])

    found = statistics.bootstrap(np.column_stack(table), statistic, rng, confidence)
    lengths = [len(PAIRS), *[len(POLICIES)] * 4, *[len(CHANGES)] * 3]
    ends = np.cumsum(lengths).tolist()
    parts = [found[end - length : end] for end, length in zip(ends, lengths, strict=True)]
    return DirectionComparison(
        files,
        features,
        tuple(gradients.scale.shape),
        gradients.scale.flatten().numpy(),
        np.stack([basis[0] for basis in bases]),
        *parts,
    )


class _Told:
    """What some episodes of one run tell together."""

    def __init__(
        self, row: Float[np.ndarray, " quantity"], basis: Float[np.ndarray, " kept feature"]
    ) -> None:
        trace, swings, episodes, norms, steps = row[-5:]
        self.basis = basis
        self.moment = square(row[:-5])
        values, direction = principal(self.moment)
        self.direction = direction @ basis[:LEADING]
        self.numbers = np.array(
            [
                values[0] / trace,
                1 / np.sum(self.direction**4),
                swings / episodes,
                norms / steps,
            ]
        )


def _quotients(told: Sequence[_Told]) -> list[float]:
    """Λ of each of `PAIRS`."""
    by_name = dict(zip(POLICIES, told, strict=True))
    return [
        quotient(by_name[on].moment, by_name[of].direction @ by_name[on].basis.T)
        for of, on in PAIRS
    ]


def _numbers(told: Sequence[_Told]) -> list[np.ndarray]:
    """Share, concentration, oscillation and length of each policy; then changes of the last three.

    In the order of `DirectionComparison`'s fields.
    """
    by_name = dict(zip(POLICIES, (one.numbers for one in told), strict=True))
    changes = np.array([by_name[of] / by_name[to] for of, to in CHANGES])
    return [*np.array([one.numbers for one in told]).T, *changes.T[1:]]


def _by_episode(visited: Visited, seen: Instability) -> Float[np.ndarray, " episode quantity"]:
    """Everything that adds up over episodes."""
    lengths = np.add.reduceat(seen.norms, visited.first_steps)
    return np.column_stack([seen.by_block, *seen.swings(visited), lengths, visited.lengths])
