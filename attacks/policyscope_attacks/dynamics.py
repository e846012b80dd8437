"""Dynamics: what a state leads to, a model of one step learned from the subject's own episodes.

    s' ≈ s + Σ_j w_j(a) φ_j(s),      φ the normalised features, their squares and products, and 1

with weights of its own for each action, by ridge regression. So that actions are known apart from
the states in which the policy prefers them, it learns from episodes in which some are drawn. What
is imagined stays where anything was seen: a quadratic model is wrong far outside.
"""

from dataclasses import dataclass

import numpy as np
import torch
from gymnasium import spaces
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import one_hot

from policyscope.policies.policy import Policy
from policyscope.rollouts.rollouts import Rollouts

RIDGE = 1e-3
FARTHEST = 10.0
"""Deviations from the mean, beyond which nothing is imagined."""
FEATURES = 40
"""The most of which there are squares and products; of more there are none."""


@dataclass(frozen=True, eq=False)
class Dynamics:
    """What a state leads to."""

    mean: Float[Tensor, " feature"]
    deviation: Float[Tensor, " feature"]
    weights: Float[Tensor, " action term feature"]

    def normal(self, observations: Float[Tensor, " row feature"]) -> Float[Tensor, " row feature"]:
        """Normalised observations."""
        return ((observations - self.mean) / self.deviation).clamp(-FARTHEST, FARTHEST)

    def after(
        self, observations: Float[Tensor, " row feature"], actions: Int[Tensor, " row"]
    ) -> Float[Tensor, " row feature"]:
        """What is observed next, after each row's action, by its number among the scores."""
        normal = self.normal(observations)
        changes = torch.einsum("rt,atf->raf", _terms(normal), self.weights)
        change = changes[torch.arange(len(actions)), actions]
        return (normal + change).clamp(-FARTHEST, FARTHEST) * self.deviation + self.mean


def learned(policy: Policy, rollouts: Rollouts) -> Dynamics:
    """The dynamics of some episodes, of a policy that makes one choice among vectors."""
    assert isinstance(policy.action_space, spaces.Discrete)  # noqa: S101  who asks has seen to it
    seen = torch.from_numpy(rollouts.observations).double()
    mean, deviation = seen.mean(0), seen.std(0).clamp_min(1e-6)
    lasts = rollouts.first_steps + rollouts.lengths - 1
    steps = torch.from_numpy(np.setdiff1d(np.arange(len(seen)), lasts))
    normal = ((seen - mean) / deviation).clamp(-FARTHEST, FARTHEST)
    terms, change = _terms(normal[steps]), normal[steps + 1] - normal[steps]
    taken = torch.from_numpy(rollouts.actions).long() - int(policy.action_space.start)
    chosen = one_hot(taken[steps], int(policy.action_space.n)).double()
    weights = [_ridge(terms * column[:, None], change) for column in chosen.unbind(1)]
    return Dynamics(mean.float(), deviation.float(), torch.stack(weights).float())


def _ridge(
    terms: Float[Tensor, " step term"], change: Float[Tensor, " step feature"]
) -> Float[Tensor, " term feature"]:
    """Where a row of terms is zero nothing is learned from it."""
    penalty = RIDGE * torch.eye(terms.shape[1], dtype=terms.dtype)
    return torch.linalg.solve(terms.T @ terms + penalty, terms.T @ change)


def _terms(normal: Float[Tensor, " row feature"]) -> Float[Tensor, " row term"]:
    """1, the features, and their squares and products."""
    count = normal.shape[1]
    parts = [torch.ones_like(normal[:, :1]), normal]
    if count <= FEATURES:
        one, other = torch.triu_indices(count, count)
        parts.append(normal[:, one] * normal[:, other])
    return torch.cat(parts, 1)
