"""Gradient: how much would the score change now, if a number that is seen were a little larger?

    m_j(s) = σ_j ∂S/∂s_j (s)        σ_j a usual change of the number, so that units do not matter

Reference: Simonyan, Vedaldi, Zisserman 2013, https://arxiv.org/abs/1312.6034
"""

from dataclasses import dataclass

import torch

from policyscope.attributions.glimpses import Glimpses
from policyscope.attributions.method import Maps, Reference, Targets
from policyscope.attributions.slopes import slopes, without_gradients


@dataclass(frozen=True)
class Gradient:
    """The slope of each target, per usual change of each number."""

    def obstacle(self, glimpses: Glimpses) -> str | None:
        """See `Method.obstacle`."""
        return without_gradients(glimpses)

    def attribute(self, glimpses: Glimpses, targets: Targets, reference: Reference) -> Maps:
        """See `Method.attribute`."""
        every = torch.arange(len(glimpses))
        _, gradients = slopes(glimpses, every, glimpses.seen, targets)
        return gradients * reference.unit.float()
