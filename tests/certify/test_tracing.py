from dataclasses import replace

import nets
import pytest
import torch
from policyscope_certify.network import NoBounds
from policyscope_certify.tracing import network_of
from torch import nn

from policyscope.policies.loading import load
from policyscope.policies.normalisation import Normaliser, applied


@pytest.mark.parametrize(
    ("file", "layers"),
    [
        ("ppo-CartPole-v1.zip", 2),
        ("qrdqn-CartPole-v1.zip", 2),
        ("sac-Pendulum-v1.zip", 4),
        ("trpo-Hopper-v3.zip", 2),
        ("ars-CartPole-v1.zip", 0),
        ("ars-MountainCarContinuous-v0.zip", 2),
    ],
)
def test_published_policies_answer_as_they_do(published, file, layers):
    policy = load(published / file)
    network = network_of(policy)
    assert len(network.layers) == layers
    seen = torch.randn(50, *network.shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        own, _ = policy.scores(seen)
    torch.testing.assert_close(network.values(seen)[1], own.double(), rtol=1e-4, atol=1e-4)


def test_normalisers_are_part_of_the_network():
    policy = nets.policy(nets.mlp(0, [3, 6, 2], "relu"), 3, 2)
    rng = torch.Generator().manual_seed(0)
    mean, variance = (torch.rand(3, generator=rng).double().numpy() for _ in range(2))
    normal = applied(policy, Normaliser("file", mean, variance, 1e-8, 1.5, True))
    network = network_of(normal)
    assert len(network.layers) == 2
    seen = 5 * torch.randn(50, 3, generator=rng)
    torch.testing.assert_close(network.values(seen)[1].float(), normal.scores(seen)[0])


def test_programs_are_followed_like_modules(tmp_path):
    body = nets.mlp(0, [3, 6, 2], "relu").float()
    with pytest.warns(DeprecationWarning, match="deprecated"):
        torch.jit.trace(body, torch.zeros(1, 3)).save(str(tmp_path / "policy.pt"))
    policy = replace(load(tmp_path / "policy.pt"), observation_shape=(3,), outputs=2)
    network = network_of(policy)
    seen = nets.states(0, 10, 3)
    torch.testing.assert_close(network.values(seen)[1].float(), body(seen.float()))


class Multiplying(nn.Module):
    def forward(self, x):
        return torch.stack([x[:, 0] * x[:, 1], x[:, 0]], 1)


class Deciding(nn.Module):
    def forward(self, x):
        return x[:, :2] if x.sum() > 0 else -x[:, :2]


class Choosing(nn.Module):
    def forward(self, x):
        return torch.where(x[:, :1] > 0, x[:, :2], -x[:, :2])


class Ignoring(nn.Module):
    def forward(self, x):
        return torch.ones(len(x), 2)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (Multiplying(), "computes mul of numbers"),
        (Deciding(), "cannot be followed"),
        (Choosing(), "computes gt of numbers"),
        (nn.Sequential(nn.Linear(3, 2), nn.Softmax(1)).requires_grad_(False), "_softmax"),
        (nn.Sequential(nn.Linear(3, 2), nn.ELU(2.0)).requires_grad_(False), "computes elu"),
        (Ignoring(), "do not depend"),
    ],
)
def test_what_has_no_bounds_is_refused_with_its_name(body, reason):
    with pytest.raises(NoBounds, match=reason):
        network_of(nets.policy(body, 3, 2))


def test_policies_with_memory_are_refused():
    policy = nets.policy(nets.mlp(0, [3, 6, 2], "relu"), 3, 2)
    with pytest.raises(NoBounds, match="has a memory"):
        network_of(replace(policy, memory_shapes=((4,),)))
