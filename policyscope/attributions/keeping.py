"""Keeping: how far is a decision the same if something else is seen?

    discrete       1[a(s) = a(s')]                          of all groups together
    continuous     exp(−‖a(s) − a(s')‖₂)                    each dimension in half its range

1 where the decision stays. Where the scores are no numbers any more it is lost: 0.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from policyscope.attributions.glimpses import Glimpses
from policyscope.attributions.slopes import values
from policyscope.policies.flips import action_change, flat_actions, is_discrete

Keeping = Callable[[Int[Tensor, " row"], Float[Tensor, " row *seen"]], Float[Tensor, " row"]]
"""(which states, what is seen there instead) → how far the decision stays, from 0 to 1."""


def kept(glimpses: Glimpses) -> Keeping:
    """A function that compares decisions with those that were taken at these moments."""
    policy = glimpses.policy
    clean = flat_actions(policy, values(glimpses, torch.arange(len(glimpses)), glimpses.seen))

    def keeping(which: Int[Tensor, " row"], seen: Float[Tensor, " row *seen"]) -> Tensor:
        scores = values(glimpses, which, seen)
        change = action_change(policy, clean[which], flat_actions(policy, scores))
        closeness = 1 - change if is_discrete(policy) else torch.exp(-change)
        return closeness.masked_fill(scores.isnan().any(1), 0)

    return keeping
