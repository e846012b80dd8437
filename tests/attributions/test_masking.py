from dataclasses import dataclass, replace

import handmade
import numpy as np
import torch
from gymnasium import spaces
from torch import nn

from policyscope.attributions.gradient import Gradient
from policyscope.attributions.masking import Masking
from policyscope.attributions.method import Reference
from policyscope.rollouts.actors import Greedy
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.play import play

CARTPOLE = Environment("CartPole-v1")
REFERENCE = Reference(torch.zeros(4), torch.ones(4))


def policy(weight):
    return handmade.policy(handmade.linear(weight), 4, spaces.Discrete(2))


BALANCING = policy([[0, 0, -1.0, -1.0], [0, 0, 1.0, 1.0]])
ANGLE = policy([[0, 0, -1.0, -0.01], [0, 0, 1.0, 0.01]])


def masking(mask, rho=0.75, of=BALANCING):
    return Masking(of, Gradient(), REFERENCE, mask, rho)


def test_a_policy_that_needs_one_feature_plays_alike_with_only_that():
    clean = play(Greedy(policy([[0, 0, -1.0, 0], [0, 0, 1.0, 0]])), CARTPOLE, 5, seed=0)
    only = play(masking("salient", of=ANGLE), CARTPOLE, 5, seed=0)
    np.testing.assert_array_equal(only.returns, clean.returns)


def test_without_what_counts_it_does_what_is_left():
    left = play(masking("removed", of=ANGLE), CARTPOLE, 5, seed=0)
    rate = play(Greedy(policy([[0, 0, 0, -1.0], [0, 0, 0, 1.0]])), CARTPOLE, 5, seed=0)
    np.testing.assert_array_equal(left.returns, rate.returns)


def test_a_random_mask_is_the_same_however_many_lanes_there_are():
    runs = [play(masking("random", 0.5), CARTPOLE, 6, seed=0, lanes=n) for n in (1, 4, 6)]
    for run in runs[1:]:
        np.testing.assert_array_equal(run.actions, runs[0].actions)
    other = play(masking("random_removed", 0.5), CARTPOLE, 6, seed=0)
    assert not np.array_equal(other.returns, runs[0].returns)


class Adding(nn.Module):
    """Adds up all that it sees, and goes right while the sum is above zero."""

    def forward(self, observations, memory):
        total = memory[0] + observations.flatten(1).float()
        return total.sum(1, keepdim=True) * torch.tensor([[-1.0, 1.0]]), (total,)


@dataclass(frozen=True)
class Last:
    """Says that the last number counts."""

    def obstacle(self, glimpses):
        del glimpses

    def attribute(self, glimpses, targets, reference):
        assert glimpses.seen.shape[1:] == reference.baseline.shape
        maps = torch.zeros(len(glimpses), targets.shape[1], *glimpses.seen.shape[1:])
        maps[..., -1] = -1.0
        return maps


def test_memory_is_what_the_masked_policy_remembers():
    adding = replace(BALANCING, network=Adding(), memory_shapes=((4,),))
    rollouts = play(Masking(adding, Last(), REFERENCE, "salient", 0.75), CARTPOLE, 2, seed=0)
    first = 0
    for length in rollouts.lengths:
        rows = slice(first, first + length)
        total = rollouts.observations[rows, -1].cumsum()
        np.testing.assert_array_equal(rollouts.actions[rows], total > 0)
        first += length
