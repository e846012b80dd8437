"""Ways: from a baseline straight to what was seen, b + α(s − b) with α from 0 to 1."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from policyscope.attributions.glimpses import Glimpses
from policyscope.attributions.method import Maps, Reference, Targets
from policyscope.attributions.slopes import slopes, values


@dataclass(frozen=True, eq=False)
class Ways:
    """The ways to some moments, along which targets change."""

    glimpses: Glimpses
    targets: Targets
    baseline: Float[Tensor, " *seen"]
    changes: Float[Tensor, " way target"]
    """T(s) − T(b)."""
    sizes: Float[Tensor, " way target"]
    """Of the numbers whose difference that is."""

    def __len__(self) -> int:
        """How many."""
        return len(self.targets)

    def __getitem__(self, some: Int[Tensor, " some"]) -> "Ways":
        """Only some of them."""
        return Ways(
            self.glimpses[some.numpy()],
            self.targets[some],
            self.baseline,
            self.changes[some],
            self.sizes[some],
        )

    @property
    def distances(self) -> Float[Tensor, " way *seen"]:
        """From the baseline, s − b."""
        return self.glimpses.seen.float() - self.baseline

    def at(
        self, way: Int[Tensor, " place"], along: Float[Tensor, " place"]
    ) -> tuple[
        Float[Tensor, " place target"],
        Float[Tensor, " place target *seen"],
        Float[Tensor, " place target"],
    ]:
        """Targets T, their gradients, and dT/dα, at places so far along the ways."""
        distances = self.distances[way]
        points = self.baseline + torch.einsum("p,p...->p...", along.float(), distances)
        found, gradients = slopes(self.glimpses, way, points, self.targets[way])
        speeds = torch.einsum("ptj,pj->pt", gradients.flatten(2), distances.flatten(1))
        return found, gradients, speeds

    def missed(self, maps: Maps) -> Float[Tensor, " way target"]:
        """How far the sum of contributions is from the change."""
        return (maps.flatten(2).sum(2) - self.changes).abs()


def ways_to(glimpses: Glimpses, targets: Targets, reference: Reference) -> Ways:
    """The ways from a baseline to some moments."""
    every, seen, baseline = torch.arange(len(glimpses)), glimpses.seen, reference.baseline.float()
    there, here = (values(glimpses, every, end) for end in (seen, baseline.expand_as(seen)))
    weights = targets.float()
    changes = torch.einsum("nts,ns->nt", weights, there - here)
    sizes = torch.einsum("nts,ns->nt", weights.abs(), there.abs() + here.abs())
    return Ways(glimpses, weights, baseline, changes, sizes)
