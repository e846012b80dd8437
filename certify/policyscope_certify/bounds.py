"""Deterministic bounds of all that a network computes in a region of observations.

**Intervals** (IBP): centre c and half width r of each number, through affine maps as Wc + b and
|W| r, through activations that never fall as σ(c − r), σ(c + r).

**Lines backward** (CROWN): a row C of the scores is followed back to the observation. At each
activation a positive weight takes the line below it and a negative one the line above,

    C h + d ≥ (C⁺ a + C⁻ A) z + (C⁺ b + C⁻ B) + d        z = W h' + b'        and so on

until C is a linear map of the observation, whose least value in the region is known exactly. What
goes into each activation is bounded in the same way first, from the first layer to the last; of
layers too wide for that, by intervals. Where intervals are tighter they are taken, number by
number, so no bound is looser than theirs.

References: Gowal et al. 2018, https://arxiv.org/abs/1810.12715 (intervals); Zhang et al. 2018,
https://arxiv.org/abs/1811.00866 (CROWN); Xu et al. 2020, https://arxiv.org/abs/2002.12920 (graphs).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from policyscope_certify.activations import Lines
from policyscope_certify.network import Layer, Network
from policyscope_certify.regions import Region

WIDEST = 1024
"""Numbers of a layer whose bounds are followed back to the observation one by one."""
AT_ONCE = 1 << 22
"""Numbers in one of the tensors that are followed back."""


@dataclass(frozen=True, eq=False)
class Interval:
    """The least and the most that each number can be."""

    low: Float[Tensor, " state *number"]
    high: Float[Tensor, " state *number"]

    def and_also(self, other: "Interval") -> "Interval":
        """The numbers in both: the tighter of two bounds."""
        low, high = self.low.maximum(other.low), self.high.minimum(other.high)
        # both hold the truth, but each may be rounded past the other
        return Interval(low.minimum(high), high.maximum(low))


def interval_bounds(network: Network, region: Region) -> Interval:
    """Bounds of the scores by intervals alone."""
    known: list[Interval] = []
    for layer in network.layers:
        known.append(_interval(network, layer.before, region, known))
    return _interval(network, network.scores, region, known)


def linear_bounds(
    network: Network, region: Region, rows: Float[Tensor, " state row score"]
) -> Float[Tensor, " state row"]:
    """The least value of linear maps of the scores, by intervals and by lines backward.

    Args:
        network: Of the policy.
        region: One for each state.
        rows: For example e_a* − e_a: how far the greedy action is above another.
    """
    widest = max((rows.shape[1] * sum(network.shape), *map(_width(network), network.layers)))
    chunk = max(1, AT_ONCE // max(widest, 1))
    parts = [
        _linear_bounds(network, region.rows(slice(i, i + chunk)), rows[i : i + chunk])
        for i in range(0, len(rows), chunk)
    ]
    return torch.cat(parts)


def score_bounds(network: Network, region: Region) -> Interval:
    """Bounds of each score, by intervals and by lines backward."""
    scores = network.shapes[network.scores].numel()
    each = torch.eye(scores, dtype=torch.float64).expand(len(region.states), -1, -1)
    both = linear_bounds(network, region, torch.cat([each, -each], 1))
    return Interval(both[:, :scores], -both[:, scores:])


def _linear_bounds(network: Network, region: Region, rows: Tensor) -> Tensor:
    known: list[Interval] = []
    lines: list[Lines] = []
    for layer in network.layers:
        interval = _interval(network, layer.before, region, known)
        if interval.low[0].numel() <= WIDEST:
            interval = interval.and_also(_followed_back(network, layer, region, lines))
        known.append(interval)
        lines.append(layer.activation.lines(interval.low, interval.high))
    plain = _interval(network, network.scores, region, known)
    by_intervals = (rows.clamp(min=0) @ plain.low[..., None])[..., 0]
    by_intervals += (rows.clamp(max=0) @ plain.high[..., None])[..., 0]
    by_lines = _least(network, network.scores, rows, region, lines)
    return torch.maximum(by_intervals, by_lines)


def _interval(network: Network, target: int, region: Region, known: Sequence[Interval]) -> Interval:
    """Bounds of one place from those of what goes into the activations before it."""
    box = Interval(*region.box)
    values = {0: box}
    for layer, before in zip(network.layers, known, strict=False):
        values[layer.after] = Interval(layer.activation(before.low), layer.activation(before.high))
    sources, _ = network.path(target)
    centres = {s: (values[s].low + values[s].high) / 2 for s in sources}
    widths = [(values[s].high - values[s].low) / 2 for s in sources]
    centre = network.computed(target, centres)
    width = torch.vmap(network.half_widths(target))(*widths)
    return Interval(centre - width, centre + width)


def _followed_back(
    network: Network, layer: Layer, region: Region, lines: Sequence[Lines]
) -> Interval:
    """Bounds of what goes into an activation, by lines backward through those before it."""
    shape = network.shapes[layer.after]
    each = torch.eye(shape.numel(), dtype=torch.float64).unflatten(1, shape)[None]
    return Interval(
        _least(network, layer.before, each, region, lines).unflatten(1, shape),
        -_least(network, layer.before, -each, region, lines).unflatten(1, shape),
    )


def _least(
    network: Network,
    target: int,
    rows: Float[Tensor, " #state row *number"],
    region: Region,
    lines: Sequence[Lines],
) -> Float[Tensor, " state row"]:
    """The least value of linear maps of one place's numbers."""
    weights: dict[int, Tensor] = {}
    offset = _pulled(network, target, rows, weights)
    for layer, line in reversed(list(zip(network.layers, lines, strict=False))):
        weight = weights.pop(layer.after, None)
        if weight is None:
            continue
        up, down = weight.clamp(min=0), weight.clamp(max=0)
        constant = up * line.offset_below[:, None] + down * line.offset_above[:, None]
        offset = offset + constant.flatten(2).sum(2)
        weight = up * line.slope_below[:, None] + down * line.slope_above[:, None]
        offset = offset + _pulled(network, layer.before, weight, weights)
    nothing = torch.zeros(1, 1, *network.shape, dtype=torch.float64)
    return region.minimum(weights.get(0, nothing)) + offset


def _pulled(
    network: Network, target: int, rows: Tensor, weights: dict[int, Tensor]
) -> Float[Tensor, " #state row"]:
    """Add to the weights of an affine map's sources, and answer its constant."""
    sources, function = network.affine(target)
    zeros = [torch.zeros(network.shapes[source], dtype=torch.float64) for source in sources]
    constant, pull = torch.func.vjp(function, *zeros)[:2]
    pulled: tuple[Tensor, ...] = torch.vmap(pull)(rows.flatten(0, 1))
    for source, part in zip(sources, pulled, strict=True):
        weights[source] = weights.get(source, 0) + part.unflatten(0, rows.shape[:2])
    return rows.flatten(2) @ constant.flatten()


def _width(network: Network) -> Callable[[Layer], int]:
    def width(layer: Layer) -> int:
        numbers = network.shapes[layer.after].numel()
        return numbers * numbers if numbers <= WIDEST else numbers

    return width
