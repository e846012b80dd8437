"""A network that is driven where its activation is flat probably lacks its normaliser."""

import pytest
import torch
from torch import nn

from policyscope.policies.expectation import SUSPICIOUS, overdriven
from policyscope.policies.policy import FeedForward, Policy
from policyscope.provenance import Checkpoint

CHECKPOINT = Checkpoint("mine.zip", "0" * 64, "by hand", None, None, "", 0, "", "", "")


def policy(*modules: nn.Module) -> Policy:
    return Policy(FeedForward(nn.Sequential(*modules)).eval(), 2, CHECKPOINT)


def test_the_share_of_sums_beyond_three_is_counted_before_the_activation():
    layer = nn.Linear(1, 2, bias=False)
    layer.weight = nn.Parameter(torch.tensor([[1.0], [-2.0]]))
    observations = torch.tensor([[1.0], [1.6], [3.5], [-4.0]])
    # sums: 1 -2, 1.6 -3.2, 3.5 -7, -4 8: five of eight beyond
    assert overdriven(policy(layer, nn.Tanh(), nn.Linear(2, 2)), observations) == 5 / 8


def test_the_second_layer_does_not_count():
    first, second = nn.Linear(1, 1), nn.Linear(1, 1)
    nn.init.constant_(first.weight, 0.0)
    nn.init.constant_(second.bias, 99.0)
    share = overdriven(policy(first, nn.Tanh(), second), torch.ones(3, 1))
    assert share == 0 < SUSPICIOUS


def test_nothing_is_said_where_no_layer_is_visible():
    assert overdriven(policy(nn.Identity()), torch.ones(3, 1)) is None


def test_no_hook_is_left_behind_even_after_an_error():
    layer = nn.Linear(1, 2)
    with pytest.raises(RuntimeError):
        overdriven(policy(layer), torch.ones(3, 5))
    overdriven(policy(layer), torch.ones(3, 1))
    assert not layer._forward_hooks
