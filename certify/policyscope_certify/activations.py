"""Activations between straight lines: the relaxations that CROWN propagates.

For a number z in [l, u] each activation σ has a line below and a line above it,

    a z + b ≤ σ(z) ≤ A z + B        l ≤ z ≤ u

- **Clip(z, m, M)**, of which ReLU is Clip(z, 0, ∞): above, the chord from (l, σ(l)) to where it
  first reaches M, or u; below, the one from where it last leaves m, or l, to (u, σ(u)).
- **S-shaped** (tanh, sigmoid: convex below 0, concave above): above, the chord where it lies above;
  otherwise the tangent at a point d ≥ 0, far enough that it passes above (l, σ(l)). Below, the
  same turned about the point of inflection.
- **Convex** (leaky ReLU, ELU, softplus): the chord above, the tangent in the middle below.

σ never falls, so a constant, σ(l) below and σ(u) above, is valid too; of two lines the one that
leaves less area is taken.

Reference: Zhang et al. 2018, Efficient neural network robustness certification with general
activation functions, https://arxiv.org/abs/1811.00866 (Tables 2 and 3).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  as everybody calls it

aten = torch.ops.aten

HALVINGS = 60
"""Of the interval that holds the tangent's point: to the last digit of double precision."""
NARROW = 1e-12
"""A chord across less says nothing of a slope; a constant is as good."""

Numbers = Float[Tensor, " state *number"]


@dataclass(frozen=True, eq=False)
class Lines:
    """a z + b below and A z + B above, for each number."""

    slope_below: Numbers
    offset_below: Numbers
    slope_above: Numbers
    offset_above: Numbers


@runtime_checkable
class Activation(Protocol):
    """A function of single numbers that never falls."""

    def __call__(self, z: Tensor) -> Tensor:
        """σ(z)."""
        ...

    def lines(self, low: Numbers, high: Numbers) -> Lines:
        """Lines below and above it between `low` and `high`."""
        ...


@dataclass(frozen=True, eq=False)
class Clip:
    """The identity between two constants: ReLU, hardtanh, and the clipping of normalisers."""

    least: Tensor
    most: Tensor

    def __call__(self, z: Tensor) -> Tensor:
        """See `Activation`."""
        return z.clamp(self.least, self.most)

    def lines(self, low: Numbers, high: Numbers) -> Lines:
        """See `Activation.lines`."""
        leaves, reaches = low.maximum(self.least), high.minimum(self.most)
        above = _slope(self(reaches) - self(low), reaches - low)
        below = _slope(self(high) - self(leaves), high - leaves)
        return _least_area(
            self, low, high, (below, self(high) - below * high), (above, self(low) - above * low)
        )


