"""State dicts with an LSTM or a GRU become the network they came from."""

import pytest
import torch
from torch import nn

from policyscope.errors import ActivationUnknown, DamagedCheckpoint, UnsupportedCheckpoint
from policyscope.policies.loading import load

STEPS = torch.randn(6, 3, 4, generator=torch.Generator().manual_seed(4))
"""Time, lane, feature."""


class Policy(nn.Module):
    """Embedding, LSTM and head, beside a feed-forward branch that was never used."""

    def __init__(self, deep: bool) -> None:
        super().__init__()
        self.affine_layers = nn.ModuleList([nn.Linear(4, 8), nn.Linear(8, 8)])
        self.final_mean = nn.Linear(8, 2)
        self.first = nn.Linear(4, 8)
        self.embedding = nn.Linear(8, 5) if deep else nn.Identity()
        self.lstm = nn.LSTM(5 if deep else 8, 7)
        self.output_layer = nn.Linear(7, 2)
        self.value = nn.Linear(2, 1)
        self.deep = deep

    def forward(self, steps: torch.Tensor) -> torch.Tensor:
        inner = self.first(steps)
        inner = self.embedding(inner.tanh()) if self.deep else inner
        return self.output_layer(self.lstm(inner)[0])


def played(policy, steps):
    memory, scores = policy.initial_memory(steps.shape[1]), []
    for observations in steps:
        out, memory = policy.scores(observations, memory)
        scores.append(out)
    return torch.stack(scores)


@pytest.mark.parametrize("wrapped", [lambda w: w, lambda w: {"policy_model": w, "envs": []}])
def test_memory_is_carried_as_the_lstm_does(tmp_path, wrapped):
    torch.manual_seed(1)
    original = Policy(deep=False)
    torch.save(wrapped(original.state_dict()), tmp_path / "policy.pth")
    policy = load(tmp_path / "policy.pth")
    torch.testing.assert_close(played(policy, STEPS), original(STEPS).detach())
    assert policy.memory_shapes == ((1, 7), (1, 7))
    assert policy.checkpoint.architecture == "4 → 8 → LSTM of 7 → 2"


def test_an_activation_is_asked_for_where_two_linear_layers_meet(tmp_path):
    torch.manual_seed(2)
    original = Policy(deep=True)
    torch.save(original.state_dict(), tmp_path / "policy.pth")
    with pytest.raises(ActivationUnknown, match="between its layers") as error:
        load(tmp_path / "policy.pth")
    assert "activation" in error.value.checkpoint.unknown
    policy = load(tmp_path / "policy.pth", activation="tanh")
    torch.testing.assert_close(played(policy, STEPS), original(STEPS).detach())


@pytest.mark.parametrize("other", [nn.LayerNorm(8), nn.Conv1d(4, 8, 1)])
def test_layers_of_other_kinds_are_named_and_not_left_out(tmp_path, other):
    modules = nn.ModuleDict({"first": nn.Linear(4, 8), "other": other, "lstm": nn.LSTM(8, 7)})
    torch.save(modules.state_dict(), tmp_path / "policy.pth")
    with pytest.raises(UnsupportedCheckpoint, match=r"other\.weight of shape"):
        load(tmp_path / "policy.pth")


class Cell(nn.Module):
    """A recurrent layer or cell of any kind, called with one step, beside a critic."""

    def __init__(self, kind: type[nn.Module]) -> None:
        super().__init__()
        self.encoder = nn.Linear(4, 5)
        self.rnn = kind(5, 7)
        self.critic_linear, self.actor_linear = nn.Linear(7, 1), nn.Linear(7, 2)

    def forward(self, observations, state=None):
        """The next state is None before a first step, as torch has it."""
        features = self.encoder(observations)
        if isinstance(self.rnn, nn.LSTMCell | nn.GRUCell):
            state = self.rnn(features, state)
            hidden = state[0] if isinstance(state, tuple) else state
        else:
            output, state = self.rnn(features[None], state)
            hidden = output[0]
        return self.actor_linear(hidden), state


KINDS = [nn.LSTM, nn.LSTMCell, nn.GRU, nn.GRUCell]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lanes", [1, 3, 32])
def test_every_kind_of_memory_is_carried_as_torch_does(tmp_path, kind, lanes):
    torch.manual_seed(6)
    original, state, expected = Cell(kind), None, []
    steps = torch.randn(8, lanes, 4)
    torch.save(original.state_dict(), tmp_path / "policy.pth")
    policy = load(tmp_path / "policy.pth")
    for observations in steps:
        scores, state = original(observations, state)
        expected.append(scores.detach())
    torch.testing.assert_close(played(policy, steps), torch.stack(expected))
    states = 2 if kind in (nn.LSTM, nn.LSTMCell) else 1
    assert policy.memory_shapes == ((1, 7),) * states


