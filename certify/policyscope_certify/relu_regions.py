"""The linear piece of a ReLU policy around a state: its map, and how far it reaches.

Where every activation is ReLU, or clips, scores are linear as long as no number that
goes into an activation crosses a kink:

    scores(x) = J x + b                       J = ∂ scores/∂x at s,   b = scores(s) − J s
    d(s) = min_i |z_i(s) − κ_i| / ‖u ∇z_i(s)‖_q           1/p + 1/q = 1

d is the radius of the largest ball, in units u, around s in which nothing crosses: inside, every
z_i is its own linear function, so the nearest hyperplane is the nearest kink, exactly. At a state
on a kink, d is 0 and J is the slope of one side.

Reference: Croce, Andriushchenko & Hein 2019, Provable robustness of ReLU networks via maximization
of linear regions, https://arxiv.org/abs/1810.07481 (Lemma 3.1).
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from policyscope_certify.activations import Clip
from policyscope_certify.network import Network, NoBounds
from policyscope_certify.regions import Region

AT_ONCE = 1 << 22
"""Numbers of the gradients that are held at a time."""


@dataclass(frozen=True, eq=False)
class LinearPieces:
    """The linear piece that each state lies in."""

    slopes: Float[Tensor, " state score *observation"]
    """J: what scores change by, per feature, in the environment's units."""
    offsets: Float[Tensor, " state score"]
    """b: the piece's scores at the observation 0."""
    distances: Float[Tensor, " state"]
    """d: to the nearest kink, in the units and norm that were asked for; infinite without one."""


def linear_pieces(network: Network, region: Region) -> LinearPieces:
    """The linear pieces around states.

    Args:
        network: Of the policy; piecewise linear.
        region: States, norm and units; radii and bounds are not looked at.

    Raises:
        NoBounds: If an activation has no linear pieces.
    """
    clips = [layer.activation for layer in network.layers]
    dual = 1 if region.norm == math.inf else 2
    distances = torch.full((len(region.states),), math.inf, dtype=torch.float64)
    for place, clip in enumerate(clips):
        if not isinstance(clip, Clip):
            raise NoBounds(
                "Linear pieces need ReLU or clipping throughout, and this network has activations "
                "that bend."
            )
        lengths = [
            (part.flatten(2) * region.units.flatten()).norm(dual, dim=2)
            for part in _gradients(_into(network, place), region.states)
        ]
        numbers = network.values(region.states)[0][place]
        gaps = (numbers - clip.least).abs().minimum((numbers - clip.most).abs())
        reach = gaps.flatten(1) / torch.cat(lengths).T
        # what does not depend on the observation never crosses, nor does what has no kink
        distances = distances.minimum(reach.nan_to_num(math.inf, math.inf).amin(1))
    slopes = torch.cat(list(_gradients(lambda seen: network.values(seen)[1], region.states)))
    slopes = slopes.transpose(0, 1)
    _, scores = network.values(region.states)
    offsets = scores - (slopes.flatten(2) @ region.states.flatten(1)[..., None])[..., 0]
    return LinearPieces(slopes, offsets, distances)


def _into(network: Network, place: int) -> Callable[[Tensor], Tensor]:
    return lambda seen: network.values(seen)[0][place].flatten(1)


def _gradients(
    function: Callable[[Tensor], Tensor], states: Tensor
) -> Iterator[Float[Tensor, " number state *observation"]]:
    """Gradients of each number that a function of single observations gives, a few at a time."""
    numbers, pull = torch.func.vjp(function, states)[:2]
    chunk = max(1, AT_ONCE // states.numel())
    for rows in torch.eye(numbers.shape[1], dtype=torch.float64).split(chunk):
        (part,) = torch.vmap(pull)(rows[:, None].expand(-1, len(states), -1))
        yield part
