"""Budget: how far an attack may move what a policy is shown.

With δ the change of an observation and u one unit of each feature,

    length(δ) = max_i |δ_i / u_i|   (linf)        length(δ) = √Σ_i (δ_i / u_i)²   (l2)

A budget of size ε holds in every step, length(δ_t) ≤ ε, or over a whole episode: Σ_t length(δ_t)²
≤ ε² (l2, the threat model of policy smoothing) or Σ_t length(δ_t) ≤ ε (linf). A feature whose unit
is 0 must not be moved. What is admissible is admissible exactly, rounding included.

References: Madry et al. 2018, https://arxiv.org/abs/1706.06083 (per step);
Kumar, Levine, Feizi 2022, https://arxiv.org/abs/2106.11420 (over an episode)
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from policyscope.errors import UsageError

NORMS = ("linf", "l2")

Limits = tuple[Float[Tensor, " row *observation"], Float[Tensor, " row *observation"]]
"""The least and the most that each feature may change by."""


@dataclass(frozen=True, eq=False)
class Budget:
    """How far an attack may move what a policy is shown.

    Raises:
        UsageError: If the size is negative or no number, the norm unknown, or a unit negative.
    """

    size: float
    """ε, in units of each feature."""
    scale: Float[Tensor, " *observation"]
    """One unit of each feature, in the environment's units; 0 where it must not be moved."""
    norm: str = "linf"
    """`linf` or `l2`."""
    whole_episode: bool = False
    """Whether all steps of an episode share it."""
    low: Float[Tensor, " *observation"] | None = None
    """The least that an observation can be, in the environment's units; None for no limit."""
    high: Float[Tensor, " *observation"] | None = None
    """The most that it can be."""

    def __post_init__(self) -> None:
        if not 0 <= self.size < np.inf:
            raise UsageError(f"A budget has a size of 0 or more, not {self.size}.")
        if self.norm not in NORMS:
            raise UsageError(f"A budget's norm is one of {', '.join(NORMS)}, not {self.norm!r}.")
        if not bool((self.scale >= 0).all() and self.scale.isfinite().all()):
            raise UsageError("A budget's units are finite and not negative.")

    def length(self, delta: Float[Tensor, " row *observation"]) -> Float[Tensor, " row"]:
        """What each change costs, in double precision; infinite where it is forbidden."""
        units = self.scale.double()
        moved = delta.double()
        shares = torch.where(moved == 0, 0.0, moved.abs() / units).flatten(1)
        most = shares.amax(1)
        if self.norm == "linf":
            return most
        # squares of small numbers would vanish, and those of large ones overflow
        parts = torch.where(shares == most[:, None], 1.0, shares / most[:, None])
        return most * torch.where(most > 0, parts.norm(dim=1), 0.0)

    def project(
        self, delta: Float[Tensor, " row *observation"], sizes: Float[Tensor, " row"]
    ) -> Float[Tensor, " row *observation"]:
        """The nearest change, in units of each feature, that costs no more than each row's size."""
        return self.nearest(delta, sizes, self._bounds(delta, sizes))

    def within(
        self,
        observations: Float[Tensor, " row *observation"],
        delta: Float[Tensor, " row *observation"],
        sizes: Float[Tensor, " row"],
    ) -> Float[Tensor, " row *observation"]:
        """The projected change, cut where it would leave the valid range.

        An observation that is outside of it already is moved no further out.
        """
        return self.nearest(delta, sizes, self.limits(observations, sizes))

    def limits(
        self, observations: Float[Tensor, " row *observation"], sizes: Float[Tensor, " row"]
    ) -> Limits:
        """The least and the most that each feature alone may change by."""
        least, most = self._bounds(observations, sizes)
        if self.low is not None:
            room = (self.low.to(observations.dtype) - observations).clamp_max(0)
            least = torch.maximum(least, room)
        if self.high is not None:
            room = (self.high.to(observations.dtype) - observations).clamp_min(0)
            most = torch.minimum(most, room)
        return least, most

    def nearest(
        self,
        delta: Float[Tensor, " row *observation"],
        sizes: Float[Tensor, " row"],
        limits: Limits,
    ) -> Float[Tensor, " row *observation"]:
        """What `within` says, where the limits are known already."""
        finite = delta.nan_to_num(0, 0, 0)
        if self.norm == "l2":
            finite = self._shortened(finite, sizes)
        return torch.clamp(finite, *limits)

    def _bounds(
        self, like: Float[Tensor, " row *observation"], sizes: Float[Tensor, " row"]
    ) -> Limits:
        if self.norm == "l2":
            infinite = torch.full_like(like, torch.inf)
            return -infinite, infinite
        scale, column = self.scale.double(), sizes.double().view(-1, *(1,) * (like.ndim - 1))
        most = torch.where(scale > 0, column * scale, 0.0).to(like.dtype)
        # products round: what is a last bit too long gives way by one
        long = most.double() / scale > column
        most = torch.where(long, torch.nextafter(most, torch.zeros_like(most)), most)
        return -most, most

    def _shortened(
        self, delta: Float[Tensor, " row *observation"], sizes: Float[Tensor, " row"]
    ) -> Float[Tensor, " row *observation"]:
        scale = self.scale.to(delta.dtype)
        shares = torch.where(scale > 0, delta / scale, 0.0)
        column = sizes.to(delta.dtype).view(-1, *(1,) * (delta.ndim - 1))
        lengths = shares.flatten(1).norm(dim=1).view_as(column)
        nearest = shares * (column / lengths.clamp_min(_tiny(delta))).clamp_max(1) * scale
        # products and norms round: what is a last bit too long gives way by a few, or altogether
        for shorter in (1 - 64 * torch.finfo(delta.dtype).eps, 0.0):
            long = (self.length(nearest) > sizes.double()).view_as(column)
            if not bool(long.any()):
                break
            nearest = torch.where(long, nearest * shorter, nearest)
        return nearest

    def steepest(
        self, gradients: Float[Tensor, " row *observation"]
    ) -> Float[Tensor, " row *observation"]:
        """The change of length one along which a function of such gradients grows most."""
        scale = self.scale.to(gradients.dtype)
        if self.norm == "linf":
            return gradients.sign() * scale
        shares = gradients * scale
        column = (-1, *(1,) * (gradients.ndim - 1))
        # squares of small gradients would vanish
        shares = shares / shares.flatten(1).abs().amax(1).view(column).clamp_min(_tiny(shares))
        lengths = shares.flatten(1).norm(dim=1).view(column)
        return shares / lengths.clamp_min(_tiny(shares)) * scale

    def only(self, features: Bool[Tensor, " *observation"]) -> "Budget":
        """The same budget where the other features must not be moved."""
        return replace(self, scale=self.scale * features)

    def left(self, spent: Float[np.ndarray, " row"]) -> Float[np.ndarray, " row"]:
        """What one step may still cost, after an episode has spent so much (see `charge`)."""
        if not self.whole_episode:
            return np.full(len(spent), float(self.size))
        # a last bit is left over, so that sums that round never exceed the whole
        whole = self.charge(np.full(len(spent), self.size * (1 - 1e-12)))
        rest = np.maximum(whole - spent, 0)
        return rest if self.norm == "linf" else np.sqrt(rest)

    def charge(self, lengths: Float[np.ndarray, " row"]) -> Float[np.ndarray, " row"]:
        """What steps of such lengths add to an episode's account: lengths, or their squares."""
        return lengths if self.norm == "linf" else lengths**2

    def shown(
        self,
        observations: Shaped[np.ndarray, " row *observation"],
        delta: Float[Tensor, " row *observation"],
        sizes: Float[np.ndarray, " row"],
    ) -> Shaped[np.ndarray, " row *observation"]:
        """Observations as they are shown: admissible after they are rounded to their type.

        Pixels are rounded to whole numbers, in a row where that costs too much towards what was
        observed.
        """
        exact = torch.from_numpy(observations.astype(np.float64))
        allowed = torch.from_numpy(sizes)
        admissible = self.within(exact, delta.double(), allowed)
        moved = (exact + admissible).numpy()
        if np.issubdtype(observations.dtype, np.integer):
            limits = np.iinfo(observations.dtype)
            moved = np.clip(moved, limits.min, limits.max)
            nearest = np.rint(moved)
            inward = np.where(moved > observations, np.floor(moved), np.ceil(moved))
        else:
            nearest = moved.astype(observations.dtype)
            inward = np.nextafter(nearest, observations)
        rounded = torch.from_numpy(nearest.astype(np.float64)) - exact
        dear = (self.length(rounded) > allowed).view(-1, *(1,) * (observations.ndim - 1))
        back = dear & (rounded.abs() > admissible.abs())
        return np.where(back.numpy(), inward, nearest).astype(observations.dtype)


def _tiny(values: Tensor) -> float:
    return torch.finfo(values.dtype).tiny
