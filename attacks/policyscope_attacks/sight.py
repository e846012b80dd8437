"""Sight: what a learned adversary sees of a step, in few numbers.

    vectors    the new observation as the environment gave it
    images     the scores that the policy would have if it were shown that as it is

What a policy makes of an image says where it would go and how surely, which is what its director
has to know; an adversary that looks at pixels would have to learn to see first.
"""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from policyscope.policies.policy import Policy
from policyscope.rollouts.replay import replayed
from policyscope.rollouts.rollouts import Rollouts
from policyscope_attacks.objectives import clean_scores
from policyscope_attacks.scene import Scene


def glimpse(scene: Scene) -> Float[Tensor, " row number"]:
    """What is seen of a scene."""
    return scene.observations if scene.observations.ndim == 2 else clean_scores(scene)


def glimpses(policy: Policy, rollouts: Rollouts) -> Float[Tensor, " step number"]:
    """What was seen in each step."""
    if rollouts.observations.ndim == 2:
        return torch.from_numpy(rollouts.observations).float()
    seen = torch.empty(len(rollouts.rewards), int(policy.outputs or 0))
    for steps, scores in true_scores(policy, rollouts):
        seen[torch.from_numpy(steps)] = scores.float()
    return seen


def true_scores(
    policy: Policy, rollouts: Rollouts
) -> Iterator[tuple[Int[np.ndarray, " row"], Float[Tensor, " row output"]]]:
    """Steps, and the scores if the policy were shown each of these observations as it is.

    What it remembers, and what it still sees of earlier ones, is what it was shown.
    """
    for steps, seen, memory in replayed(policy, rollouts.visited):
        new = seen.new_tensor(rollouts.observations[steps])
        if rollouts.frame_stack is None:
            seen = new
        else:
            seen[:, -1] = new
        with torch.no_grad():
            yield steps, policy.scores(seen, memory)[0]
