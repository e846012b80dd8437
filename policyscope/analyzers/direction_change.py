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
from policyscope.rollouts.instability import Gradients, Instability
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
    seen = [instability for _, instability in runs]
    leading = [s.moments.basis[:LEADING].double().numpy() for s in seen]
    across = {
        pair: leading[POLICIES.index(pair[0])]
        @ seen[POLICIES.index(pair[1])].moments.basis.double().numpy().T
        for pair in PAIRS
    }
    table = [_by_episode(visited, instability) for visited, instability in runs]
    edges = np.cumsum([0, *(part.shape[1] for part in table)])

    def statistic(row: np.ndarray) -> np.ndarray:
        parts = [_Told(row[a:b]) for a, b in zip(edges, edges[1:], strict=False)]
        numbers = np.array(
            [
                [p.share, p.concentration(basis), p.oscillation, p.length]
                for p, basis in zip(parts, leading, strict=True)
            ]
        ).T
        changes = [
            values[POLICIES.index(of)] / values[POLICIES.index(to)]
            for values in numbers[1:]
            for of, to in CHANGES
        ]
        quotients = [
            quotient(
                parts[POLICIES.index(on)].moment,
                parts[POLICIES.index(of)].direction @ across[of, on],
            )
            for of, on in PAIRS
        ]
        return np.array([*quotients, *numbers.ravel(), *changes])

    found = statistics.bootstrap(np.column_stack(table), statistic, rng, confidence)
    sizes = np.cumsum([len(PAIRS), *[len(POLICIES)] * 4, *[len(CHANGES)] * 3])
    starts = [0, *sizes[:-1]]
    parts = [tuple(found[a:b]) for a, b in zip(starts, sizes, strict=True)]
    return DirectionComparison(
        files,
        features,
        tuple(gradients.scale.shape),
        gradients.scale.flatten().numpy(),
        np.stack([basis[0] for basis in leading]),
        *parts,
    )


class _Told:
    """What some episodes of one run tell together."""

    def __init__(self, row: Float[np.ndarray, " quantity"]) -> None:
        *moment, trace, swings, episodes, norms, steps = row
        size = int(len(moment) ** 0.5)
        self.moment = np.reshape(moment, (size, size))
        values, self.direction = principal(self.moment)
        self.share = values[0] / trace
        self.oscillation = swings / episodes
        self.length = norms / steps

    def concentration(self, leading: Float[np.ndarray, " leading feature"]) -> float:
        """Effective number of features in the principal direction."""
        return float(1 / np.sum((self.direction @ leading) ** 4))


def _by_episode(visited: Visited, seen: Instability) -> Float[np.ndarray, " episode quantity"]:
    """Everything that adds up over episodes."""
    episodes = np.split(seen.norms, visited.first_steps[1:])
    swings = [part.std() / part.mean() if part.mean() > 0 else 0.0 for part in episodes]
    return np.column_stack(
        [
            seen.moments.groups[: seen.blocks].flatten(1).numpy(),
            seen.moments.traces[: seen.blocks].numpy(),
            swings,
            [part.mean() > 0 for part in episodes],
            [part.sum() for part in episodes],
            visited.lengths,
        ]
    )