@dataclass(frozen=True)
class SShaped:
    """Convex below 0, concave above, and symmetrical about it."""

    function: Callable[[Tensor], Tensor]
    derivative: Callable[[Tensor], Tensor]

    def __call__(self, z: Tensor) -> Tensor:
        """See `Activation`."""
        return self.function(z)

    def lines(self, low: Numbers, high: Numbers) -> Lines:
        """See `Activation.lines`."""
        above = self._above(low, high)
        slope, offset = self._above(-high, -low)
        # σ(z) = 2σ(0) − σ(−z) ≥ 2σ(0) − (offset − slope z)
        below = slope, 2 * self(torch.zeros(()).to(low)) - offset
        return _least_area(self, low, high, below, above)

    def _above(self, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        def clears(point: Tensor) -> Tensor:
            return self(point) + self.derivative(point) * (low - point) >= self(low)

        # slopes of narrow intervals are rounded, so what bends which way is told by the signs
        straight = (high <= 0) | ((low < 0) & ~clears(high))
        near, far = torch.zeros_like(low), high.clamp(min=0)
        for _ in range(HALVINGS):
            middle = (near + far) / 2
            enough = clears(middle)
            near, far = torch.where(enough, near, middle), torch.where(enough, middle, far)
        chord = _slope(self(high) - self(low), high - low)
        touching = torch.maximum(far, (low + high) / 2)
        slope = torch.where(straight, chord, self.derivative(touching))
        point = torch.where(straight, high, touching)
        return slope, self(point) - slope * point


@dataclass(frozen=True)
class Convex:
    """A slope that never falls."""

    function: Callable[[Tensor], Tensor]
    derivative: Callable[[Tensor], Tensor]

    def __call__(self, z: Tensor) -> Tensor:
        """See `Activation`."""
        return self.function(z)

    def lines(self, low: Numbers, high: Numbers) -> Lines:
        """See `Activation.lines`."""
        chord = _slope(self(high) - self(low), high - low)
        middle = (low + high) / 2
        tangent = self.derivative(middle)
        below = tangent, self(middle) - tangent * middle
        return _least_area(self, low, high, below, (chord, self(low) - chord * low))


def _slope(rise: Tensor, run: Tensor) -> Tensor:
    """Slope of a chord; NaN where it is too short to have one."""
    return torch.where(run > NARROW, rise / run, torch.nan)


def _least_area(
    activation: Activation,
    low: Tensor,
    high: Tensor,
    below: tuple[Tensor, Tensor],
    above: tuple[Tensor, Tensor],
) -> Lines:
    """These lines, or constants where those are closer in the middle, or where there is none."""
    middle, lowest, highest = (low + high) / 2, activation(low), activation(high)
    flat_below = ~(below[0] * middle + below[1] >= lowest)
    flat_above = ~(above[0] * middle + above[1] <= highest)
    return Lines(
        below[0].masked_fill(flat_below, 0),
        torch.where(flat_below, lowest, below[1]),
        above[0].masked_fill(flat_above, 0),
        torch.where(flat_above, highest, above[1]),
    )


def _clip(least: Any = None, most: Any = None) -> Clip:
    low, high = (
        torch.as_tensor(bound if given else infinite, dtype=torch.float64)
        for bound, given, infinite in (
            (least, least is not None, -torch.inf),
            (most, most is not None, torch.inf),
        )
    )
    return Clip(low, high)


def _leaky(slope: float = 0.01) -> Convex | None:
    if not 0 <= slope <= 1:
        return None
    return Convex(
        partial(F.leaky_relu, negative_slope=slope),
        lambda z: torch.where(z > 0, torch.ones_like(z), slope),
    )


def _elu(alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Convex | None:
    if not (0 <= alpha <= 1 and scale == input_scale == 1):
        return None  # its slope falls at 0, or it is not ELU alone
    return Convex(
        partial(F.elu, alpha=alpha),
        lambda z: torch.where(z > 0, 1.0, alpha * z.clamp(max=0).exp()),
    )


def _softplus(beta: float = 1.0, threshold: float = 20.0) -> Convex:
    del threshold  # beyond it torch rounds to the identity, in single precision's last digits
    return Convex(
        lambda z: torch.logaddexp(beta * z, torch.zeros_like(z)) / beta,
        lambda z: torch.sigmoid(beta * z),
    )


_TANH = SShaped(torch.tanh, lambda z: 1 - z.tanh().square())
_SIGMOID = SShaped(torch.sigmoid, lambda z: z.sigmoid() * (-z).sigmoid())

ACTIVATIONS: Mapping[Callable[..., Any], Callable[..., Activation | None]] = {
    aten.relu.default: lambda: _clip(0.0),
    aten.hardtanh.default: lambda low=-1.0, high=1.0: _clip(low, high),
    aten.clamp.default: _clip,
    aten.clamp.Tensor: _clip,
    aten.clamp_min.default: _clip,
    aten.clamp_min.Tensor: _clip,
    aten.clamp_max.default: lambda most: _clip(None, most),
    aten.clamp_max.Tensor: lambda most: _clip(None, most),
    aten.maximum.default: _clip,
    aten.minimum.default: lambda most: _clip(None, most),
    aten.tanh.default: lambda: _TANH,
    aten.sigmoid.default: lambda: _SIGMOID,
    aten.leaky_relu.default: _leaky,
    aten.elu.default: _elu,
    aten.softplus.default: _softplus,
}
"""From an operator of torch and its constants to the activation; None where they have no bounds."""
