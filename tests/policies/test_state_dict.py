"""Bare state dicts, under the names that people give them, become the network they came from."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from zips import members

from policyscope.errors import (
    ActivationUnknown,
    DamagedCheckpoint,
    UsageError,
)
from policyscope.policies.loading import load
from policyscope.policies.policy import Scores

OBSERVATIONS = 2 * torch.randn(200, 4, generator=torch.Generator().manual_seed(2))


def mlp(*sizes: int, activation=nn.Tanh) -> nn.Sequential:
    layers = [
        part
        for size, following in zip(sizes, sizes[1:], strict=False)
        for part in (nn.Linear(size, following), activation())
    ]
    return nn.Sequential(*layers[:-1])


class Holding(nn.Module):
    """Modules under chosen names, in the given order."""

    def __init__(self, **parts: nn.Module | Tensor) -> None:
        super().__init__()
        for name, part in parts.items():
            if isinstance(part, nn.Module):
                self.add_module(name, part)
            else:
                self.register_parameter(name, nn.Parameter(part))


def heads(**parts: nn.Module) -> dict[str, Tensor]:
    return Holding(**parts).state_dict()


def cleanrl_sac():
    """CleanRL's squashed actor: its layers, and what they compute."""
    body = nn.ModuleDict({"fc1": nn.Linear(4, 8), "fc2": nn.Linear(8, 8)})
    mean, spread = nn.Linear(8, 2), nn.Linear(8, 2)
    scale, bias = torch.tensor([2.0, 0.5]), torch.tensor([1.0, -3.0])
    weights = {
        **body.state_dict(),
        **heads(fc_mean=mean, fc_logstd=spread),
        "action_scale": scale,
        "action_bias": bias,
    }
    hidden = body["fc2"](body["fc1"](OBSERVATIONS).relu()).relu()
    return weights, torch.tanh(mean(hidden)) * scale + bias


def cleanrl_td3():
    """CleanRL's deterministic actor."""
    parts = {"fc1": nn.Linear(4, 8), "fc2": nn.Linear(8, 8), "fc_mu": nn.Linear(8, 1)}
    scale, bias = torch.tensor([[2.0]]), torch.tensor([[0.25]])
    weights = {**heads(**parts), "action_scale": scale, "action_bias": bias}
    hidden = parts["fc2"](parts["fc1"](OBSERVATIONS).relu()).relu()
    return weights, torch.tanh(parts["fc_mu"](hidden)) * scale + bias


def layouts() -> dict[str, tuple]:
    """Weights, the activation, what they compute, and what the scores are said to mean."""
    torch.manual_seed(11)
    actor, critic, other = mlp(4, 8, 8, 2), mlp(4, 6, 1), mlp(6, 8, 1)
    relu, body = mlp(4, 8, 3, activation=nn.ReLU), mlp(4, 8, 8)
    head, value = nn.Linear(8, 2), nn.Linear(8, 1)
    q, target = mlp(4, 8, 3, activation=nn.ELU), mlp(4, 8, 3)
    std = torch.full((2,), 0.3)
    return {
        "PPO-PyTorch": (heads(actor=actor, critic=critic), "tanh", actor, None),
        "PPO-PyTorch, critic first": (heads(critic=critic, actor=actor), "tanh", actor, None),
        "CleanRL PPO, continuous": (
            {**heads(critic=critic, actor_mean=actor), "actor_logstd": std.log()[None]},
            "tanh",
            actor,
            Scores.MEAN_ACTION,
        ),
        "CleanRL DQN": (heads(network=relu), "relu", relu, None),
        "CleanRL Q-network": (heads(q_network=q), "elu", q, Scores.Q_VALUES),
        "CleanRL SAC": (*_activated(cleanrl_sac(), "relu"), Scores.MEAN_ACTION),
        "CleanRL TD3": (*_activated(cleanrl_td3(), "relu"), Scores.MEAN_ACTION),
        "a Q-network and its target": (
            heads(q_net=q, q_net_target=target),
            "elu",
            q,
            Scores.Q_VALUES,
        ),
        "a target and its Q-network": (
            heads(target_network=target, q_network=q),
            "elu",
            q,
            Scores.Q_VALUES,
        ),
        "Spinning Up, discrete": (
            heads(pi=Holding(logits_net=actor), v=Holding(v_net=critic)),
            "tanh",
            actor,
            None,
        ),
        "Spinning Up, continuous": (
            {**heads(pi=Holding(mu_net=actor), v=Holding(v_net=critic)), "pi.log_std": std.log()},
            "tanh",
            actor,
            None,
        ),
        "Spinning Up, with twin critics": (
            heads(q1=Holding(q=other), q2=Holding(q=other), pi=Holding(pi=relu)),
            "relu",
            relu,
            None,
        ),
        "rsl_rl": (
            {
                "model_state_dict": {"std": std, **heads(actor=actor, critic=critic)},
                "optimizer_state_dict": {"state": {}, "param_groups": [{"lr": 1e-3}]},
                "iter": 7,
                "infos": None,
            },
            "tanh",
            actor,
            None,
        ),
        "a plain Sequential": (actor.state_dict(), "tanh", actor, None),
        "a compiled module": (
            {f"_orig_mod.{name}": tensor for name, tensor in actor.state_dict().items()},
            "tanh",
            actor,
            None,
        ),
        "a shared body with two heads": (
            heads(shared=body, actor=head, critic=value),
            "tanh",
            nn.Sequential(body, nn.Tanh(), head),
            None,
        ),
        "fc1, fc_pi and fc_v": (
            {
                "fc1.weight": body[0].weight,
                "fc1.bias": body[0].bias,
                **heads(fc_pi=head, fc_v=value),
            },
            "tanh",
            nn.Sequential(body[0], nn.Tanh(), head),
            None,
        ),
        "a Q-network of named layers": (
            heads(fc1=body[0], fc2=body[2], q_head=head),
            "relu",
            nn.Sequential(body[0], nn.ReLU(), body[2], nn.ReLU(), head),
            Scores.Q_VALUES,
        ),
    }


