"""Units: what a usual change of each number that a policy sees is."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from policyscope.policies.policy import Policy
from policyscope.rollouts.visited import Visited


def usual_changes(policy: Policy, visited: Visited) -> Float[Tensor, " *observation"]:
    """Of a feature its deviation in training, else where it was seen; of a pixel its whole range.

    In the environment's units; 0 for what never changes.
    """
    if policy.scale is not None:
        return policy.scale.float()
    observations = visited.observations
    shape = policy.observation_shape or observations.shape[1:]
    if len(shape) > 1:
        full = 255.0 if observations.dtype == np.uint8 else 1.0
        return torch.full(shape, full)
    return torch.from_numpy(observations.astype(np.float64).std(0)).float()


def usual_changes_of_new(policy: Policy, visited: Visited) -> Float[Tensor, " *observation"]:
    """The same of a new observation, before frames are stacked. See `usual_changes`."""
    scale = usual_changes(policy, visited)
    return scale if visited.frame_stack is None else scale[-1]
