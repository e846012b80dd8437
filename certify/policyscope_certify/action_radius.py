"""How far a decision certainly stands: the largest radius that deterministic bounds can prove.

    r(s) = max { ε : min_{x ∈ X_ε(s)} S_a*(x) − S_a(x) > 0 for every a ≠ a* }

for the greedy action a* of a state, the minimum bounded on the row e_a* − e_a of the scores itself:
what two scores have in common cancels. Regions of smaller radius lie inside, so a proof at ε is one
for all below it, and r is a lower bound of the distance to the nearest other decision.

Continuous actions have no decision to keep: `action_bounds` says between what they stay, and
`steady_radii` how far they move by no more than a tolerance.

Scores are computed in single precision by the policy, and bounded here in double; a lead of no more
than twice the difference that was seen between them counts as none.

Reference: Zhang et al. 2018, https://arxiv.org/abs/1811.00866 (Section 3.4, the search for ε).
"""

import math
from collections.abc import Callable, Sequence

import torch
from gymnasium import Space, spaces
from jaxtyping import Bool, Float
from torch import Tensor

from policyscope_certify.bounds import Interval, interval_bounds, linear_bounds, score_bounds
from policyscope_certify.network import Network
from policyscope_certify.regions import Region

NEAREST, HALVINGS = 1e-6, 12
"""The least radius that is found, as a share of the reach, and how often the search is halved."""

Leads = Callable[[Network, Region, Float[Tensor, " state row score"]], Float[Tensor, " state row"]]
"""A way to bound linear maps of the scores from below."""
Bounds = Callable[[Network, Region], Interval]
"""A way to bound the scores themselves."""


def certified_radii(
    network: Network,
    actions: Space | None,
    region: Region,
    reach: float,
    leads: Leads = linear_bounds,
) -> Float[Tensor, " state"]:
    """The largest radius, up to `reach`, within which each state's greedy action certainly stays.

    0 where not even NEAREST of the reach could be proved, as at a tie.

    Args:
        network: Of the policy.
        actions: Discrete or multi-discrete.
        region: States, norm, units and bounds; its radii are not looked at.
        reach: Largest radius that is asked for, in units.
        leads: `linear_bounds`, or `interval_leads` for intervals alone.
    """
    _, scores = network.values(region.states)
    rows = lead_rows(scores, choices(actions))
    slack = 2 * network.rounding * scores.abs().amax(1)

    def stays(radii: Tensor) -> Bool[Tensor, " state"]:
        if not rows.shape[1]:
            return torch.ones(len(radii), dtype=torch.bool)
        return (leads(network, region.of_radius(radii), rows) > slack[:, None]).all(1)

    return _farthest(stays, len(scores), reach)


def steady_radii(
    network: Network,
    actions: spaces.Box,
    region: Region,
    reach: float,
    tolerance: Float[Tensor, " output"],
    bounds: Bounds = score_bounds,
) -> Float[Tensor, " state"]:
    """The largest radius within which no dimension of a continuous action certainly moves farther.

    Args:
        network: Of the policy.
        actions: Continuous.
        region: As for `certified_radii`.
        reach: Likewise.
        tolerance: How far each dimension may move, in its own unit.
        bounds: `score_bounds`, or `interval_bounds` for intervals alone.
    """
    _, scores = network.values(region.states)
    here = action_bounds(actions, Interval(scores, scores)).low
    room = tolerance - 2 * network.rounding * scores.abs().amax(1, keepdim=True)

    def stays(radii: Tensor) -> Bool[Tensor, " state"]:
        found = action_bounds(actions, bounds(network, region.of_radius(radii)))
        return ((found.high - here).maximum(here - found.low) < room).all(1)

    return _farthest(stays, len(scores), reach)


def _farthest(
    stays: Callable[[Tensor], Bool[Tensor, " state"]], states: int, reach: float
) -> Float[Tensor, " state"]:
    """The largest radius that could be proved of each state, 0 where none could."""
    far = torch.full((states,), math.log(reach), dtype=torch.float64)
    near = far + math.log(NEAREST)
    certified = torch.where(stays(far.exp()), reach, 0.0)
    for _ in range(HALVINGS):
        middle = (near + far) / 2
        proved = stays(middle.exp())
        certified = torch.where(proved, certified.maximum(middle.exp()), certified)
        near, far = torch.where(proved, middle, near), torch.where(proved, far, middle)
    return certified


def interval_leads(
    network: Network, region: Region, rows: Float[Tensor, " state row score"]
) -> Float[Tensor, " state row"]:
    """The least value of linear maps of the scores, by intervals alone."""
    scores = interval_bounds(network, region)
    low = rows.clamp(min=0) @ scores.low[..., None] + rows.clamp(max=0) @ scores.high[..., None]
    return low[..., 0]


def action_bounds(actions: spaces.Box, scores: Interval) -> Interval:
    """Between what each dimension of a continuous action stays, clipped as the action is."""
    low, high = (
        torch.from_numpy(bound.flatten()).double() for bound in (actions.low, actions.high)
    )
    return Interval(scores.low.clamp(low, high), scores.high.clamp(low, high))


def choices(actions: Space | None) -> tuple[int, ...]:
    """How many alternatives each choice has."""
    match actions:
        case spaces.Discrete():
            return (int(actions.n),)
        case spaces.MultiDiscrete():
            return tuple(actions.nvec.flatten().tolist())
    raise ValueError(f"Certified radii need discrete actions, not {actions}.")


def lead_rows(
    scores: Float[Tensor, " state score"], alternatives: Sequence[int]
) -> Float[Tensor, " state row score"]:
    """e_a* − e_a for every other alternative a of each choice."""
    rows, first = [], 0
    for group in scores.split(list(alternatives), 1):
        each = torch.eye(group.shape[1], dtype=torch.float64)
        best = group.argmax(1)
        others = torch.arange(group.shape[1]) != best[:, None]
        leads = (each[best][:, None] - each)[others].view(len(scores), -1, group.shape[1])
        after = scores.shape[1] - first - group.shape[1]
        rows.append(torch.nn.functional.pad(leads, (first, after)))
        first += group.shape[1]
    return torch.cat(rows, 1)
