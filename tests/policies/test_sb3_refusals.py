"""What a zip of stable-baselines3 cannot say is refused in one sentence, never guessed."""

import functools
import io
import json

import gymnasium
import pytest
import sb3_contrib as contrib
import torch
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st
from originals import BUTTONS, LEVERS, SENSORS, Still, off_policy, ppo
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn
from zips import members, with_data, with_member

from policyscope.errors import DamagedCheckpoint, PolicyscopeError, UnsupportedCheckpoint
from policyscope.policies.loading import load
from policyscope.policies.policy import Policy


class Wave(nn.Module):
    """An activation that nobody else has."""

    def forward(self, x):
        return torch.sin(x)


class Halved(BaseFeaturesExtractor):
    """A features extractor that leaves no trace in the weights."""

    def __init__(self, space: gymnasium.Space) -> None:
        super().__init__(space, features_dim=5)

    def forward(self, observations):
        return observations / 2


def refusal(model, tmp_path) -> str:
    model.save(tmp_path / "model.zip")
    with pytest.raises(UnsupportedCheckpoint) as error:
        load(tmp_path / "model.zip")
    return str(error.value)


@pytest.mark.parametrize("activation", [Wave, functools.partial(nn.LeakyReLU, 0.3), nn.PReLU])
def test_an_activation_that_is_not_in_the_file_is_not_replaced_by_the_default(activation, tmp_path):
    model = ppo(Still(SENSORS, BUTTONS), policy_kwargs={"activation_fn": activation})
    assert "give that one with --activation" in refusal(model, tmp_path)
    if activation is Wave:
        assert load(tmp_path / "model.zip", activation="tanh").checkpoint.algorithm == "PPO"


def test_a_features_extractor_without_weights_is_not_forgotten(tmp_path):
    model = ppo(Still(SENSORS, BUTTONS), policy_kwargs={"features_extractor_class": Halved})
    assert "Halved'>, whose code is not in the file" in refusal(model, tmp_path)


def test_batch_normalisation_is_named(tmp_path):
    model = contrib.CrossQ("MlpPolicy", Still(SENSORS, LEVERS), **off_policy)
    assert "Only linear layers can be rebuilt" in refusal(model, tmp_path)


def test_other_action_spaces_are_named(tmp_path):
    model = ppo(Still(SENSORS, spaces.MultiBinary(3)))
    assert "acts in a MultiBinary space" in refusal(model, tmp_path)


def test_weights_that_diverged_are_called_so(originals, tmp_path):
    weights = dict(originals["PPO"].model.policy.state_dict())
    weights["action_net.bias"] = torch.full_like(weights["action_net.bias"], torch.nan)
    refused(originals["PPO"], weights, tmp_path, "the training had diverged")


def test_layers_of_another_policy_are_noticed(originals, tmp_path):
    weights = originals["A2C with a lever"].model.policy.state_dict()
    refused(originals["PPO"], weights, tmp_path, "it mixes different policies")


def test_a_policy_without_acting_layers_is_damaged(originals, tmp_path):
    refused(originals["PPO"], {"value_net.weight": torch.ones(1, 2)}, tmp_path, "no linear layers")


def test_unknown_names_are_listed(originals, tmp_path):
    weights = {"mystery.weight": torch.ones(1, 2)}
    refused(originals["PPO"], weights, tmp_path, r"The tensors \(mystery.weight, …\) are not those")


def refused(original, weights, tmp_path, words):
    buffer = io.BytesIO()
    torch.save(weights, buffer)
    path = tmp_path / "model.zip"
    path.write_bytes(with_member(original.path, "policy.pth", buffer.getvalue()))
    with pytest.raises((DamagedCheckpoint, UnsupportedCheckpoint), match=words):
        load(path)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 10**20)
    | st.floats()
    | st.sampled_from(["", "[0. 1.]", "[inf]", "nan", "1e999", "[3]", "[-1. -1.]", "True", "x"]),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)
space_like = st.fixed_dictionaries(
    {
        ":type:": st.sampled_from([f"<class 'gym.spaces.x.{k}'>" for k in ("Box", "Discrete")])
        | st.just("<class 'gymnasium.spaces.multi_discrete.MultiDiscrete'>")
        | json_values
    },
    optional={
        name: json_values for name in ("n", "start", "nvec", "low", "high", "_shape", "shape")
    },
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    entry=st.sampled_from(["action_space", "observation_space", "policy_kwargs", "policy_class"]),
    value=space_like
    | json_values
    | st.dictionaries(
        st.sampled_from(["activation_fn", "clip_mean", "squash_output", "net_arch"]), json_values
    ),
    name=st.sampled_from(["PPO", "SAC with gSDE", "QR-DQN", "ARS"]),
)
def test_any_json_is_a_policy_or_a_sentence(originals, tmp_path_factory, entry, value, name):
    path = tmp_path_factory.mktemp("json") / "model.zip"
    path.write_bytes(with_data(originals[name].path, **{entry: value}))
    assert loaded_or_refused(path)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "[]", "3", "null", "\xff", '{"a": NaN}'])
def test_any_text_in_place_of_the_json_is_a_sentence(originals, tmp_path, text):
    path = tmp_path / "model.zip"
    path.write_bytes(with_member(originals["PPO"].path, "data", text.encode("latin1")))
    with pytest.raises((DamagedCheckpoint, UnsupportedCheckpoint)):
        load(path)


def test_the_pickles_of_a_zip_are_not_needed(originals, tmp_path):
    data = json.loads(members(originals["SAC"].path)["data"])
    for entry in data.values():
        if isinstance(entry, dict):
            entry.pop(":serialized:", None)
    path = tmp_path / "model.zip"
    path.write_bytes(with_data(originals["SAC"].path, **data))
    observations = torch.from_numpy(originals["SAC"].observations)
    torch.testing.assert_close(
        load(path).scores(observations), load(originals["SAC"].path).scores(observations)
    )


def loaded_or_refused(path) -> bool:
    try:
        return isinstance(load(path), Policy)
    except PolicyscopeError as error:
        return len(str(error)) > 20
