"""Kinks: exact integrals of slopes along a way on which scores rise and fall in straight pieces.

The scores of a network of linear layers and ReLUs are piecewise linear, and quadrature converges on
them no faster than 1/n. But between two places a and b with speeds (dT/dα) v_a and v_b a single
kink can only be where the two tangents meet,

    κ = a + (T(b) − T(a) − v_b (b − a)) / (v_a − v_b),

and T(κ) tells whether that is all there is: then the gradient is that of a as far as κ, and that
of b from there. Otherwise κ divides the gap into two, and each is looked at in the same way. What
comes out is a quadrature with places and weights of each way's own.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from policyscope.attributions.ways import Ways

Errors = Float[Tensor, " way target"]

START = 8
"""Gaps of equal length to begin with."""
NEAR = 1e-6
"""Places that are nearer to one another are beyond single precision."""
SHARE = 1 / 16
"""Of what may be missed on a whole way, what a kink may add that is somewhere in a gap."""
ROOM = 1 << 24
"""Numbers of gradients that are kept at once."""


@dataclass(frozen=True, eq=False)
class Places:
    """Places on the ways, and what is known there."""

    way: Int[Tensor, " place"]
    along: Float[Tensor, " place"]
    """0 at the start of the way, 1 at its end."""
    values: Float[Tensor, " place target"]
    speeds: Float[Tensor, " place target"]

    def __getitem__(self, some: Tensor) -> "Places":
        return Places(self.way[some], self.along[some], self.values[some], self.speeds[some])

    def and_then(self, more: "Places") -> "Places":
        """These, and behind them more."""
        return Places(
            torch.cat([self.way, more.way]),
            torch.cat([self.along, more.along]),
            torch.cat([self.values, more.values]),
            torch.cat([self.speeds, more.speeds]),
        )


def integrals(
    ways: Ways, errors: Errors, rounding: Errors, limit: int
) -> tuple[Float[Tensor, " way target *seen"], Bool[Tensor, " way"]]:
    """∫₀¹ ∇T dα of each way, and whether it was found.

    Args:
        ways: Along which targets change.
        errors: What may be missed of each target.
        rounding: What single precision misses of it.
        limit: Gradients of each way, at most.
    """
    size = max(1, ROOM // (limit * ways.targets.shape[1] * ways.baseline.numel()))
    parts = torch.arange(len(ways)).split(size)
    found, followed = zip(
        *(_integrals(ways[some], errors[some], rounding[some], limit) for some in parts),
        strict=True,
    )
    return torch.cat(found), torch.cat(followed)


def _integrals(
    ways: Ways, errors: Errors, rounding: Errors, limit: int
) -> tuple[Float[Tensor, " way target *seen"], Bool[Tensor, " way"]]:
    count = len(ways)
    every, grid = torch.arange(count), torch.linspace(0, 1, START + 1, dtype=torch.float64)
    places, first = _at(ways, every.repeat_interleave(START + 1), grid.repeat(count))
    gradients, weights = [first], torch.zeros(len(first), dtype=torch.float64)
    numbers = torch.arange(len(first)).unflatten(0, (count, START + 1))
    left, right = numbers[:, :-1].flatten(), numbers[:, 1:].flatten()
    asked = torch.full((count,), START + 1)
    while len(left):
        asked += torch.bincount(places.way[left], minlength=count)
        within = (asked <= limit)[places.way[left]]
        left, right = left[within], right[within]
        a, b = places[left], places[right]
        middle, found = _at(ways, a.way, _meeting(a, b))
        straight = _straight(a, middle, b, errors[a.way], rounding[a.way])
        weights.index_add_(0, left[straight], (middle.along - a.along)[straight])
        weights.index_add_(0, right[straight], (b.along - middle.along)[straight])
        new = len(places.way) + torch.arange(len(left))
        places, gradients = places.and_then(middle), [*gradients, found]
        weights = torch.cat([weights, torch.zeros(len(left), dtype=torch.float64)])
        bent, new = ~straight, new[~straight]
        left, right = torch.cat([left[bent], new]), torch.cat([new, right[bent]])
    products = torch.einsum("p,p...->p...", weights.float(), torch.cat(gradients))
    sums = torch.zeros(count, *products.shape[1:]).index_add_(0, places.way, products)
    return sums, asked <= limit


def _at(
    ways: Ways, way: Int[Tensor, " place"], along: Float[Tensor, " place"]
) -> tuple[Places, Float[Tensor, " place target *seen"]]:
    """Some places, and the gradients there."""
    values, gradients, speeds = ways.at(way, along)
    return Places(way, along, values.double(), speeds.double()), gradients


def _meeting(a: Places, b: Places) -> Float[Tensor, " place"]:
    """Where the tangents meet of the target that bends most; halfway where they do not meet."""
    bends = a.speeds - b.speeds
    most = bends.abs().argmax(1, keepdim=True)
    length = b.along - a.along
    missed = (b.values - a.values - b.speeds * length[:, None]).gather(1, most)[:, 0]
    share = missed / (bends.gather(1, most)[:, 0] * length)
    share = torch.where((share >= 0) & (share <= 1), share, 0.5)  # NaN is neither
    # a place that is one with an end would leave the same gap again
    return a.along + (length * share).clamp(torch.full_like(length, NEAR), length - NEAR)


def _straight(
    a: Places, middle: Places, b: Places, errors: Errors, rounding: Errors
) -> Bool[Tensor, " place"]:
    """Whether every target goes straight from both ends to the middle, or nearly nowhere."""
    length = (b.along - a.along)[:, None]
    missed = torch.maximum(_missed(a, middle), _missed(b, middle))
    slight = length * (a.speeds - b.speeds).abs() <= SHARE * errors
    return ((missed <= errors * length + rounding) | slight | (length < 3 * NEAR)).all(1)


def _missed(end: Places, middle: Places) -> Float[Tensor, " place target"]:
    """How far the middle is from the tangent at an end."""
    tangent = end.values + end.speeds * (middle.along - end.along)[:, None]
    return (middle.values - tangent).abs()
