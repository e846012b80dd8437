"""Masks: only a part of what was seen is left, and the mean stands in the place of the rest.

With A the importance of each number that was seen, and M the share 1 − ρ of the numbers of each
frame of an image (of a whole vector) where A is largest, what is left is

    salient    M            random            as many numbers at random
    removed    all but M    random_removed    all but these

Exactly so many numbers count as salient, at least one and never all, so that ties let in no more.
SGQN lets ties in, and fills with zeros or with one random number.

Reference: Bertoin et al. 2022 (SGQN), https://arxiv.org/abs/2209.09203
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from policyscope.images import frame_axes
from policyscope.reports.results import count_salient

MASKS = ("salient", "removed", "random", "random_removed")
"""What is left."""


def salient(importance: Float[Tensor, " state *seen"], rho: float) -> Bool[Tensor, " state *seen"]:
    """Where importance is largest: in each frame, or in the vector, with time in all of it."""
    frames = _frames_first(importance)
    rows = frames.flatten(-2 if importance.ndim > 3 else 1)
    count = count_salient(rows.shape[-1], rho)
    order = rows.argsort(dim=-1, descending=True, stable=True)[..., :count]
    found = torch.zeros_like(rows, dtype=torch.bool).scatter_(-1, order, True)
    found = found.reshape(frames.shape)
    return found if found.shape == importance.shape else found.movedim(-3, -1)


def frame_size(importance: Float[Tensor, " state *seen"]) -> int:
    """Numbers of which the most important are salient: of a frame, or of a whole vector."""
    return _frames_first(importance).flatten(-2 if importance.ndim > 3 else 1).shape[-1]


def _frames_first(importance: Float[Tensor, " state *seen"]) -> Tensor:
    """Height and width last; an image may have its channels there."""
    if importance.ndim > 3 and frame_axes(tuple(importance.shape[1:])) == (-3, -2):
        return importance.movedim(-1, -3)
    return importance


def left(
    mask: str,
    importance: Float[Tensor, " state *seen"],
    chance: Float[Tensor, " state *seen"],
    rho: float,
) -> Bool[Tensor, " state *seen"]:
    """What a mask leaves, with random numbers for the random ones."""
    part = salient(chance if mask.startswith("random") else importance, rho)
    return ~part if mask.endswith("removed") else part
