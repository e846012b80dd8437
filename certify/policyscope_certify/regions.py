"""Regions of observations around states, and the least that a linear map takes there.

    X(s) = { x : ‖(x − s)/u‖_p ≤ ε,  m ≤ x ≤ M }        p ∈ {2, ∞}

with a unit u_i for each feature and, where they are known, the bounds m, M of observations. By
duality, for each row a of a linear map,

    p = ∞ :  min a·x = Σ_i a_i⁺ max(s_i − εu_i, m_i) + a_i⁻ min(s_i + εu_i, M_i)       exact
    p = 2 :  min a·x ≥ a·s − ε ‖u a‖₂               and ≥ the value for the box around the ball

Reference: Hölder's inequality; Zhang et al. 2018, https://arxiv.org/abs/1811.00866 (Theorem 3.2).
"""

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

NORMS = {"l2": 2.0, "linf": math.inf}
"""p, by the name that it has in measures."""

Rows = Float[Tensor, " #state row *observation"]


@dataclass(frozen=True, eq=False)
class Region:
    """One region for each state."""

    states: Float[Tensor, " state *observation"]
    radii: Float[Tensor, " state"]
    """ε, in units."""
    units: Float[Tensor, " *observation"]
    """How much of each feature is one unit; 0 for those that nobody can change."""
    norm: float
    """p: 2 or infinity."""
    least: Float[Tensor, " *observation"]
    """Lower bounds of observations; −∞ where there are none."""
    most: Float[Tensor, " *observation"]
    """Upper bounds; ∞ where there are none."""

    def __post_init__(self) -> None:
        if self.norm not in (2, math.inf):
            raise ValueError(f"Region.norm is 2 or infinity, not {self.norm}.")
        if not bool((self.radii >= 0).all() and (self.units >= 0).all()):
            raise ValueError("Region.radii and Region.units are at least 0.")

    @classmethod
    def around(
        cls,
        states: Float[Tensor, " state *observation"],
        norm: float,
        units: Float[Tensor, " *observation"] | None = None,
        least: Float[Tensor, " *observation"] | None = None,
        most: Float[Tensor, " *observation"] | None = None,
    ) -> "Region":
        """Regions of radius 0, with unit 1 and no bounds unless they are given."""
        one = torch.ones(states.shape[1:], dtype=torch.float64)
        return cls(
            states=states.double(),
            radii=torch.zeros(len(states), dtype=torch.float64),
            units=one if units is None else units.double(),
            norm=norm,
            least=-math.inf * one if least is None else least.double(),
            most=math.inf * one if most is None else most.double(),
        )

    def of_radius(self, radii: Float[Tensor, " state"] | float) -> "Region":
        """The same with other radii."""
        given = torch.as_tensor(radii, dtype=torch.float64)
        return replace(self, radii=given.expand(len(self.states)))

    def rows(self, chosen: slice) -> "Region":
        """Of some of the states."""
        return replace(self, states=self.states[chosen], radii=self.radii[chosen])

    @property
    def box(
        self,
    ) -> tuple[Float[Tensor, " state *observation"], Float[Tensor, " state *observation"]]:
        """The smallest and largest value of each feature."""
        widths = self.radii.view(-1, *(1,) * self.units.ndim) * self.units
        # a state beyond the bounds was observed, so they are not the bounds there
        least, most = self.states.minimum(self.least), self.states.maximum(self.most)
        return (self.states - widths).maximum(least), (self.states + widths).minimum(most)

    def minimum(self, linear: Rows) -> Float[Tensor, " state row"]:
        """The least value of each row; see the formulas above."""
        low, high = (bound.flatten(1)[:, :, None] for bound in self.box)
        flat = linear.flatten(2)
        in_box = (flat.clamp(min=0) @ low + flat.clamp(max=0) @ high)[..., 0]
        if self.norm == math.inf:
            return in_box
        at_states = (flat @ self.states.flatten(1)[:, :, None])[..., 0]
        lengths = (flat * self.units.flatten()).norm(dim=2)
        return torch.maximum(in_box, at_states - self.radii[:, None] * lengths)
