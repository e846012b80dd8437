"""DeepLIFT: what is the score's distance from that of the baseline made of, layer by layer?

Where a layer bends x to f(x), its slope is replaced by that between the baseline's x' and x,

    (f(x) − f(x')) / (x − x'),        and c_j(s) = (s_j − b_j) · their product        (rescale rule)

so that Σ_j c_j(s) = S(s) − S(b), if every bend is a module that captum knows, used once. Whether
that is so is tried: where the sum misses, the method says that it cannot explain this network.

Reference: Shrikumar, Greenside, Kundaje 2017, https://arxiv.org/abs/1704.02685. Computed by captum.
"""

from dataclasses import dataclass

import captum.attr
import numpy as np
import torch

from policyscope.attributions.explained import Explained, by_captum
from policyscope.attributions.glimpses import Glimpses
from policyscope.attributions.method import Maps, Reference, Targets
from policyscope.attributions.slopes import values, without_gradients
from policyscope.attributions.ways import ways_to

ONCE = "it hands differences back through every layer once"
TRIED = 4
"""States in which completeness is tried."""
MISSED = 1e-3
"""More than single precision ever misses, as a share of all contributions."""


@dataclass(frozen=True)
class DeepLift:
    """Differences from the baseline, handed back layer by layer."""

    def obstacle(self, glimpses: Glimpses) -> str | None:
        """See `Method.obstacle`."""
        if glimpses.memory:
            return f"{ONCE}, and a policy with memory uses its layers again"
        return without_gradients(glimpses) or _incomplete(self, glimpses)

    def attribute(self, glimpses: Glimpses, targets: Targets, reference: Reference) -> Maps:
        """See `Method.attribute`."""
        lifting = captum.attr.DeepLift(Explained(glimpses))
        baseline = reference.baseline.float()[None]
        return by_captum(
            glimpses,
            targets,
            lambda seen, further, target: lifting.attribute(
                seen, baseline.expand_as(seen), target, further
            ),
        )


def _incomplete(method: DeepLift, glimpses: Glimpses) -> str | None:
    """Why contributions do not add up."""
    some = glimpses[np.arange(min(TRIED, len(glimpses)))]
    seen = glimpses.seen.float()
    baseline = seen.mean(0) if len(seen) > 1 else torch.zeros_like(seen[0])
    scores = values(some, torch.arange(len(some)), some.seen).shape[1]
    targets = torch.eye(scores).expand(len(some), -1, -1)
    reference = Reference(baseline, torch.ones_like(baseline))
    try:
        maps = method.attribute(some, targets, reference)
    except (RuntimeError, AssertionError):  # how captum refuses modules that are used twice
        return f"{ONCE}, and this network uses one again"
    missed = ways_to(some, targets, reference).missed(maps)
    if (missed > MISSED * maps.abs().flatten(2).sum(2) + 1e-6).any():
        return (
            "every bend has to be a layer of its own that captum knows, and in this network some "
            "are not: contributions do not add up"
        )
    return None
