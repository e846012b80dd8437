"""A recurrent policy of sb3-contrib remembers what the library remembers."""

import io

import numpy as np
import pytest
import sb3_contrib as contrib
import torch
from gymnasium import spaces
from originals import BUTTONS, GRID, LEVERS, SENSORS, Still, built, on_policy, sized
from zips import with_member

from policyscope.errors import DamagedCheckpoint, UnsupportedCheckpoint
from policyscope.policies.loading import load
from policyscope.policies.policy import Scores

LANES, STEPS = 5, 30


def recurrent(actions, observations=SENSORS, **more):
    """A RecurrentPPO with a small memory."""
    return contrib.RecurrentPPO(
        "MlpLstmPolicy",
        Still(observations, actions),
        batch_size=8,
        policy_kwargs={"lstm_hidden_size": 11, **more},
        **on_policy,
    )


VARIANTS = {
    "buttons": lambda: recurrent(BUTTONS),
    "levers": lambda: recurrent(LEVERS),
    "grid": lambda: recurrent(LEVERS, GRID),
    "knobs": lambda: recurrent(spaces.MultiDiscrete([2, 3])),
    "two layers": lambda: recurrent(LEVERS, n_lstm_layers=2),
    "three layers of a memory as wide as the observation": lambda: recurrent(
        LEVERS, n_lstm_layers=3, lstm_hidden_size=5, net_arch=[]
    ),
    "a critic that shares the memory": lambda: recurrent(
        LEVERS, shared_lstm=True, enable_critic_lstm=False
    ),
    "a critic without memory": lambda: recurrent(LEVERS, enable_critic_lstm=False),
    "ReLU": lambda: recurrent(LEVERS, **sized(activation_fn=torch.nn.ReLU)),
    "no hidden layers": lambda: recurrent(LEVERS, net_arch=[]),
    "no biases": lambda: recurrent(LEVERS, lstm_kwargs={"bias": False}),
    "dropout": lambda: recurrent(LEVERS, n_lstm_layers=2, lstm_kwargs={"dropout": 0.5}),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recurrent")
    return {name: built(name, make, folder) for name, make in VARIANTS.items()}


@pytest.mark.parametrize("name", VARIANTS)
def test_a_sequence_of_actions_is_the_library_s(models, name):
    original = models[name]
    policy = load(original.path).fitted_to(
        original.model.observation_space, original.model.action_space, "its environment"
    )
    rng = np.random.default_rng(5)
    shape = original.model.observation_space.shape
    memory, state, taken = policy.initial_memory(LANES), None, []
    for step in range(STEPS):
        # some lanes begin a new episode in the middle
        start = np.array([step == 0, step in (0, 9), step == 0, step in (0, 9, 17), step == 0])
        observations = rng.standard_normal((LANES, *shape)).astype(np.float32)
        expected, state = original.model.predict(
            observations, state=state, episode_start=start, deterministic=True
        )
        for part in memory:
            part[torch.from_numpy(start)] = 0
        scores, memory = policy.scores(torch.from_numpy(observations), memory)
        np.testing.assert_allclose(policy.actions(scores), expected, rtol=1e-4, atol=1e-5)
        for ours, theirs in zip(memory, state, strict=True):
            np.testing.assert_allclose(ours.transpose(0, 1), theirs, rtol=1e-4, atol=1e-5)
        taken.append(expected.reshape(LANES, -1))
    assert len(np.unique(np.concatenate(taken), axis=0)) > 1


def test_actions_depend_on_what_is_remembered(models):
    policy = load(models["levers"].path)
    observations = torch.from_numpy(models["levers"].observations)
    fresh, memory = policy.scores(observations, policy.initial_memory(300))
    later, _ = policy.scores(observations, memory)
    assert not torch.allclose(fresh, later, atol=0.1)


def test_lanes_do_not_touch_one_another(models):
    policy = load(models["two layers"].path)
    observations = torch.from_numpy(models["two layers"].observations)
    memory = tuple(torch.randn(300, *shape) for shape in policy.memory_shapes)
    scores, after = policy.scores(observations, memory)
    alone, own = policy.scores(observations[7:8], tuple(part[7:8] for part in memory))
    torch.testing.assert_close(scores[7:8], alone)
    torch.testing.assert_close(tuple(part[7:8] for part in after), own)


def test_the_file_is_described(models):
    policy = load(models["two layers"].path)
    assert policy.memory_shapes == ((2, 11), (2, 11))
    assert policy.meaning is Scores.MEAN_ACTION
    assert policy.checkpoint.algorithm == "RecurrentPPO"
    assert policy.checkpoint.architecture == "5 → LSTM → LSTM → 11 → 64 → 64 → 3, Tanh"
    actor = models["two layers"].model.policy
    parts = (actor.lstm_actor, actor.mlp_extractor.policy_net, actor.action_net)
    expected = sum(p.numel() for part in parts for p in part.parameters())
    assert policy.checkpoint.parameters == expected
    assert policy.spread is not None


def test_scores_have_a_gradient_with_respect_to_observations(models):
    policy = load(models["levers"].path)
    observations = torch.ones(2, 5, requires_grad=True)
    policy.scores(observations, policy.initial_memory(2))[0].sum().backward()
    assert observations.grad is not None
    assert observations.grad.abs().sum() > 0


@pytest.mark.parametrize("unusual", [{"bidirectional": True}, {"proj_size": 3}])
def test_other_kinds_of_memory_are_named(unusual, tmp_path, models):
    model = models["levers"].model
    lstm = torch.nn.LSTM(5, 11, **unusual)
    weights = model.policy.state_dict()
    weights |= {f"lstm_actor.{name}": tensor for name, tensor in lstm.state_dict().items()}
    with pytest.raises(UnsupportedCheckpoint, match="only those that run forwards"):
        load(changed(models["levers"].path, weights, tmp_path))


@pytest.mark.parametrize(
    ("name", "tensor", "words"),
    [
        ("weight_hh_l0", torch.ones(44, 12), "where its layer needs"),
        ("weight_hh_l0", torch.full((44, 11), torch.nan), "NaN or infinite"),
        ("weight_ih_l0", torch.ones(44, 6), "where there are 5"),
        ("weight_ih_l0", torch.ones(44), "is not the weight of LSTM layers"),
        ("weight_ih_l0", torch.ones(0, 5), "is not the weight of LSTM layers"),
        ("weight_ih_l0", torch.ones(46, 5), "where its layer needs"),
        ("weight_ih_l1", torch.ones(44, 11), "is missing"),
    ],
)
def test_tensors_that_do_not_fit_are_noticed(models, name, tensor, words, tmp_path):
    weights = models["levers"].model.policy.state_dict()
    weights[f"lstm_actor.{name}"] = tensor
    with pytest.raises(DamagedCheckpoint, match=words):
        load(changed(models["levers"].path, weights, tmp_path))


def test_layers_that_do_not_fit_the_memory_are_noticed(models, tmp_path):
    weights = models["no hidden layers"].model.policy.state_dict()
    weights["action_net.weight"] = torch.ones(3, 5)
    with pytest.raises(DamagedCheckpoint, match="mixes different policies"):
        load(changed(models["no hidden layers"].path, weights, tmp_path))


def changed(source, weights, folder):
    """The zip with other weights."""
    buffer = io.BytesIO()
    torch.save(dict(weights), buffer)
    path = folder / "changed.zip"
    path.write_bytes(with_member(source, "policy.pth", buffer.getvalue()))
    return path
