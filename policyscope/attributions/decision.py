"""Decision: which sums of scores a decision rests on.

    discrete       S_a* − the mean of the other scores of its group
    continuous     each mean, in half ranges of its action

with a* the chosen action. A constant that is added to all scores changes no decision; so does the
value of a state in q-values, which the chosen score alone would be credited with.
"""

import torch
from gymnasium import spaces
from jaxtyping import Float, Int
from torch import Tensor

from policyscope.attributions.method import Targets
from policyscope.policies.gradients import action_units
from policyscope.policies.policy import Policy


def decision(
    policy: Policy, scores: Float[Tensor, " state score"]
) -> tuple[Targets, Int[Tensor, " state output"]]:
    """What each decision rests on, and which scores were chosen.

    One output for each group of discrete actions, one for each dimension of continuous ones.
    """
    states, count = scores.shape
    if isinstance(policy.action_space, spaces.Box):
        weights = torch.diag(1 / action_units(policy)).float()
        return weights.expand(states, -1, -1), torch.arange(count).expand(states, -1)
    sizes = [count]
    if isinstance(policy.action_space, spaces.MultiDiscrete):
        sizes = policy.action_space.nvec.flatten().tolist()
    targets, chosen, first = scores.new_zeros(states, len(sizes), count), [], 0
    for output, size in enumerate(sizes):
        group = slice(first, first + size)
        best = scores[:, group].argmax(1) + first
        targets[:, output, group] = -1 / max(size - 1, 1)
        targets[:, output].scatter_(1, best[:, None], 1.0)
        chosen.append(best)
        first += size
    return targets, torch.stack(chosen, 1)


def each_score(scores: Float[Tensor, " state score"]) -> Targets:
    """Every score for itself."""
    return torch.eye(scores.shape[1]).expand(len(scores), -1, -1)