def test_a_gru_of_several_layers_without_biases(tmp_path):
    torch.manual_seed(7)
    modules = nn.ModuleDict({"gru": nn.GRU(4, 6, 3, bias=False), "head": nn.Linear(6, 2)})
    torch.save(modules.state_dict(), tmp_path / "policy.pth")
    policy = load(tmp_path / "policy.pth")
    expected = modules["head"](modules["gru"](STEPS)[0]).detach()
    torch.testing.assert_close(played(policy, STEPS), expected)
    assert policy.checkpoint.architecture == "4 → GRU of 6 → GRU of 6 → GRU of 6 → 2"
    assert policy.checkpoint.parameters == sum(p.numel() for p in modules.parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_each_episode_begins_with_an_empty_memory(tmp_path, kind):
    from policyscope import Environment, Greedy, play

    torch.manual_seed(8)
    original = Cell(kind)
    original.encoder.weight.data *= 20  # so that actions change within an episode
    torch.save(original.state_dict(), tmp_path / "policy.pth")
    environment = Environment("CartPole-v1")
    policy = load(tmp_path / "policy.pth").fitted_to(*environment.spaces(), environment.id)
    rollouts = play(Greedy(policy), environment, 9, lanes=4)
    assert 0 < rollouts.actions.mean() < 1
    episodes = rollouts.lengths.cumsum()[:-1]
    for seen, taken in zip(
        torch.from_numpy(rollouts.observations).tensor_split(torch.from_numpy(episodes)),
        torch.from_numpy(rollouts.actions).tensor_split(torch.from_numpy(episodes)),
        strict=True,
    ):
        state = None
        for observation, action in zip(seen, taken, strict=True):
            scores, state = original(observation[None], state)
            assert scores.argmax() == action


class Seeing(nn.Module):
    """Convolutions of baby-a3c and CleanRL's agents before a cell, in one forward pass."""

    def __init__(self, convolutions, flat: int, linear: int | None, kind) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(convolutions)
        self.embedding = nn.Linear(flat, linear) if linear else None
        self.cell = kind(linear or flat, 16)
        self.critic_linear, self.actor_linear = nn.Linear(16, 1), nn.Linear(16, 6)

    def forward(self, images, state, activation):
        inner = images.float() / 255
        for layer in self.convolutions:
            inner = activation(layer(inner))
        inner = inner.flatten(1)
        inner = inner if self.embedding is None else activation(self.embedding(inner))
        state = self.cell(inner, state)
        return self.actor_linear(state[0] if isinstance(state, tuple) else state), state


def strided(channels: int) -> list[nn.Conv2d]:
    return [nn.Conv2d(n, 8, 3, stride=2, padding=1) for n in (channels, 8, 8, 8)]


def mnih(channels: int) -> list[nn.Conv2d]:
    return [nn.Conv2d(channels, 8, 8, 4), nn.Conv2d(8, 8, 4, 2), nn.Conv2d(8, 8, 3, 1)]


@pytest.mark.parametrize(
    ("convolutions", "side", "flat", "linear"),
    [
        (strided, 42, 8 * 3 * 3, None),
        (strided, 80, 8 * 5 * 5, None),
        (strided, 84, 8 * 6 * 6, None),
        (mnih, 84, 8 * 7 * 7, 20),
    ],
)
@pytest.mark.parametrize("kind", [nn.GRUCell, nn.LSTMCell])
@pytest.mark.parametrize("activation", ["elu", "relu"])
def test_images_are_seen_before_they_are_remembered(
    tmp_path, convolutions, side, flat, linear, kind, activation
):
    torch.manual_seed(9)
    original, state = Seeing(convolutions(1), flat, linear, kind), None
    torch.save(original.state_dict(), tmp_path / "policy.tar")
    policy = load(tmp_path / "policy.tar", activation=activation)
    assert (policy.observation_shape, policy.takes_bytes) == ((1, side, side), True)
    steps = torch.randint(0, 256, (5, 3, 1, side, side), dtype=torch.uint8)
    expected = []
    for images in steps:
        scores, state = original(images, state, getattr(nn.functional, activation))
        expected.append(scores.detach())
    torch.testing.assert_close(played(policy, steps), torch.stack(expected))


def test_the_activation_behind_convolutions_is_asked_for(tmp_path):
    original = Seeing(strided(4), 8 * 6 * 6, None, nn.GRUCell)
    torch.save(original.state_dict(), tmp_path / "policy.tar")
    with pytest.raises(ActivationUnknown, match="4×84×84 → 8 of 3×3 .* → GRU of 16 → 6") as error:
        load(tmp_path / "policy.tar")
    acting = [p for n, p in original.named_parameters() if "critic" not in n]
    assert error.value.checkpoint.parameters == sum(p.numel() for p in acting)


def test_layers_of_rsl_rl_stand_behind_the_memory_that_the_file_has_last(tmp_path):
    torch.manual_seed(10)
    actor = nn.Sequential(nn.Linear(7, 8), nn.ELU(), nn.Linear(8, 2))
    critic = nn.Sequential(nn.Linear(7, 8), nn.ELU(), nn.Linear(8, 1))
    modules = nn.ModuleDict({"actor": actor, "critic": critic})
    modules["memory_a"] = nn.ModuleDict({"rnn": nn.GRU(4, 7)})
    modules["memory_c"] = nn.ModuleDict({"rnn": nn.GRU(4, 7)})
    state = {"std": torch.full((2,), 0.3), **modules.state_dict()}
    torch.save({"model_state_dict": state, "iter": 1}, tmp_path / "model_1.pt")
    policy = load(tmp_path / "model_1.pt", activation="elu")
    expected = actor(modules["memory_a"]["rnn"](STEPS)[0]).detach()
    torch.testing.assert_close(played(policy, STEPS), expected)
    torch.testing.assert_close(policy.spread, torch.full((2,), 0.3))


@pytest.mark.parametrize(
    ("modules", "words"),
    [
        ({"one": nn.GRU(4, 7), "two": nn.GRU(7, 7), "head": nn.Linear(7, 2)}, "holds one and two"),
        ({"rnn": nn.GRU(4, 7), "head": nn.Linear(11, 2)}, "takes 11 numbers, and the memory give"),
        ({"rnn": nn.RNN(4, 7), "head": nn.Linear(7, 2)}, "weight_ih_l0 of shape"),
        (
            {"see": nn.Conv2d(1, 8, 5, 2), "rnn": nn.GRU(1152, 7), "head": nn.Linear(7, 2)},
            r"see.weight of shape \(8, 1, 5, 5\)",
        ),
        (
            {"first": nn.Linear(4, 4), "see": nn.Conv2d(1, 8, 8, 4), "rnn": nn.GRU(8, 7)},
            r"see.weight of shape \(8, 1, 8, 8\)",
        ),
        (
            {"see": nn.ModuleList(strided(1)), "rnn": nn.GRU(8 * 49, 7), "head": nn.Linear(7, 2)},
            "takes 392 numbers, where the usual strides leave 72 of 42×42 or 200 of 80×80 or 288",
        ),
        (
            {"rnn": nn.GRU(4, 7, bidirectional=True), "head": nn.Linear(14, 2)},
            "only those that run forwards",
        ),
    ],
)
def test_what_a_state_dict_does_not_tell_is_refused(tmp_path, modules, words):
    torch.save(nn.ModuleDict(modules).state_dict(), tmp_path / "policy.pth")
    with pytest.raises(UnsupportedCheckpoint, match=words):
        load(tmp_path / "policy.pth", activation="tanh")


@pytest.mark.parametrize("name", ["rnn.weight_hh", "rnn.bias_ih", "actor_linear.weight"])
def test_a_diverged_training_is_noticed(tmp_path, name):
    weights = Cell(nn.GRUCell).state_dict()
    weights[name].flatten()[0] = torch.nan
    torch.save(weights, tmp_path / "policy.pth")
    with pytest.raises(DamagedCheckpoint, match="NaN or infinite"):
        load(tmp_path / "policy.pth")


def test_a_cell_with_a_missing_bias_is_noticed(tmp_path):
    weights = Cell(nn.GRUCell).state_dict()
    del weights["rnn.bias_hh"]
    torch.save(weights, tmp_path / "policy.pth")
    with pytest.raises(DamagedCheckpoint, match="is missing"):
        load(tmp_path / "policy.pth")


def test_a_published_lstm_runs_as_it_was_measured(published):
    from policyscope import Environment, Greedy, play

    environment = Environment("HalfCheetah-v4")
    policy = load(published / "wocar-ppo-HalfCheetah-v2.model")
    fitted = policy.fitted_to(*environment.spaces(), environment.id)
    # 6624 ± 140 over 10 episodes was measured before; 4 of our own scatter by less than 300
    assert abs(play(Greedy(fitted), environment, 4).returns.mean() - 6624) < 300
