"""Whole pickled modules are read as data and rebuilt; their classes are never imported."""

import sys
from types import ModuleType

import pytest
import torch
from torch import nn

from policyscope.errors import ActivationUnknown, DamagedCheckpoint, UnsupportedCheckpoint
from policyscope.policies.loading import load

IMAGES = torch.randint(0, 256, (5, 4, 84, 84), generator=torch.Generator().manual_seed(0)).byte()
VECTORS = torch.randn(7, 4, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def theirs(monkeypatch):
    """Somebody's package, whose classes are gone when the file is read."""
    module = ModuleType("their_package")
    code = """
from torch import nn

class Flatten(nn.Module):
    def forward(self, x):
        return x.reshape(len(x), -1)

class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(4, 8, 8, stride=4), nn.ReLU(), nn.Conv2d(8, 8, 4, stride=2), nn.ReLU(),
            Flatten(), nn.Linear(8 * 9 * 9, 16), nn.ReLU(),
        )
        self.critic_linear = nn.Linear(16, 1)

class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(16, 6)

class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.base = Base()
        self.dist = Head()

    def forward(self, x):
        return self.dist.linear(self.base.main(x / 255))

class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 8)
        self.second = nn.Linear(8, 2)

    def forward(self, x):
        return self.second(self.first(x).tanh())

class Mystery(nn.Module):
    pass

class Odd(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 8)
        self.inner = Mystery()
"""
    exec(compile(code, "their_package", "exec"), module.__dict__)
    monkeypatch.setitem(sys.modules, "their_package", module)
    for value in list(vars(module).values()):
        if isinstance(value, type) and issubclass(value, nn.Module):
            value.__module__ = "their_package"
    return module


def saved(module, path, monkeypatch, legacy=False):
    torch.save(module, path, _use_new_zipfile_serialization=not legacy)
    monkeypatch.delitem(sys.modules, "their_package", raising=False)
    return path


@pytest.mark.filterwarnings("ignore:Couldn't retrieve source code")  # nor is there any
@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize("beside", [lambda m: m, lambda m: [m, None], lambda m: {"net": m, "x": 1}])
def test_an_image_policy_is_rebuilt_without_its_critic(
    theirs, tmp_path, monkeypatch, legacy, beside
):
    torch.manual_seed(0)
    original = theirs.Policy()
    expected = original(IMAGES.float()).detach()
    path = saved(beside(original), tmp_path / "policy.pth", monkeypatch, legacy)
    policy = load(path)
    torch.testing.assert_close(policy.scores(IMAGES)[0], expected)
    assert "their_package" not in sys.modules
    assert "linear 16→6" in policy.checkpoint.architecture
    assert any("1/255" in unknown for unknown in policy.checkpoint.unknown)
    assert policy.takes_bytes


def test_a_vector_policy_knows_its_sizes(tmp_path):
    original = nn.Sequential(nn.Linear(4, 8), nn.ELU(0.5), nn.Linear(8, 3))
    torch.save(original, tmp_path / "policy.pth")
    policy = load(tmp_path / "policy.pth")
    assert (policy.observation_shape, policy.outputs) == ((4,), 3)
    torch.testing.assert_close(policy.scores(VECTORS)[0], original(VECTORS).detach())


def test_an_activation_in_code_is_asked_for(theirs, tmp_path, monkeypatch):
    original = theirs.Functional()
    path = saved(original, tmp_path / "policy.pth", monkeypatch)
    with pytest.raises(ActivationUnknown, match="an activation in code that is not in the file"):
        load(path)
    policy = load(path, activation="tanh")
    torch.testing.assert_close(policy.scores(VECTORS)[0], original(VECTORS).detach())


def test_code_without_layers_is_named(theirs, tmp_path, monkeypatch):
    path = saved(theirs.Odd(), tmp_path / "policy.pth", monkeypatch)
    with pytest.raises(UnsupportedCheckpoint, match=r"module\.inner is a their_package\.Mystery"):
        load(path)


def test_a_layer_of_another_kind_is_named(tmp_path):
    torch.save(nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8)), tmp_path / "policy.pth")
    with pytest.raises(
        UnsupportedCheckpoint, match=r"torch\.nn\.modules\.normalization\.LayerNorm"
    ):
        load(tmp_path / "policy.pth")


def test_nan_is_refused(tmp_path):
    module = nn.Sequential(nn.Linear(4, 2))
    with torch.no_grad():
        module[0].bias[1] = float("nan")
    torch.save(module, tmp_path / "policy.pth")
    with pytest.raises(DamagedCheckpoint, match=r"module\.0 holds NaN or infinity in its bias"):
        load(tmp_path / "policy.pth")


LIES = {
    "more than there is room for": (0, "in_features", 2**40, "does not hold the weight"),
    "no number": (0, "in_features", "4", "is a Linear with options that make no sense"),
    "none": (0, "out_features", None, "is a Linear with options that make no sense"),
    "beyond all numbers": (2, "in_features", 10**30, "is a Linear with options that make no sense"),
    "an option of another type": (1, "alpha", [1], "is a ELU with options that make no sense"),
}


@pytest.mark.parametrize(("layer", "option", "value", "words"), LIES.values(), ids=LIES)
def test_options_that_make_no_sense_are_one_sentence(tmp_path, layer, option, value, words):
    module = nn.Sequential(nn.Linear(4, 8), nn.ELU(), nn.Linear(8, 3))
    module[layer].__dict__[option] = value
    torch.save(module, tmp_path / "policy.pth")
    with pytest.raises(DamagedCheckpoint, match=words):
        load(tmp_path / "policy.pth")


def test_layers_that_do_not_follow_one_another_are_one_sentence(tmp_path):
    torch.save(nn.Sequential(nn.Linear(4, 8), nn.ELU(), nn.Linear(7, 3)), tmp_path / "policy.pth")
    with pytest.raises(DamagedCheckpoint, match="a network whose parts do not fit together"):
        load(tmp_path / "policy.pth")


def test_a_module_that_holds_itself_is_one_sentence(tmp_path):
    module = nn.Sequential(nn.Linear(4, 8))
    module._modules["1"] = module
    torch.save(module, tmp_path / "policy.pth")
    with pytest.raises(
        UnsupportedCheckpoint, match=r"module\.1 is a .*Sequential that is held twice"
    ):
        load(tmp_path / "policy.pth")


def test_a_few_modules_cannot_be_very_many_layers(tmp_path):
    module = nn.Sequential(nn.Identity())
    for _ in range(60):
        module = nn.Sequential(module, module)
    torch.save(module, tmp_path / "policy.pth")
    with pytest.raises(UnsupportedCheckpoint, match="held twice"):
        load(tmp_path / "policy.pth")


def test_nothing_random_is_drawn(tmp_path):
    torch.save(nn.Sequential(nn.Linear(4, 8), nn.ELU(), nn.Linear(8, 3)), tmp_path / "policy.pth")
    before = torch.random.get_rng_state()
    load(tmp_path / "policy.pth")
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.slow
def test_published_pong_policies_win(published):
    from policyscope import Environment, Greedy, play

    pytest.importorskip("ale_py")
    environment = Environment("PongNoFrameskip-v4")
    policy = load(published / "pong-ppo.pth").fitted_to(*environment.spaces(), environment.id)
    assert (play(Greedy(policy), environment, 2).returns >= 20).all()
