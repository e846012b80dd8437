"""Single changes: the smallest change of one feature that changes the action.

    t_j±(s) = min { t > 0 : the action at s ± t e_j differs from that at s }

searched on a growing grid and then by bisection, see `policies.flips`; of policies with memory, in
the newest observation.
"""

import numpy as np
import torch
from gymnasium import spaces
from jaxtyping import Float, Int
from torch import Tensor

from policyscope.analyzers.averaging import Averaging
from policyscope.attributions.glimpses import Glimpses
from policyscope.policies.flips import flip_distances, is_discrete
from policyscope.policies.policy import Memory, Policy
from policyscope.reports.results import WhatIf


def single_changes(
    glimpses: Glimpses,
    places: Int[np.ndarray, " case"],
    units: Float[Tensor, " *seen"],
    reach: float,
    averaging: Averaging,
) -> WhatIf | None:
    """Search along every feature, up and down; None for images and continuous actions.

    Args:
        glimpses: The states.
        places: Where they stand among all that are explained.
        units: A usual change of each number; one that never changes is not searched.
        reach: How far, in usual changes.
        averaging: Makes estimates.
    """
    policy = glimpses.policy
    if len(policy.observation_shape or ()) != 1 or not is_discrete(policy):
        return None
    seen, memory = _newest(glimpses)
    units = units[-1] if memory else units
    changes = torch.full((len(seen), len(units), 2), torch.inf, dtype=torch.float64)
    becomes = torch.full(changes.shape, -1)
    for feature in units.nonzero()[:, 0].tolist():
        for side, sign in enumerate((-1, 1)):
            step = torch.zeros_like(seen)
            step[:, feature] = sign * units[feature]
            distance = flip_distances(policy, seen, step, reach, memory)
            changes[:, feature, side] = distance * units[feature]
            there = seen + distance.nan_to_num(posinf=0)[:, None] * step
            action = _actions(policy, there, memory)
            becomes[:, feature, side] = torch.where(distance.isfinite(), action, -1)
    return WhatIf(
        cases=places,
        changes=changes.numpy(),
        becomes=becomes.numpy(),
        units=units.double().numpy(),
        reach=reach,
        turns=averaging.means(glimpses.steps, changes.isfinite().any(2).double().numpy()),
    )


def _newest(glimpses: Glimpses) -> tuple[Tensor, Memory]:
    """The newest observation, and what is remembered before it."""
    if not glimpses.memory:
        return glimpses.seen, ()
    memory = glimpses.memory
    *past, newest = glimpses.seen.unbind(1)
    with torch.no_grad():
        for observations in past:
            _, memory = glimpses.policy.scores(observations, memory)
    return newest, memory


def _actions(policy: Policy, seen: Tensor, memory: Memory) -> Int[Tensor, " state"]:
    """The number of each action, from 0; several groups are counted through, the last fastest."""
    with torch.no_grad():
        scores, _ = policy.scores(seen, memory)
    sizes = [scores.shape[1]]
    if isinstance(policy.action_space, spaces.MultiDiscrete):
        sizes = policy.action_space.nvec.flatten().tolist()
    chosen = [group.argmax(1).numpy() for group in scores.split(sizes, 1)]
    return torch.from_numpy(np.ravel_multi_index(chosen, sizes))
