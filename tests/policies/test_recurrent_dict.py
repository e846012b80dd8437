"""State dicts with an LSTM become the network they came from."""

import pytest
import torch
from torch import nn

from policyscope.errors import ActivationUnknown, UnsupportedCheckpoint
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
    with pytest.raises(ActivationUnknown, match="between its linear layers") as error:
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


def test_a_published_lstm_runs_as_it_was_measured(published):
    from policyscope import Environment, Greedy, play

    environment = Environment("HalfCheetah-v4")
    policy = load(published / "wocar-ppo-HalfCheetah-v2.model")
    fitted = policy.fitted_to(*environment.spaces(), environment.id)
    # 6624 ± 140 over 10 episodes was measured before; 4 of our own scatter by less than 300
    assert abs(play(Greedy(fitted), environment, 4).returns.mean() - 6624) < 300
