"""Weights fill the network that a person names, exactly, or a sentence says what differs."""

import sys

import pytest
import torch
from gymnasium import spaces
from payloads import Call
from torch import nn

from policyscope.errors import (
    CheckpointError,
    DamagedCheckpoint,
    EnvironmentMismatch,
    UnsafeCheckpoint,
    UnsupportedCheckpoint,
    UsageError,
)
from policyscope.policies.loading import load

CODE = '''
import torch
from torch import nn
from torch.distributions import Categorical, Independent, Normal

class Actor(nn.Module):
    """Skips a layer, which no state dict tells."""

    def __init__(self, answer=lambda scores: scores):
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.register_buffer("mean", torch.ones(4))
        self.head = nn.Linear(4, 2)
        self.answer = answer

    def forward(self, observations):
        hidden = torch.sin(self.first(observations - self.mean)) + observations
        return self.answer(self.head(hidden))

def build():
    return Actor()

def categorical():
    return Actor(lambda scores: (Categorical(logits=scores), scores.sum(1)))

def gaussian():
    return Actor(lambda scores: Independent(Normal(scores, 1.0), 1))

def dictionary():
    return Actor(lambda scores: {"logits": scores})

def failing():
    return Actor(lambda scores: {}["key"])

def double():
    return Actor().double()

instance = Actor()

def wanting(size):
    return Actor()

number = 3

class Inner:
    Actor = Actor
'''
OBSERVATIONS = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
BOX = spaces.Box(-1.0, 1.0, (4,))


