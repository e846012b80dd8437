"""The interventional game where there are too many coalitions: by shap's permutations.

shap's PermutationExplainer lets features become known one by one, in a random order and then in its
reverse. Each run has a seed and a background of its own; φ is the mean over runs, and its standard
error their spread: that of permutations and of the background together.

The explainer draws from numpy's global generator, and another call in between changes its answer
(https://github.com/shap/shap/issues/3995): so each is made, used once and thrown away, and the
global generator is put back as it was.

Reference: Mitchell, Cooper, Frank, Holmes 2022, Sampling permutations for Shapley value estimation,
https://jmlr.org/papers/v23/21-0439.html
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from policyscope.policies.policy import Memory, Policy
from policyscope.progress import Advance
from policyscope.shapley.acting import acts
from policyscope.shapley.coalitions import Contributions


def sampled(  # noqa: PLR0913  those of `interventional`, and seeds
    policy: Policy,
    states: Float[Tensor, " state feature"],
    memory: Memory,
    backgrounds: Float[Tensor, " run background feature"],
    seeds: Int[np.ndarray, " state run"],
    advance: Advance,
) -> Contributions:
    """Estimates of Shapley values, see `interventional`; at least two runs leave an error."""
    values, bases = [], []
    with _global_generator_put_back():
        for i, state in enumerate(states):
            remembered = tuple(part[i : i + 1] for part in memory)
            runs = [
                _once(policy, state, remembered, background, int(seed))
                for background, seed in zip(backgrounds, seeds[i], strict=True)
            ]
            values.append([found for found, _ in runs])
            bases.append(np.mean([base for _, base in runs], 0))
            advance(1)
    every = np.array(values)
    errors = every.std(1, ddof=1) / len(backgrounds) ** 0.5
    return Contributions(every.mean(1), errors, np.array(bases))


def _once(
    policy: Policy,
    state: Float[Tensor, " feature"],
    memory: Memory,
    background: Float[Tensor, " background feature"],
    seed: int,
) -> tuple[Float[np.ndarray, " feature output"], Float[np.ndarray, " output"]]:
    """One order of the features and its reverse."""
    from shap import PermutationExplainer  # takes seconds, and few need it
    from shap.maskers import Independent

    def did(rows: np.ndarray) -> np.ndarray:
        seen = torch.from_numpy(rows).float()
        remembered = tuple(row.expand(len(seen), *row.shape[1:]) for row in memory)
        return acts(policy, seen, remembered).double().numpy()

    masker = Independent(background.double().numpy(), max_samples=len(background))
    explainer = PermutationExplainer(did, masker, seed=seed)
    found: Any = explainer(state[None].double().numpy(), max_evals=2 * len(state) + 1, silent=True)
    # of a single output shap leaves the axis away
    return found.values[0].reshape(len(state), -1), np.atleast_1d(found.base_values[0])


@contextmanager
def _global_generator_put_back() -> Iterator[None]:
    before = np.random.get_state()  # noqa: NPY002  what shap draws from
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002
