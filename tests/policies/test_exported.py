"""TorchScript programs give what the module gives that they were made of."""

import pytest
import torch
from gymnasium import spaces
from programs import exported, frozen, scripted, traced
from torch import Tensor, nn

from policyscope.errors import DamagedCheckpoint, EnvironmentMismatch, UnsupportedCheckpoint
from policyscope.policies.loading import load
from policyscope.policies.policy import Scores

FOUR = spaces.Box(-1, 1, (4,))
TWO = spaces.Discrete(2)


class Normalising(nn.Module):
    """A policy that brings its normaliser, a skip connection and a branch."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([1.0, -2.0, 0.5, 3.0]))
        self.register_buffer("std", torch.tensor([0.5, 2.0, 1.0, 4.0]))
        self.body = nn.Sequential(nn.Linear(4, 8), nn.ELU(), nn.LayerNorm(8))
        self.head = nn.Linear(12, 2)

    def forward(self, observations: Tensor) -> Tensor:
        normal = ((observations - self.mean) / self.std).clamp(-2.0, 2.0)
        if normal.ndim != 2:
            raise ValueError("observations are rows")
        return self.head(torch.cat([self.body(normal), normal], dim=1))


@pytest.fixture(params=["plain", "normalising"])
def module(request, network) -> nn.Module:
    torch.manual_seed(5)
    return network if request.param == "plain" else Normalising()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "policy.pt"


@pytest.fixture
def observations() -> Tensor:
    return 2 * torch.randn(200, 4, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("form", ["scripted", "traced", "frozen"])
@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
def test_a_program_gives_the_original_s_scores(module, path, observations, form, precision):
    forms = {
        "scripted": lambda: scripted(module),
        "traced": lambda: traced(module, torch.zeros(1, 4)),
        "frozen": lambda: frozen(module),
    }
    policy = load(exported(forms[form](), path)).fitted_to(FOUR, TWO, "it")
    scores, memory = policy.scores(observations.to(precision))
    torch.testing.assert_close(scores, module(observations))
    assert memory == ()
    assert policy.meaning is Scores.LOGITS
    assert policy.checkpoint.parameters == sum(
        tensor.numel() for tensor in (*module.parameters(), *module.buffers())
    )


def test_scores_have_a_gradient(module, path, observations):
    policy = load(exported(module, path))
    ours, theirs = observations.clone().requires_grad_(), observations.clone().requires_grad_()
    policy.scores(ours)[0].sum().backward()
    module(theirs).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)
    assert all(not parameter.requires_grad for parameter in policy.network.parameters())


def test_a_program_in_double_precision_is_run_in_it(network, path, observations):
    module = network.double()
    policy = load(exported(module, path)).fitted_to(FOUR, TWO, "it")
    torch.testing.assert_close(
        policy.scores(observations)[0].double(), module(observations.double())
    )


class Overwriting(nn.Module):
    """Clips its input in place."""

    def forward(self, observations: Tensor) -> Tensor:
        return observations.clamp_(-1.0, 1.0)


def test_a_program_cannot_change_the_observations_it_is_shown(path, observations):
    before = observations.clone()
    scores, _ = load(exported(Overwriting(), path)).scores(observations)
    assert torch.equal(observations, before)
    assert torch.equal(scores, before.clamp(-1, 1))


def test_what_it_computes_is_recorded(network, path):
    checkpoint = load(exported(network, path)).checkpoint
    assert checkpoint.format == "TorchScript"
    assert checkpoint.architecture == "program of linear, tanh"
    assert checkpoint.unknown == (
        "observations",
        "actions",
        "whether scores are q-values or logits",
    )


@pytest.mark.parametrize(
    ("observations", "actions", "words"),
    [
        (spaces.Box(-1, 1, (5,)), TWO, r"fails on observations of shape \(5,\), which it gives"),
        (spaces.Box(-1, 1, (3, 3)), TWO, r"fails on observations of shape \(3, 3\)"),
        (FOUR, spaces.Discrete(3), "chooses among 2 outputs, but it takes 3 discrete actions"),
        (FOUR, spaces.Box(-1, 1, (1,)), r"2 outputs, but it takes 1 float32 numbers in \[-1, 1\]"),
    ],
)
def test_wrong_shapes_are_one_sentence(network, path, observations, actions, words):
    policy = load(exported(network, path))
    with pytest.raises(EnvironmentMismatch, match=f"{words}.*name the environment"):
        policy.fitted_to(observations, actions, "it")


class Mixing(nn.Module):
    """Compares each row with the others."""

    def forward(self, observations: Tensor) -> Tensor:
        return observations - observations.mean(0)


class Counting(nn.Module):
    """Remembers how often it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("asked", torch.zeros(1))

    def forward(self, observations: Tensor) -> Tensor:
        self.asked.add_(1.0)
        return observations + self.asked


