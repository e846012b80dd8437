"""Integrated gradients: what is the score's distance from that of the baseline made of?

    c_j(s) = (s_j − b_j) ∫₀¹ ∂S/∂s_j (b + α(s − b)) dα        Σ_j c_j(s) = S(s) − S(b)

The integral is taken at Gauss–Legendre nodes, which are exact for polynomials of degree 2n − 1, and
all targets share them. How far the sum misses S(s) − S(b) says how good it is: states that miss it
by more than `tolerance` times the way that the score goes from b to s, ∫₀¹ |dS/dα| dα, get twice as
many, each for itself. Where that hardly helps the score has kinks. Before a vector there are few of
them, and they are found one by one (see `kinks`). Before an image there are thousands, and between
kinks behind a bent output, tanh behind ReLU, nothing is straight: there the error stays what it is
after a last doubling that helped, or `limit` nodes, and `integrate` tells it.

Reference: Sundararajan, Taly, Yan 2017, https://arxiv.org/abs/1703.01365
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from policyscope.attributions import kinks
from policyscope.attributions.glimpses import Glimpses
from policyscope.attributions.method import Maps, Reference, Targets
from policyscope.attributions.parts import frame_shape
from policyscope.attributions.slopes import rows_at_once, without_gradients
from policyscope.attributions.ways import Ways, ways_to

ROUNDING = 8 * torch.finfo(torch.float32).eps
"""What single precision misses of sums in a network of a few layers, as a share."""
FAST = 10
"""How many times smaller twice as many nodes make the error of a smooth score, at least."""


@dataclass(frozen=True)
class IntegratedGradients:
    """Gradients along the way from the baseline, times its length."""

    nodes: int = 8
    """Gradients that every state gets."""
    limit: int = 256
    """Gradients that a state gets at a time, at most."""
    tolerance: float = 1e-5
    """Error of completeness that is let be, as a share of the way that the score goes."""

    def __post_init__(self) -> None:
        if not (1 <= self.nodes <= self.limit and self.tolerance > 0):
            raise ValueError("Integrated gradients need 1 ≤ nodes ≤ limit and a tolerance > 0.")

    def obstacle(self, glimpses: Glimpses) -> str | None:
        """See `Method.obstacle`."""
        return without_gradients(glimpses)

    def attribute(self, glimpses: Glimpses, targets: Targets, reference: Reference) -> Maps:
        """See `Method.attribute`."""
        return self.integrate(glimpses, targets, reference)[0]

    def integrate(
        self, glimpses: Glimpses, targets: Targets, reference: Reference
    ) -> tuple[Maps, Float[Tensor, " state target"], Float[Tensor, " state target"]]:
        """Contributions, how far their sum is from each target's change, and that change."""
        ways = ways_to(glimpses, targets, reference)
        maps = self._contributions(ways, self.nodes, torch.full((len(ways),), torch.inf))
        return maps, ways.missed(maps), ways.changes

    def _contributions(
        self, ways: Ways, nodes: int, before: Float[Tensor, " way"]
    ) -> Float[Tensor, " way target *seen"]:
        """With as many nodes as each way needs, after so large an error with half as many."""
        maps, lengths = quadrature(ways, nodes)
        errors = ways.missed(maps)
        allowed = self.tolerance * lengths
        rounding = ROUNDING * (ways.sizes + maps.abs().flatten(2).sum(2))
        unfinished = (errors > allowed + rounding).any(1)
        largest = errors.amax(1)
        bent = unfinished & (largest > before / FAST)
        if frame_shape(ways.glimpses) is not None:
            unfinished &= ~bent
        elif nodes <= 4 * self.nodes and bent.any():
            which = bent.nonzero()[:, 0]
            integrals, found = kinks.integrals(
                ways[which], allowed[which], rounding[which], self.limit
            )
            which = which[found]
            maps[which] = integrals[found] * ways.distances[which][:, None]
            unfinished[which] = False
        which = unfinished.nonzero()[:, 0]
        if len(which) and 2 * nodes <= self.limit:
            maps[which] = self._contributions(ways[which], 2 * nodes, largest[which])
        return maps


def quadrature(
    ways: Ways, nodes: int
) -> tuple[Float[Tensor, " way target *seen"], Float[Tensor, " way target"]]:
    """Contributions by so many nodes, and ∫₀¹ |dT/dα| dα."""
    places, shares = np.polynomial.legendre.leggauss(nodes)
    along, weights = torch.from_numpy((places + 1) / 2), torch.from_numpy(shares / 2).float()
    size = max(1, rows_at_once(ways.distances) // nodes)
    maps, lengths = [], []
    for some in torch.arange(len(ways)).split(size):
        _, gradients, speeds = ways.at(some.repeat_interleave(nodes), along.repeat(len(some)))
        means = torch.einsum("a,na...->n...", weights, gradients.unflatten(0, (-1, nodes)))
        maps.append(means * ways.distances[some][:, None])
        lengths.append(torch.einsum("a,nat->nt", weights, speeds.abs().unflatten(0, (-1, nodes))))
    return torch.cat(maps), torch.cat(lengths)
