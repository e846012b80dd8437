"""Curves: do the numbers that are called important hold the decision?

With the numbers that were seen ordered by importance, and K how far the decision is kept
(`attributions.keeping`),

    insertion(p) = K(baseline, with the share p of the most important numbers as they were seen)
    deletion(p)  = K(what was seen, with the share p of the most important ones as in the baseline)

for p from 0 to 1. The area under insertion is large, and that under deletion small, where the order
is right; areas are by the trapezoidal rule, between 0 and 1. Their difference ranks methods:
larger is better, and 0 is what no knowledge gives where the two curves mirror each other.

All numbers compete, of all frames of an image and of all times that are remembered. Numbers of
equal importance are taken in the order in which they stand; what is NaN counts as 0.

Reference: Petsiuk, Das, Saenko 2018 (RISE), https://arxiv.org/abs/1806.07421; there K is the
probability of the class. Theirs ranks by one of the areas; the difference is ours.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from policyscope.attributions.glimpses import Glimpses
from policyscope.attributions.keeping import kept
from policyscope.attributions.method import Reference

ONE_BY_ONE = 256
"""So many numbers at most are inserted one by one; of more, equal shares."""
SHARES = 20
"""How many equal shares."""


@dataclass(frozen=True, eq=False)
class Curves:
    """How far each decision is kept, along both curves."""

    fractions: Float[np.ndarray, " point"]
    """Share of the numbers that is inserted or deleted, from 0 to 1."""
    insertion: Float[np.ndarray, " state point"]
    deletion: Float[np.ndarray, " state point"]

    @property
    def insertion_area(self) -> Float[np.ndarray, " state"]:
        """Larger is better."""
        return np.trapezoid(self.insertion, self.fractions, axis=1)

    @property
    def deletion_area(self) -> Float[np.ndarray, " state"]:
        """Smaller is better."""
        return np.trapezoid(self.deletion, self.fractions, axis=1)

    @property
    def between(self) -> Float[np.ndarray, " state"]:
        """The area between the curves, which ranks methods; larger is better."""
        return self.insertion_area - self.deletion_area


def curves(
    glimpses: Glimpses, importance: Float[Tensor, " state *seen"], reference: Reference
) -> Curves:
    """Insert and delete what was seen, the most important numbers first.

    Args:
        glimpses: The states.
        importance: How much each number counts for the decision; larger is more.
        reference: Whose baseline stands in the place of what is not there.
    """
    places = ranks(importance)
    numbers = places[:1].numel()
    counts = np.arange(numbers + 1)
    if numbers > ONE_BY_ONE:
        counts = np.linspace(0, numbers, SHARES + 1).round().astype(int)
    keeping, every = kept(glimpses), torch.arange(len(glimpses))
    seen, baseline = glimpses.seen, reference.baseline.float()
    insertion, deletion = [], []
    for count in counts.tolist():
        first = places < count
        insertion.append(keeping(every, torch.where(first, seen, baseline)))
        deletion.append(keeping(every, torch.where(first, baseline, seen)))
    return Curves(
        fractions=counts / numbers,
        insertion=torch.stack(insertion, 1).numpy(),
        deletion=torch.stack(deletion, 1).numpy(),
    )


def ranks(importance: Float[Tensor, " state *seen"]) -> Int[Tensor, " state *seen"]:
    """The place of each number among those of its state: 0 for the largest.

    Of equal ones the first comes first; what is NaN counts as 0.
    """
    rows = importance.flatten(1).nan_to_num(nan=0.0, posinf=torch.inf, neginf=-torch.inf)
    order = rows.argsort(dim=1, descending=True, stable=True)
    return order.argsort(dim=1).reshape(importance.shape)
