"""State dicts that cannot be placed are refused in one clear sentence."""

import collections

import pytest
import torch
from gymnasium import spaces
from torch import nn

from policyscope.errors import (
    CheckpointError,
    DamagedCheckpoint,
    EnvironmentMismatch,
    UnsupportedCheckpoint,
)
from policyscope.policies.loading import load


def refusal(content, path, kind: type[CheckpointError] = UnsupportedCheckpoint) -> str:
    torch.save(content, path)
    with pytest.raises(kind) as error:
        load(path, activation="tanh")
    return str(error.value)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "network.pth"


def layer(inputs: int, outputs: int) -> dict[str, torch.Tensor]:
    return nn.Linear(inputs, outputs).state_dict()


def under(**parts) -> dict[str, torch.Tensor]:
    return {
        f"{name}.{inner}": tensor for name, part in parts.items() for inner, tensor in part.items()
    }


@pytest.mark.parametrize(
    "weights",
    [
        under(a=layer(4, 8), b=layer(3, 2)),
        under(fc2=layer(8, 2), fc1=layer(4, 8)),
        under(model_a=layer(4, 2), model_b=layer(4, 2)),
    ],
)
def test_layers_that_do_not_chain_are_named(path, weights):
    names = ", ".join(dict.fromkeys(name.rpartition(".")[0] for name in weights))
    message = refusal(weights, path, DamagedCheckpoint)
    assert f"network.pth: the layers {names} do not chain from observations to actions" in message


def test_a_bias_of_another_layer_is_named(path):
    weights = under(a=layer(4, 8), b=layer(8, 2)) | {"a.bias": torch.zeros(3)}
    assert "Layer 0 has 8 outputs and (3,) biases" in refusal(weights, path, DamagedCheckpoint)


@pytest.mark.parametrize("shape", [(0, 4), (2, 0)])
def test_an_empty_layer_is_damage(path, shape):
    message = refusal({"weight": torch.zeros(shape)}, path, DamagedCheckpoint)
    assert "is empty" in message


@pytest.mark.parametrize(
    "module",
    [
        nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.Tanh(), nn.Linear(8, 2)),
        nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 2)),
        nn.Sequential(nn.Linear(4, 8), nn.PReLU(), nn.Linear(8, 2)),
        nn.Sequential(nn.Conv1d(4, 8, 1), nn.Flatten(), nn.Linear(8, 2)),
        nn.Sequential(nn.RNN(4, 8), nn.Linear(8, 2)),
        nn.Sequential(nn.Linear(4, 8), nn.utils.parametrizations.weight_norm(nn.Linear(8, 8))),
        nn.Sequential(
            nn.Linear(4, 8),
            nn.utils.parametrizations.spectral_norm(nn.Linear(8, 8)),
            nn.Linear(8, 2),
        ),
    ],
    ids=lambda module: type(module[1]).__name__,
)
@pytest.mark.parametrize("prefix", ["", "actor."])
def test_layers_of_other_kinds_are_named_and_not_left_out(path, module, prefix):
    weights = {f"{prefix}{name}": tensor for name, tensor in module.state_dict().items()}
    message = refusal(weights, path)
    assert "convolutions, recurrent and normalising layers cannot be rebuilt" in message


def test_other_kinds_of_layers_in_a_critic_do_not_matter(network, path):
    critic = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.Linear(8, 1))
    torch.save(under(actor=network.state_dict(), critic=critic.state_dict()), path)
    assert load(path, activation="tanh").outputs == 2


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([1, 2], "holds a list, not a state dict; save"),
        (torch.zeros(3), "holds a Tensor, not a state dict"),
        ({}, "holds no linear layers, only nothing"),
        ({"epoch": 3, "lr": 0.1}, "holds no linear layers, only epoch, lr"),
        ({"actor.bias": torch.zeros(3)}, "holds no linear layers, only actor.bias"),
        ({"weight": torch.zeros(2, 4, dtype=torch.complex64)}, "holds complex numbers"),
        ({"weight": torch.eye(4).to_sparse()}, "holds weight as a quantised, sparse or"),
    ],
)
def test_other_contents_are_named(path, content, words):
    assert words in refusal(content, path)


def test_weights_inside_themselves_come_to_an_end(path):
    endless: dict = {"policy": {}}
    endless["policy"] = endless
    assert "holds no linear layers" in refusal(endless, path)


@pytest.mark.parametrize(
    "scale", [torch.ones(3), torch.tensor([torch.nan, 1.0]), torch.tensor([torch.inf, 1.0])]
)
def test_a_scale_that_does_not_fit_is_damage(network, path, scale):
    weights = network.state_dict() | {"action_scale": scale, "action_bias": torch.zeros(2)}
    assert "which does not fit" in refusal(weights, path, DamagedCheckpoint)


@pytest.mark.parametrize("name", ["log_std", "std"])
def test_a_spread_that_diverged_is_damage(network, path, name):
    weights = network.state_dict() | {name: torch.tensor([torch.nan, 1.0])}
    assert f"holds {name}, which is NaN" in refusal(weights, path, DamagedCheckpoint)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (lambda w: {"model": w, "obs_rms": collections.Counter(a=1)}, "obs_rms"),
        (
            lambda w: {"model": w, "obs_norm_state_dict": {"mean": torch.zeros(4)}},
            "obs_norm_state_dict",
        ),
        (
            lambda w: {**w, "actor_obs_normalizer._mean": torch.zeros(4)},
            "actor_obs_normalizer._mean",
        ),
    ],
)
def test_a_normaliser_beside_the_weights_is_noticed(network, path, content, named):
    torch.save(content(under(actor=network.state_dict())), path)
    (notice,) = load(path, activation="tanh").checkpoint.notices
    assert notice.startswith(f"The file also holds {named}, which was not used")


@pytest.mark.parametrize("key", ["optimizer", "grad_norm", "reward_rms", "critic_obs_normalizer"])
def test_what_has_nothing_to_do_with_observations_is_not(network, path, key):
    torch.save({"model": network.state_dict(), key: {"a": 1}}, path)
    assert load(path, activation="tanh").checkpoint.notices == ()


@pytest.mark.parametrize(
    ("weights", "actions", "words"),
    [
        (
            under(q_net=layer(4, 1)),
            spaces.Box(-1, 1, (1,)),
            r"1 outputs \(q-values\), but it takes 1 float32",
        ),
        (
            under(fc=layer(4, 2)) | {"action_scale": torch.ones(2), "action_bias": torch.ones(2)},
            spaces.Discrete(2),
            r"2 outputs \(mean action\), but it takes 2 discrete actions",
        ),
        (under(actor=layer(4, 2)), spaces.Discrete(3), "2 outputs, but it takes 3 discrete"),
    ],
)
def test_scores_that_mean_something_else_do_not_fit(path, weights, actions, words):
    torch.save(weights, path)
    policy = load(path, activation="tanh")
    with pytest.raises(EnvironmentMismatch, match=f"chooses among {words}"):
        policy.fitted_to(spaces.Box(-1, 1, (4,)), actions, "it")
