"""How far a decision is from another one, along a line.

    t*(s, v) = min { t > 0 : argmax l(s + t v) ≠ argmax l(s) }

found on a grid that grows geometrically and then by bisection, so that a decision that changes and
changes back between two grid points is missed: t* is an upper bound, and exact for linear networks.
"""

from collections.abc import Callable

import torch
from gymnasium import spaces
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from policyscope.policies.gradients import action_units
from policyscope.policies.policy import Memory, Policy

NEAREST, GROWTH, BISECTIONS = 1e-3, 1.25, 12
"""The first grid point as a share of the reach, the ratio of neighbours, and halvings after it."""


def action_changes(
    policy: Policy, observations: Shaped[Tensor, " batch *observation"], memory: Memory = ()
) -> Callable[[Shaped[Tensor, " batch *observation"]], Float[Tensor, " batch"]]:
    """A function that says how much other observations change the actions taken at these.

    1 for another discrete action and 0 for the same; for continuous ones the length of the change,
    each dimension in half its range (see `gradients.action_units`).
    """
    clean = _actions(policy, observations, memory)
    return lambda others: action_change(policy, clean, _actions(policy, others, memory))


def action_change(
    policy: Policy, clean: Float[Tensor, " batch action"], others: Float[Tensor, " batch action"]
) -> Float[Tensor, " batch"]:
    """How much other actions differ from these, as `action_changes` says it."""
    if is_discrete(policy):
        return (others != clean).any(1).double()
    return ((others - clean) / action_units(policy)).norm(dim=1)


def flip_distances(
    policy: Policy,
    observations: Shaped[Tensor, " batch *observation"],
    steps: Float[Tensor, " batch *observation"],
    reach: float,
    memory: Memory = (),
) -> Float[Tensor, " batch"]:
    """t* of each observation along its step, infinite where it is beyond the reach."""
    change = action_changes(policy, observations, memory)
    column = (-1, *(1,) * (observations.ndim - 1))

    def at(distances: Tensor) -> Bool[Tensor, " batch"]:
        return change(observations + distances.view(column) * steps) > 0

    low = torch.zeros(len(observations), dtype=torch.float64)
    high = torch.full_like(low, torch.inf)
    distance = NEAREST * reach
    while distance < reach * GROWTH:
        now = min(distance, reach)
        found = torch.isinf(high)
        here = at(torch.full_like(low, now)) & found
        high[here] = now
        low[found & ~here] = now
        distance *= GROWTH
    finite = torch.isfinite(high)
    for _ in range(BISECTIONS):
        middle = torch.where(finite, (low + high) / 2, low)
        here = at(middle)
        high = torch.where(finite & here, middle, high)
        low = torch.where(finite & ~here, middle, low)
    return high


def _actions(
    policy: Policy, observations: Tensor, memory: Memory
) -> Float[Tensor, " batch action"]:
    with torch.no_grad():
        scores, _ = policy.scores(observations, memory)
    return flat_actions(policy, scores)


def flat_actions(
    policy: Policy, scores: Float[Tensor, " batch score"]
) -> Float[Tensor, " batch action"]:
    """The greedy action of each row as numbers: of each group, or of each dimension."""
    return torch.as_tensor(policy.actions(scores)).reshape(len(scores), -1).double()


def is_discrete(policy: Policy) -> bool:
    """Whether actions are chosen among alternatives, and not computed."""
    return not isinstance(policy.action_space, spaces.Box)
