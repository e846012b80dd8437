"""Completeness: do contributions add up to what they explain?

    Σ_j c_j(s) = S(s) − S(s̄)

holds exactly for integrated gradients and DeepLift, up to numerical error.

References: Sundararajan, Taly, Yan 2017, https://arxiv.org/abs/1703.01365; Shrikumar et al. 2017,
https://arxiv.org/abs/1704.02685
"""

import numpy as np
import torch
from jaxtyping import Float

from policyscope.attributions.glimpses import Glimpses
from policyscope.attributions.method import Maps, Reference, Targets
from policyscope.attributions.slopes import values

COMPLETE = ("integrated gradients", "deeplift")
"""Methods that promise it."""


def incompleteness(
    glimpses: Glimpses, targets: Targets, maps: Maps, reference: Reference
) -> tuple[Float[np.ndarray, " state target"], Float[np.ndarray, " state target"]]:
    """|Σ_j c_j(s) − (S(s) − S(s̄))| and |S(s) − S(s̄)|."""
    every = torch.arange(len(glimpses))
    here = values(glimpses, every, glimpses.seen)
    there = values(glimpses, every, reference.baseline.expand_as(glimpses.seen))
    changes = torch.einsum("ats,as->at", targets.double(), (here - there).double())
    errors = maps.flatten(2).double().sum(2) - changes
    return errors.abs().numpy(), changes.abs().numpy()
