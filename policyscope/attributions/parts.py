"""Parts of what is seen: numbers, patches or spots of frames, each replaced by something else.

Each number of a vector is a part. Of an image, parts lie in all frames of an observation together,
so that nothing seems to move that did not. Through time each observation has parts of its own.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import one_hot

from policyscope.attributions.glimpses import Glimpses
from policyscope.attributions.method import Maps
from policyscope.attributions.slopes import rows_at_once, values
from policyscope.images import frame_axes

Masks = Float[Tensor, " part *observation"]
"""How far each number is replaced with each part, from 0 to 1; axes of length 1 count for all."""

SMALLEST = 16
"""Height and width from which numbers are taken as pixels of a frame."""
MOST = 2000
"""Numbers that are tried one by one, at most."""


def observation_shape(glimpses: Glimpses) -> tuple[int, ...]:
    """Of one observation, without time."""
    return tuple(glimpses.seen.shape[2 if glimpses.memory else 1 :])


def frame_shape(glimpses: Glimpses) -> tuple[int, ...] | None:
    """Shape of an observation with 1 for all axes but height and width; None for vectors."""
    shape = observation_shape(glimpses)
    axes = frame_axes(shape)
    if axes is None or min(shape[axis] for axis in axes) < SMALLEST:
        return None
    return tuple(n if i - len(shape) in axes else 1 for i, n in enumerate(shape))


def too_many(glimpses: Glimpses) -> str | None:
    """Why parts cannot be tried one by one."""
    numbers = math.prod(observation_shape(glimpses))
    if frame_shape(glimpses) is None and numbers > MOST:
        return f"it changes numbers one by one, and the {numbers} of this vector are too many"
    return None


def single_numbers(glimpses: Glimpses) -> Masks:
    """A mask for each number of an observation."""
    shape = observation_shape(glimpses)
    return torch.eye(math.prod(shape)).reshape(-1, *shape)


def scores_without(
    glimpses: Glimpses, masks: Masks, instead: Float[Tensor, " state *seen"]
) -> Float[Tensor, " state time part score"]:
    """Scores when a part of one of the observations is replaced; without memory there is one."""
    states, parts = len(glimpses), len(masks)
    times = glimpses.seen.shape[1] if glimpses.memory else 1
    found = []
    for rows in torch.arange(states * times * parts).split(rows_at_once(glimpses.seen)):
        which, time, part = rows // (times * parts), rows // parts % times, rows % parts
        weights = masks[part]
        if glimpses.memory:
            chosen = one_hot(time, times).float()
            weights = torch.einsum("rt,r...->rt...", chosen, weights)
        changed = torch.lerp(glimpses.seen[which].float(), instead[which].float(), weights)
        found.append(values(glimpses, which, changed))
    return torch.cat(found).unflatten(0, (states, times, parts))


def drops(
    glimpses: Glimpses, masks: Masks, instead: Float[Tensor, " state *seen"]
) -> Float[Tensor, " state time part score"]:
    """By how much each score is lower then."""
    scores = values(glimpses, torch.arange(len(glimpses)), glimpses.seen)
    return scores[:, None, None] - scores_without(glimpses, masks, instead)


def spread(
    credits: Float[Tensor, " state target time part"], masks: Masks, glimpses: Glimpses
) -> Maps:
    """Maps in which each number has the credit of the part that it is in."""
    whole = masks.expand(-1, *observation_shape(glimpses))
    maps = torch.einsum("ntap,p...->nta...", credits, whole)
    return maps if glimpses.memory else maps[:, :, 0]
