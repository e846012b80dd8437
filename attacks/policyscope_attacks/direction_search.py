"""Direction search: of all fixed directions, the one that gains an adversary most.

    max_{d ∈ [−1, 1]^m}  mean gain of episodes under an attack that goes along d

by differential evolution. It begins with directions along the axes, both ways, and with random
corners, each in episodes of its own, all of them side by side. No gradient of the gain is needed,
so that the environment and the policy may be anything.

Reference: Storn & Price 1997, https://doi.org/10.1023/A:1008202821328
"""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from scipy.optimize import differential_evolution
from torch import Tensor

POPULATION = 32
"""The most directions that are tried side by side."""
GENERATIONS = 2
TRIES = 2
"""Episodes of each direction in a generation."""
FINALISTS, FINAL_TRIES = 4, 8
"""The best of all that were tried, and the episodes that choose among them."""
BOTH_WAYS = [[1.0], [-1.0]]
"""All that there is in one dimension."""

Gaining = Callable[[Float[Tensor, " direction dimension"], int, int], Float[np.ndarray, " episode"]]
"""From directions, a number of episodes and their seed to what each episode gained: episode i went
along direction i mod their number."""


def best_direction(gaining: Gaining, dimensions: int, seed: int) -> Float[Tensor, "1 dimension"]:
    """The best direction that was found; the same seed gives the same."""
    rng = np.random.default_rng(seed)

    def gained(directions: Float[Tensor, " direction dimension"], tries: int) -> np.ndarray:
        episodes = gaining(directions, tries * len(directions), int(rng.integers(2**31)))
        return episodes.reshape(tries, -1).mean(0)

    finalists = _finalists(gained, dimensions, rng) if dimensions > 1 else torch.tensor(BOTH_WAYS)
    best = int(gained(finalists, FINAL_TRIES).argmax())
    return finalists[best : best + 1]


def _finalists(
    gained: Callable[[Tensor, int], np.ndarray], dimensions: int, rng: np.random.Generator
) -> Float[Tensor, " direction dimension"]:
    """The best few, which may have been lucky: they had few tries."""
    tried: list[tuple[Tensor, np.ndarray]] = []

    def lost(population: Float[np.ndarray, " dimension direction"]) -> np.ndarray:
        directions = torch.from_numpy(np.ascontiguousarray(population.T)).float()
        tried.append((directions, gained(directions, TRIES)))
        return -tried[-1][1]

    differential_evolution(
        lost,
        bounds=[(-1.0, 1.0)] * dimensions,
        init=_begun(dimensions, rng),  # pyright: ignore[reportArgumentType]  arrays are taken
        maxiter=GENERATIONS - 1,
        tol=0,
        polish=False,
        updating="deferred",
        vectorized=True,
        rng=rng,
    )
    order = np.argsort(-np.concatenate([gains for _, gains in tried]), kind="stable")
    directions = torch.cat([directions for directions, _ in tried])
    return directions[torch.from_numpy(order[:FINALISTS])]


def _begun(dimensions: int, rng: np.random.Generator) -> Float[np.ndarray, " direction dimension"]:
    """Axes, both ways, and corners; a part of the axes where they are many."""
    count = min(POPULATION, 4 * dimensions)
    axes = np.concatenate([np.eye(dimensions), -np.eye(dimensions)])
    kept = rng.permutation(axes)[: 3 * count // 4]
    corners = rng.choice([-1.0, 1.0], (count - len(kept), dimensions))
    return np.concatenate([kept, corners])