@pytest.fixture
def theirs(tmp_path, monkeypatch):
    """Somebody's module in the working directory."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "their_net.py").write_text(CODE)
    yield "their_net"
    sys.modules.pop("their_net", None)


@pytest.fixture
def trained(theirs, tmp_path) -> nn.Module:
    """Their network, trained, and its state dict in a file."""
    sys.path.insert(0, str(tmp_path))
    import their_net  # pyright: ignore[reportMissingImports]

    sys.path.remove(str(tmp_path))
    torch.manual_seed(7)
    network = their_net.Actor()
    torch.save(network.state_dict(), tmp_path / "actor.pt")
    return network


@pytest.mark.parametrize("name", ["Actor", "build", "instance", "Inner.Actor", "gaussian"])
def test_scores_and_gradients_are_those_of_the_network(trained, name):
    policy = load("actor.pt", architecture=f"their_net:{name}")
    observations = OBSERVATIONS.clone().requires_grad_()
    scores, memory = policy.scores(observations)
    assert (memory, policy.differentiable) == ((), True)
    expected = trained(observations)
    torch.testing.assert_close(scores, expected, rtol=0, atol=0)
    gradients = [torch.autograd.grad(s.sum(), observations)[0] for s in (scores, expected)]
    torch.testing.assert_close(*gradients)
    assert not any(p.requires_grad for p in policy.network.parameters())
    assert policy.checkpoint.architecture == f"Actor of their_net:{name}"
    assert policy.fitted_to(BOX, spaces.Discrete(2), "it").outputs == 2


def test_a_tuple_begins_with_the_scores_and_a_categorical_has_logits(trained):
    policy = load("actor.pt", architecture="their_net:categorical")
    expected = trained(OBSERVATIONS).log_softmax(1)
    torch.testing.assert_close(policy.scores(OBSERVATIONS)[0], expected)


def test_a_network_of_double_precision_gives_single(trained):
    policy = load("actor.pt", architecture="their_net:double")
    scores, _ = policy.scores(OBSERVATIONS)
    assert scores.dtype == torch.float32
    torch.testing.assert_close(scores, trained(OBSERVATIONS))


def test_building_a_network_draws_nothing_from_the_global_generator(trained):
    before = torch.get_rng_state()
    load("actor.pt", architecture="their_net:build")
    assert torch.equal(torch.get_rng_state(), before)


def nested(state) -> dict:
    return {"epoch": 3, "agent": [{"weights": state}], "optimizer": {"state": {0: torch.ones(3)}}}


PLACES = {
    "nested": nested,
    "of DataParallel": lambda state: {f"module.{name}": t for name, t in state.items()},
    "compiled": lambda state: {"model": {f"_orig_mod.{n}": t for n, t in state.items()}},
    "in a tuple": lambda state: ({"other.weight": torch.ones(2, 2)}, state),
}


@pytest.mark.parametrize("name", PLACES)
def test_the_state_dict_that_fits_is_found(trained, name):
    torch.save(PLACES[name](trained.state_dict()), "other.pt")
    policy = load("other.pt", architecture="their_net:build")
    torch.testing.assert_close(policy.scores(OBSERVATIONS)[0], trained(OBSERVATIONS))
    assert policy.checkpoint.notices == ()


def test_a_pickled_module_is_filled_in_without_its_class(trained, monkeypatch):
    trained.answer = None
    torch.save({"agent": trained}, "whole.pt")
    del trained.answer
    trained.answer = lambda scores: scores
    policy = load("whole.pt", architecture="their_net:build")
    torch.testing.assert_close(policy.scores(OBSERVATIONS)[0], trained(OBSERVATIONS))
    assert policy.checkpoint.notices == ()


def test_safetensors_and_zips_of_stable_baselines3_are_filled_in(trained, originals):
    from safetensors.torch import save_file

    save_file(trained.state_dict(), "actor.safetensors")
    policy = load("actor.safetensors", architecture="their_net:build")
    torch.testing.assert_close(policy.scores(OBSERVATIONS)[0], trained(OBSERVATIONS))
    with pytest.raises(
        CheckpointError, match="does not fit their_net:build: it lacks mean, first.weight"
    ):
        load(originals["PPO"].path, architecture="their_net:build")


def test_two_that_fit_are_a_notice(trained):
    target = {name: tensor + 1 for name, tensor in trained.state_dict().items()}
    torch.save({"online": trained.state_dict(), "target": target}, "both.pt")
    policy = load("both.pt", architecture="their_net:build")
    torch.testing.assert_close(policy.scores(OBSERVATIONS)[0], trained(OBSERVATIONS))
    assert policy.checkpoint.notices == ("2 state dicts in the file fit, and the first was taken.",)


def test_every_difference_is_named(trained):
    state = dict(trained.state_dict())
    del state["mean"]
    state["head.weight"] = torch.ones(3, 4)
    state |= {f"critic.{i}": torch.ones(1) for i in range(5)}
    torch.save(state, "other.pt")
    with pytest.raises(CheckpointError) as error:
        load("other.pt", architecture="their_net:build")
    assert str(error.value) == (
        "other.pt does not fit their_net:build: it lacks mean; the network has no critic.0, "
        "critic.1, critic.2 and 2 more; head.weight is (3, 4) where the network has (2, 4)."
    )


def test_a_training_that_diverged_is_called_so(trained):
    torch.save({**trained.state_dict(), "mean": torch.full((4,), torch.nan)}, "other.pt")
    with pytest.raises(DamagedCheckpoint, match="NaN or infinity in mean"):
        load("other.pt", architecture="their_net:build")


def test_a_file_without_tensors_is_named(trained):
    torch.save({"epoch": 3}, "other.pt")
    with pytest.raises(UnsupportedCheckpoint, match="holds no tensors by name"):
        load("other.pt", architecture="their_net:build")


def test_what_is_in_the_file_is_still_not_run(trained, marker):
    torch.save({**trained.state_dict(), "x": Call(open, str(marker), "w")}, "other.pt")
    policy = load("other.pt", architecture="their_net:build")
    torch.testing.assert_close(policy.scores(OBSERVATIONS)[0], trained(OBSERVATIONS))
    torch.save(Call(open, str(marker), "w"), "other.pt")
    with pytest.raises((UnsafeCheckpoint, UnsupportedCheckpoint)):
        load("other.pt", architecture="their_net:build")
    assert not marker.exists()


def test_a_module_that_contains_itself_ends(trained):
    trained.answer = None
    trained._modules["self"] = trained
    torch.save(trained, "endless.pt")
    with pytest.raises(CheckpointError, match="does not fit"):
        load("endless.pt", architecture="their_net:build")


NAMES = {
    "their_net": "names no code; give package.module:name",
    "their_net:": "names no code",
    ":build": "names no code",
    "their_nets:build": "their_nets cannot be imported .ModuleNotFoundError",
    "their_net:biuld": "their_net has no 'biuld'. Did you mean build",
    "their_net:wanting": "cannot be called without arguments to build a policy .TypeError",
    "their_net:number": "cannot be called without arguments",
    "torch:ones_like": "cannot be called without arguments",
    "builtins:dict": "builtins:dict builds a dict, not a torch.nn.Module",
}


@pytest.mark.parametrize("reference", NAMES)
def test_code_that_builds_no_network_is_a_sentence(trained, reference):
    with pytest.raises(UsageError, match=NAMES[reference]):
        load("actor.pt", architecture=reference)


def test_code_that_fails_when_it_is_imported_is_a_sentence(trained, tmp_path):
    (tmp_path / "broken_net.py").write_text("1 / 0")
    with pytest.raises(UsageError, match="broken_net cannot be imported .ZeroDivisionError"):
        load("actor.pt", architecture="broken_net:build")


def test_an_activation_besides_is_refused(trained):
    with pytest.raises(UsageError, match="leave --activation away"):
        load("actor.pt", architecture="their_net:build", activation="tanh")


@pytest.mark.parametrize(
    ("name", "words"),
    [("dictionary", "it answers with a dict, not with a tensor"), ("failing", "KeyError: 'key'")],
)
def test_an_answer_without_scores_is_a_sentence(trained, name, words):
    policy = load("actor.pt", architecture=f"their_net:{name}")
    with pytest.raises(EnvironmentMismatch, match=words):
        policy.fitted_to(BOX, spaces.Discrete(2), "it")
