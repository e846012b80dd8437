"""Chance: attributions that know nothing, which every method has to beat.

m_j(s) ~ N(0, 1)        drawn for each state by its own step
"""

from dataclasses import dataclass

import numpy as np
import torch

from policyscope.attributions.glimpses import Glimpses
from policyscope.attributions.method import Maps, Reference, Targets
from policyscope.rollouts.seeds import generator


@dataclass(frozen=True)
class Chance:
    """Standard normal numbers."""

    seed: int = 0

    def obstacle(self, glimpses: Glimpses) -> str | None:
        """See `Method.obstacle`."""
        del glimpses
        return None

    def attribute(self, glimpses: Glimpses, targets: Targets, reference: Reference) -> Maps:
        """See `Method.attribute`."""
        del reference
        shape = (targets.shape[1], *glimpses.seen.shape[1:])
        draws = [
            generator(self.seed, "random attribution", int(step)).standard_normal(shape, np.float32)
            for step in glimpses.steps
        ]
        return torch.from_numpy(np.stack(draws)) if draws else torch.empty(0, *shape)