def _activated(weights_and_scores, activation):
    weights, scores = weights_and_scores
    return weights, activation, scores


LAYOUTS = layouts()


def saved(content, path, legacy=False):
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "network.pth"


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("legacy", [False, True])
def test_the_acting_network_is_found_and_rebuilt(path, name, legacy):
    weights, activation, expected, meaning = LAYOUTS[name]
    policy = load(saved(weights, path, legacy), activation=activation)
    scores = expected(OBSERVATIONS) if isinstance(expected, nn.Module) else expected
    torch.testing.assert_close(policy.scores(OBSERVATIONS)[0], scores)
    assert policy.meaning is meaning
    assert policy.observation_shape == (4,)
    assert policy.outputs == scores.shape[1]
    assert ["saves no statistics" in n for n in policy.checkpoint.notices] == [True] * (
        name == "CleanRL PPO, continuous"
    )


def test_layers_without_a_bias_or_alone_are_rebuilt(path):
    layer = nn.Linear(4, 2, bias=False)
    policy = load(saved(layer.state_dict(), path), activation="tanh")
    torch.testing.assert_close(policy.scores(OBSERVATIONS)[0], layer(OBSERVATIONS))
    actor = nn.Sequential(nn.Linear(4, 5, bias=False), nn.GELU(), nn.Linear(5, 2))
    policy = load(saved(heads(actor=actor), path), activation="gelu")
    torch.testing.assert_close(policy.scores(OBSERVATIONS)[0], actor(OBSERVATIONS))


def test_a_layer_that_is_shared_leaves_a_question(path):
    unknown = load(saved(LAYOUTS["a shared body with two heads"][0], path), activation="tanh")
    assert unknown.checkpoint.unknown[-1] == "whether an activation follows shared.2"


@pytest.mark.parametrize(
    "name", ["PPO", "PPO with knobs", "A2C", "TRPO", "DQN", "ARS with buttons", "TD3", "SAC"]
)
def test_the_weights_of_a_stable_baselines_zip_are_the_same_policy(originals, path, name):
    original = originals[name]
    path.write_bytes(members(original.path)["policy.pth"])
    zipped = load(original.path)
    activation = zipped.checkpoint.architecture.rpartition(", ")[2]
    bare = load(path, activation=activation)
    observations = torch.from_numpy(original.observations).flatten(1)
    expected = zipped.network.body
    if name in ("TD3", "SAC"):  # how they reach the bounds is not among the weights
        assert "whether actions are squashed" in bare.checkpoint.unknown
        expected = expected[:-2]
    torch.testing.assert_close(bare.scores(observations)[0], expected(observations))


@pytest.mark.parametrize(
    ("extra", "spread"),
    [
        ({"log_std": torch.tensor([0.0, -1.0])}, [1.0, np.exp(-1)]),
        ({"actor_logstd": torch.tensor([[0.0, -1.0]])}, [1.0, np.exp(-1)]),
        ({"std": torch.tensor([0.5, 2.0])}, [0.5, 2.0]),
        ({"distribution.std": torch.tensor([0.5, 2.0])}, [0.5, 2.0]),
        ({"log_std": torch.zeros(3)}, None),
        ({"astd": torch.zeros(2)}, None),
        ({}, None),
    ],
)
def test_the_spread_is_read_where_it_is_named(network, path, extra, spread):
    policy = load(saved(network.state_dict() | extra, path), activation="tanh")
    if spread is None:
        assert policy.spread is None
    else:
        torch.testing.assert_close(policy.spread, torch.tensor(spread, dtype=torch.float32))


def test_a_missing_activation_is_asked_for_with_all_that_is_known(network, path):
    with pytest.raises(ActivationUnknown, match="--activation tanh or --activation relu") as error:
        load(saved(network.state_dict(), path))
    checkpoint = error.value.checkpoint
    assert checkpoint.architecture == "4 → 8 → 2"
    assert checkpoint.parameters == sum(p.numel() for p in network.parameters())
    assert checkpoint.unknown[0] == "activation"
    assert checkpoint.format == "state dict"


def test_an_unknown_activation_is_met_with_its_near_miss(network, path):
    with pytest.raises(UsageError, match=r"no activation 'tahn'; known are .* Did you mean tanh"):
        load(saved(network.state_dict(), path), activation="tahn")


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, 1e300])
def test_weights_that_diverged_are_called_so(network, path, bad):
    weights = {name: tensor.double() for name, tensor in network.state_dict().items()}
    weights["2.bias"][0] = bad
    with pytest.raises(DamagedCheckpoint, match="NaN or infinite: the training had diverged"):
        load(saved(weights, path), activation="tanh")


def test_one_layer_alone_needs_no_activation(tmp_path):
    layer = torch.nn.Linear(4, 2)
    torch.save(layer.state_dict(), tmp_path / "linear.pth")
    observations = torch.linspace(-1, 1, 12).reshape(3, 4)
    policy = load(tmp_path / "linear.pth")
    torch.testing.assert_close(policy.scores(observations)[0], layer(observations).detach())
    assert "activation" not in policy.checkpoint.unknown
