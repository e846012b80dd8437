"""Explained: targets as a module of torch, which is what captum takes hold of."""

import warnings
from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from policyscope.attributions.glimpses import Glimpses
from policyscope.attributions.method import Maps, Targets
from policyscope.attributions.slopes import rows_at_once


class Explained(nn.Module):
    """A network whose outputs are the targets of each row."""

    def __init__(self, glimpses: Glimpses) -> None:
        super().__init__()
        self.network = glimpses.policy.network
        self.glimpses = glimpses

    def forward(
        self,
        seen: Float[Tensor, " row *seen"],
        which: Int[Tensor, " row"],
        targets: Float[Tensor, " row target score"],
    ) -> Float[Tensor, " row target"]:
        """Targets if these moments had looked so."""
        return torch.einsum("rts,rs->rt", targets, self.glimpses.scores(which, seen))


Explain = Callable[[Tensor, tuple[Tensor, Tensor], int], Tensor]
"""From what was seen, further arguments of `Explained` and the number of a target to its map."""


def by_captum(glimpses: Glimpses, targets: Targets, explain: Explain) -> Maps:
    """Maps of every target by a method of captum's, in batches."""
    size = rows_at_once(glimpses.seen)
    maps = []
    # captum warns of hooks that it sets and takes away again
    with torch.inference_mode(False), torch.enable_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for some in torch.arange(len(glimpses)).split(size):
            seen = glimpses.seen[some].detach().to(torch.float32, copy=True)
            further = (some.clone(), targets[some].float().clone())
            columns = [explain(seen, further, target) for target in range(targets.shape[1])]
            maps.append(torch.stack(columns, 1).detach())
    return torch.cat(maps)
