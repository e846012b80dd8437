"""Occlusion: how much lower is the score when a part of what is seen is not there?

    m_P(s) = S(s) − S(s with b in the place of P)

for every number of a vector, and every patch of the frames of an image, whose pixels all have the
patch's credit. A patch covers all frames of an observation.

Reference: Zeiler, Fergus 2014, https://arxiv.org/abs/1311.2901
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import one_hot

from policyscope.attributions.glimpses import Glimpses
from policyscope.attributions.method import Maps, Reference, Targets
from policyscope.attributions.parts import (
    Masks,
    drops,
    frame_shape,
    single_numbers,
    spread,
    too_many,
)


@dataclass(frozen=True)
class Occlusion:
    """The drop of each target when a number, or a patch, is replaced by the baseline."""

    patch: int = 7
    """Height and width of patches, in pixels."""

    def __post_init__(self) -> None:
        if self.patch < 1:
            raise ValueError("Occlusion needs a patch ≥ 1.")

    def obstacle(self, glimpses: Glimpses) -> str | None:
        """See `Method.obstacle`."""
        return too_many(glimpses)

    def attribute(self, glimpses: Glimpses, targets: Targets, reference: Reference) -> Maps:
        """See `Method.attribute`."""
        frame = frame_shape(glimpses)
        masks = single_numbers(glimpses) if frame is None else patches(frame, self.patch)
        lower = drops(glimpses, masks, reference.baseline.expand_as(glimpses.seen))
        credits = torch.einsum("nks,ntps->nktp", targets.float(), lower)
        return spread(credits, masks, glimpses)


def patches(frame: tuple[int, ...], size: int) -> Masks:
    """A mask for each patch, row by row; the last ones are smaller where sides are no multiple."""
    rows, columns = (_stretches(n, size) for n in frame if n > 1)
    return torch.einsum("iy,jx->ijyx", rows, columns).reshape(-1, *frame)


def _stretches(side: int, size: int) -> Float[Tensor, " stretch pixel"]:
    return one_hot(torch.arange(side) // size).T.float()
