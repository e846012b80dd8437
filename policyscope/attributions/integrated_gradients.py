"""Integrated gradients: what is the score's distance from that of the baseline made of?

    c_j(s) = (s_j − b_j) ∫₀¹ ∂S/∂s_j (b + α(s − b)) dα        Σ_j c_j(s) = S(s) − S(b)

The integral is taken at Gauss–Legendre nodes, which are exact for polynomials of degree 2n − 1, and
all targets share them. How far the sum misses S(s) − S(b) says how good it is: states that miss it
by more than `tolerance` times the way that the score goes from b to s, ∫₀¹ |dS/dα| dα, are done
again with twice as many, each for itself.

Reference: Sundararajan, Taly, Yan 2017, https://arxiv.org/abs/1703.01365
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from policyscope.attributions.glimpses import Glimpses
from policyscope.attributions.method import Maps, Reference, Targets
from policyscope.attributions.slopes import rows_at_once, slopes, values, without_gradients

Each = Float[Tensor, " state target"]


@dataclass(frozen=True)
class IntegratedGradients:
    """Gradients along the way from the baseline, times its length."""

    nodes: int = 8
    """Gradients that every state gets."""
    limit: int = 128
    """Gradients that a state gets at most."""
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
    ) -> tuple[Maps, Each, Each]:
        """Contributions, how far their sum is from each target's change, and that change."""
        changes, rounding = _changes(glimpses, targets, reference)
        maps, ways = _contributions(glimpses, targets, reference, self.nodes)
        errors = (maps.flatten(2).sum(2) - changes).abs()
        nodes = self.nodes
        while 2 * nodes <= self.limit:
            nodes *= 2
            again = (errors > self.tolerance * ways + rounding).any(1).nonzero()[:, 0]
            if not len(again):
                break
            maps[again], ways[again] = _contributions(
                glimpses[again.numpy()], targets[again], reference, nodes
            )
            errors[again] = (maps[again].flatten(2).sum(2) - changes[again]).abs()
        return maps, errors, changes


def _changes(glimpses: Glimpses, targets: Targets, reference: Reference) -> tuple[Each, Each]:
    """T(s) − T(b), and how exactly single precision can tell."""
    every = torch.arange(len(glimpses))
    ends = [
        values(glimpses, every, seen)
        for seen in (glimpses.seen, reference.baseline.expand_as(glimpses.seen))
    ]
    weights = targets.float()
    changes = torch.einsum("nts,ns->nt", weights, ends[0] - ends[1])
    size = torch.einsum("nts,ns->nt", weights.abs(), ends[0].abs() + ends[1].abs())
    return changes, size * torch.finfo(torch.float32).eps


def _contributions(
    glimpses: Glimpses, targets: Targets, reference: Reference, nodes: int
) -> tuple[Maps, Each]:
    """Contributions by so many nodes, and the way that each target goes."""
    places, weights = np.polynomial.legendre.leggauss(nodes)
    alphas, shares = (torch.from_numpy(x).float() for x in ((places + 1) / 2, weights / 2))
    size = max(1, rows_at_once(glimpses.seen) // nodes)
    parts = [
        _along(glimpses, states, targets[states], reference, (alphas, shares))
        for states in torch.arange(len(glimpses)).split(size)
    ]
    maps, ways = zip(*parts, strict=True)
    return torch.cat(maps), torch.cat(ways)


def _along(
    glimpses: Glimpses,
    states: Int[Tensor, " state"],
    targets: Targets,
    reference: Reference,
    rule: tuple[Float[Tensor, " node"], Float[Tensor, " node"]],
) -> tuple[Maps, Each]:
    alphas, shares = rule
    baseline = reference.baseline.float()
    distance = glimpses.seen[states].float() - baseline
    points = baseline + torch.einsum("a,n...->na...", alphas, distance)
    rows = states.repeat_interleave(len(alphas))
    _, found = slopes(
        glimpses, rows, points.flatten(0, 1), targets.repeat_interleave(len(alphas), 0)
    )
    gradients = found.unflatten(0, (-1, len(alphas)))
    speeds = torch.einsum("natj,nj->nat", gradients.flatten(3), distance.flatten(1))
    ways = torch.einsum("a,nat->nt", shares, speeds.abs())
    return torch.einsum("a,nat...->nt...", shares, gradients) * distance[:, None], ways