class Dropping(nn.Module):
    """Still drops out, because it was traced while training."""

    def forward(self, observations: Tensor) -> Tensor:
        return torch.dropout(observations, 0.5, True)


@pytest.mark.parametrize(
    "module", [Mixing(), Counting(), Dropping()], ids=lambda m: type(m).__name__
)
def test_a_program_that_answers_differently_in_a_batch_or_twice_is_refused(module, path):
    torch.manual_seed(0)
    policy = load(exported(module, path))
    with pytest.raises(EnvironmentMismatch, match="answers differently when asked twice or in a"):
        policy.fitted_to(FOUR, spaces.Discrete(4), "it")


class Pair(nn.Module):
    """Answers with mean and spread."""

    def forward(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        return observations, observations


class Flat(nn.Module):
    """Answers with one number for each row."""

    def forward(self, observations: Tensor) -> Tensor:
        return observations.sum(1)


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (Pair(), "it answers with a tuple, not a table of scores"),
        (Flat(), r"it answers with shape \(3,\), not a row for each"),
    ],
)
def test_an_answer_that_is_no_table_of_scores_is_named(module, words, path):
    policy = load(exported(module, path))
    with pytest.raises(EnvironmentMismatch, match=words):
        policy.fitted_to(FOUR, TWO, "it")


class Recurrent(nn.Module):
    """Carries its memory in a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRUCell(4, 4)
        self.register_buffer("memory", torch.zeros(1, 4))

    def forward(self, observations: Tensor) -> Tensor:
        self.memory.copy_(self.cell(observations, self.memory))
        return self.memory


@pytest.mark.filterwarnings("ignore:.*torch.jit.load:DeprecationWarning")  # to compare with
def test_memory_in_a_buffer_is_carried_for_each_lane(path):
    torch.manual_seed(3)
    policy = load(exported(Recurrent(), path))
    assert (policy.observation_shape, policy.outputs) == ((4,), 4)
    assert policy.memory_shapes == ((1, 4),)
    steps, memory, together = torch.randn(5, 3, 4), policy.initial_memory(3), []
    for observations in steps:
        scores, memory = policy.scores(observations, memory)
        together.append(scores)
    for lane in range(3):
        alone = torch.jit.load(path)
        for observation, scores in zip(steps[:, lane : lane + 1], together, strict=True):
            torch.testing.assert_close(scores[lane : lane + 1], alone(observation))


class Learning(nn.Module):
    """Changes its own weights."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, observations: Tensor) -> Tensor:
        self.layer.weight.detach().copy_(self.layer.weight + 1)
        return self.layer(observations)


def test_a_program_that_changes_its_weights_is_refused(path):
    with pytest.raises(UnsupportedCheckpoint, match="keeps a memory"):
        load(exported(Learning(), path))


class Replacing(nn.Module):
    """Remembers by an attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.memory = torch.zeros(1, 4)

    def forward(self, observations: Tensor) -> Tensor:
        self.memory = self.layer(observations) + self.memory
        return self.memory


def test_a_program_that_replaces_its_attributes_is_refused(path):
    with pytest.raises(UnsupportedCheckpoint, match="replaces its own attributes"):
        load(exported(Replacing(), path))


@pytest.mark.parametrize("form", [scripted, frozen])
def test_a_program_whose_training_diverged_is_called_so(network, path, form):
    with torch.no_grad():
        network[0].weight[0, 0] = torch.nan
    with pytest.raises(DamagedCheckpoint, match="the training had diverged"):
        load(exported(form(network), path))


class Nothing(nn.Module):
    """Cannot be asked."""

    @torch.jit.export
    def act(self, observations: Tensor) -> Tensor:
        return observations


def test_a_program_without_a_forward_pass_is_named(path):
    with pytest.raises(DamagedCheckpoint, match="cannot be compiled to a forward pass"):
        load(exported(Nothing(), path))
