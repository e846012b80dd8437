"""A zip of stable-baselines3 becomes a policy that acts as the library itself does."""

import io

import numpy as np
import pytest
import stable_baselines3
import torch
from originals import MODELS
from zips import with_member

from policyscope.policies.loading import load
from policyscope.policies.policy import Scores


def fitted(original):
    spaces = original.model.observation_space, original.model.action_space
    return load(original.path).fitted_to(*spaces, "the environment it was made for")


@pytest.mark.parametrize("name", MODELS)
def test_the_greedy_action_is_the_library_s(originals, name):
    original = originals[name]
    policy = fitted(original)
    scores, memory = policy.scores(torch.from_numpy(original.observations))
    assert memory == ()
    actions, expected = policy.actions(scores), original.actions(original.observations)
    assert actions.shape == expected.shape
    np.testing.assert_allclose(actions, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_actions_differ_between_the_states_of_these_tests(originals, name):
    original = originals[name]
    actions = original.actions(original.observations)
    assert len(np.unique(actions.reshape(len(actions), -1), axis=0)) > 1


@pytest.mark.parametrize("name", MODELS)
def test_the_algorithm_has_its_own_name(originals, name):
    checkpoint = load(originals[name].path).checkpoint
    assert checkpoint.algorithm == name.replace(",", "").split()[0]
    assert checkpoint.library == stable_baselines3.__version__
    assert checkpoint.format == "stable-baselines3 zip"
    assert checkpoint.notices == ()


def test_scores_of_dqn_are_its_q_values(originals):
    original = originals["DQN"]
    observations = torch.from_numpy(original.observations)
    policy = fitted(original)
    assert policy.meaning is Scores.Q_VALUES
    torch.testing.assert_close(policy.scores(observations)[0], original.model.q_net(observations))


def test_scores_of_qr_dqn_are_means_over_its_quantiles(originals):
    original = originals["QR-DQN"]
    observations = torch.from_numpy(original.observations)
    policy = fitted(original)
    assert policy.meaning is Scores.Q_VALUES
    quantiles = original.model.quantile_net(observations)
    torch.testing.assert_close(policy.scores(observations)[0], quantiles.mean(1))


def test_scores_of_ppo_are_its_logits(originals):
    original = originals["PPO"]
    observations = torch.from_numpy(original.observations)
    policy = fitted(original)
    assert policy.meaning is Scores.LOGITS
    torch.testing.assert_close(
        policy.scores(observations)[0].log_softmax(1),
        original.model.policy.get_distribution(observations).distribution.logits,
    )


def test_the_spread_of_a_gaussian_policy_is_read(originals):
    original = originals["PPO with levers, and ReLU"]
    spread = load(original.path).spread
    torch.testing.assert_close(spread, original.model.policy.log_std.exp().detach())


@pytest.mark.parametrize("name", ["PPO", "PPO with gSDE", "SAC", "DQN"])
def test_a_policy_without_a_constant_spread_has_none(originals, name):
    assert load(originals[name].path).spread is None


def test_layers_that_policy_and_value_share_come_first(originals, tmp_path):
    # stable-baselines3 before 1.8 could share layers; the shared part is named here by hand
    original = originals["PPO"]
    names = {"policy_net.0": "shared_net.0", "policy_net.2": "policy_net.0"}
    renamed = {}
    for name, tensor in original.model.policy.state_dict().items():
        for new, old in ((new, old) for old, new in names.items() if old in name):
            name = name.replace(old, new)
            break
        renamed[name] = tensor
    weights = io.BytesIO()
    torch.save(renamed, weights)
    path = tmp_path / "shared.zip"
    path.write_bytes(with_member(original.path, "policy.pth", weights.getvalue()))
    observations = torch.from_numpy(original.observations)
    torch.testing.assert_close(
        load(path).scores(observations), load(original.path).scores(observations)
    )


def test_a_spelt_activation_overrules_the_recorded_one(originals):
    original = originals["DQN of a grid, with ELU"]
    observations = torch.from_numpy(original.observations)
    recorded, spelt, other = (
        load(original.path, activation=name).scores(observations)[0]
        for name in (None, "elu", "tanh")
    )
    torch.testing.assert_close(recorded, spelt)
    assert not torch.allclose(recorded, other)
