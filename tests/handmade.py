"""Policies and subjects small enough to work out by hand."""

import numpy as np
import torch
from gymnasium import spaces
from torch import nn

from policyscope.analyzers.subject import Subject
from policyscope.policies.policy import FeedForward, Policy, Scores
from policyscope.provenance import Checkpoint
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.names import Feature
from policyscope.rollouts.rollouts import Rollouts

CHECKPOINT = Checkpoint(
    file="handmade",
    digest="0" * 64,
    format="handmade",
    algorithm=None,
    library=None,
    architecture="by hand",
    parameters=0,
    observations="(d,)",
    actions="",
    scores="logits",
)


def linear(weight, bias=None) -> nn.Module:
    """A linear layer with these numbers."""
    weight = torch.tensor(weight, dtype=torch.float32)
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    layer.weight = nn.Parameter(weight, requires_grad=False)
    bias = torch.zeros(len(weight)) if bias is None else torch.tensor(bias, dtype=torch.float32)
    layer.bias = nn.Parameter(bias, requires_grad=False)
    return layer


def policy(body: nn.Module, inputs: int, action_space: spaces.Space) -> Policy:
    """A policy around a module."""
    continuous = isinstance(action_space, spaces.Box)
    return Policy(
        network=FeedForward(body).eval(),
        outputs=body(torch.zeros(1, inputs)).shape[1],
        checkpoint=CHECKPOINT,
        observation_shape=(inputs,),
        action_space=action_space,
        meaning=Scores.MEAN_ACTION if continuous else Scores.LOGITS,
    )


def subject(policy: Policy, observations: np.ndarray, lengths: list[int]) -> Subject:
    """A subject that was seen to visit these states; its environment is never played."""
    rewards = np.ones(len(observations))
    assert policy.action_space is not None and policy.outputs is not None
    return Subject(
        policy=policy,
        environment=Environment("CartPole-v1"),
        seed=0,
        seen=Rollouts(
            seed=0,
            lengths=np.array(lengths),
            observations=observations,
            shown=observations,
            actions=np.zeros(len(observations), np.int64),
            rewards=rewards,
            terminated=np.ones(len(lengths), bool),
            truncated=np.zeros(len(lengths), bool),
        ),
        action_space=policy.action_space,
        features=tuple(Feature(f"sensor {i}") for i in range(observations.shape[1])),
        actions=tuple(Feature(f"motor {i}") for i in range(policy.outputs)),
    )
