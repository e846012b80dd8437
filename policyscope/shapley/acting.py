"""Acting: what a policy does with an observation, in numbers that can be shared out.

logits         softmax: the probability of each action
q-values       1 for the action that is chosen, 0 for the others: scores of no probability, and
               a softmax of them would depend on the scale of the rewards
mean action    the mean as the environment takes it, within its bounds, in half ranges of each
               dimension (1 where it has no bounds)
"""

import torch
from gymnasium import spaces
from jaxtyping import Float, Shaped
from torch import Tensor

from policyscope.policies.flips import is_discrete
from policyscope.policies.gradients import action_units
from policyscope.policies.policy import Memory, Policy, Scores


def acts(
    policy: Policy, observations: Shaped[Tensor, " row feature"], memory: Memory = ()
) -> Float[Tensor, " row output"]:
    """What the policy does with each observation, one number per action or dimension of it."""
    with torch.inference_mode():
        scores, _ = policy.scores(observations, memory)
        return done(policy, scores)


def done(policy: Policy, scores: Float[Tensor, " row output"]) -> Float[Tensor, " row output"]:
    """What is done with these scores."""
    match policy.action_space:
        case spaces.Box(low=low, high=high):
            bounds = (torch.from_numpy(end).to(scores).flatten() for end in (low, high))
            return scores.clamp(*bounds) / action_units(policy).to(scores)
        case spaces.MultiDiscrete(nvec=nvec):
            groups = scores.split(nvec.flatten().tolist(), 1)
        case _:
            groups = (scores,)
    chances = _one_hot if policy.meaning is Scores.Q_VALUES else torch.nn.functional.softmax
    return torch.cat([chances(group, 1) for group in groups], 1)


def quantity(policy: Policy) -> str:
    """What the numbers are of, for a reader."""
    if not is_discrete(policy):
        return "mean action within its bounds, in half ranges"
    if policy.meaning is Scores.Q_VALUES:
        return "greedy choice, 1 or 0"
    return "probability of the action, the softmax of its logits"


def unit(policy: Policy) -> str:
    """What the numbers are measured in."""
    return "probability" if is_discrete(policy) else "half range"


def _one_hot(scores: Float[Tensor, " row choice"], axis: int) -> Float[Tensor, " row choice"]:
    best = scores.argmax(axis, keepdim=True)
    return torch.zeros_like(scores).scatter_(axis, best, 1.0)
