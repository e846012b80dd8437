"""torch.export programs give what the module gave, row by row, with its gradients."""

import copy
import io
import pickle
import warnings

import pytest
import torch
from exports import edited, flat, pickled, root, saved
from gymnasium import spaces
from torch import Tensor, nn
from zips import archive, members

from policyscope.errors import DamagedCheckpoint, UnsupportedCheckpoint
from policyscope.policies.loading import load

ONE = torch.randn(1, 4, generator=torch.Generator().manual_seed(0))
THREE = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "policy.pt2"


def seen(*shape: int) -> Tensor:
    return 2 * torch.randn(9, *shape, generator=torch.Generator().manual_seed(2))


class Normalising(nn.Module):
    """Brings its normaliser as a buffer and as a constant, and computes with sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([1.0, -2.0, 0.5, 3.0]))
        self.scale = torch.tensor([2.0, 1.0, 0.5, 4.0])
        self.body = nn.Sequential(nn.Linear(4, 8), nn.ELU(), nn.LayerNorm(8))
        self.head = nn.Linear(12, 2)

    def forward(self, observations: Tensor) -> Tensor:
        normal = ((observations - self.mean) / self.scale).clamp(-2.0, float("inf"))
        rows = observations.shape[0]
        padded = torch.cat([normal, torch.zeros(rows, 4)], 1).view(rows * 2, -1)
        left, right = padded.view(rows, 8).chunk(2, dim=1)
        return self.head(torch.cat([self.body(left + right), normal], dim=1))


class Detached(nn.Module):
    """Acts without gradients, and changes intermediate results in place."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, observations: Tensor) -> Tensor:
        with torch.no_grad():
            hidden = self.layer(observations).relu_()
        return hidden * 2 + observations[:, :2]


def convolutional() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, padding=1),
        nn.Flatten(),
        nn.Linear(16, 3),
    )


class Pixels(nn.Module):
    """Takes bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.body = convolutional()

    def forward(self, observations: Tensor) -> Tensor:
        return self.body(observations.float() / 255)


MODULES = {
    "perceptron": (lambda: nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2)), (4,)),
    "normaliser, sizes": (Normalising, (4,)),
    "without gradients": (Detached, (4,)),
    "convolutions": (convolutional, (2, 8, 8)),
}


@pytest.mark.parametrize("decomposed", [False, True], ids=["as written", "decomposed"])
@pytest.mark.parametrize("free", [False, True], ids=["one row", "free batch"])
@pytest.mark.parametrize("name", MODULES)
def test_scores_and_gradients_are_those_of_the_module(path, name, free, decomposed):
    make, shape = MODULES[name]
    torch.manual_seed(1)
    module = make().eval()
    example = torch.randn(3 if free else 1, *shape)
    policy = load(saved(module, path, example, free=free, decomposed=decomposed))
    assert (policy.observation_shape, policy.differentiable) == (shape, True)
    observations = seen(*shape).requires_grad_()
    scores, memory = policy.scores(observations)
    expected = module(observations)
    assert (memory, policy.outputs) == ((), expected.shape[1])
    torch.testing.assert_close(scores, expected, rtol=1e-5, atol=1e-5)
    if name != "without gradients":
        gradients = [
            torch.autograd.grad(s.square().sum(), observations) for s in (scores, expected)
        ]
        torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("decomposed", [False, True])
@pytest.mark.parametrize("free", [False, True])
def test_pixels_have_gradients(path, free, decomposed):
    torch.manual_seed(1)
    module = Pixels().eval()
    example = torch.zeros(3 if free else 1, 2, 8, 8, dtype=torch.uint8)
    policy = load(saved(module, path, example, free=free, decomposed=decomposed))
    assert policy.checkpoint.observations == "(2, 8, 8) float32"
    pixels = torch.randint(256, (5, 2, 8, 8), generator=torch.Generator().manual_seed(0))
    observations = pixels.float().requires_grad_()
    scores, _ = policy.scores(observations)
    torch.testing.assert_close(scores, module(pixels.byte()))
    assert torch.autograd.grad(scores.sum(), observations)[0].any()


@pytest.mark.parametrize("layout", [pickled, flat])
def test_older_layouts_are_the_same_program(path, layout):
    torch.manual_seed(1)
    module = Normalising().eval()
    saved(module, path, THREE, free=True)
    path.write_bytes(layout(path))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch reads these layouts too, and warns
        torch.export.load(io.BytesIO(path.read_bytes()))
    observations = seen(4)
    torch.testing.assert_close(load(path).scores(observations)[0], module(observations))


class Recurrent(nn.Module):
    """Carries its memory outside."""

    def __init__(self, kind: type[nn.Module]) -> None:
        super().__init__()
        self.cell = kind(4, 8)
        self.head = nn.Linear(8, 2)

    def forward(self, obs: Tensor, h: Tensor, c: Tensor) -> dict[str, Tensor]:
        if isinstance(self.cell, nn.LSTM):
            seen, (h, c) = self.cell(obs[None], (h, c))
        else:
            seen, h = self.cell(obs[None], h)
            c = c + 1
        return {"logits": self.head(seen[0]), "value": seen[0, :, :1], "h": h, "c": c}


class Remembering(nn.Module):
    """Carries its memory in a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRUCell(4, 4)
        self.register_buffer("memory", torch.zeros(1, 4))

    def forward(self, observations: Tensor) -> Tensor:
        self.memory.copy_(self.cell(observations, self.memory))
        return self.memory * 2


def played(policy, steps: Tensor) -> list[Tensor]:
    memory, answers = policy.initial_memory(steps.shape[1]), []
    for observations in steps:
        scores, memory = policy.scores(observations, memory)
        answers.append(scores)
    return answers


@pytest.mark.parametrize("decomposed", [False, True])
@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_memory_beside_the_observation_is_carried_for_each_lane(path, kind, decomposed):
    torch.manual_seed(3)
    module, state = Recurrent(kind).eval(), torch.zeros(1, 1, 8)
    # torch takes one tensor that is given twice for one input
    policy = load(saved(module, path, ONE, state, state.clone(), decomposed=decomposed))
    assert policy.memory_shapes == ((1, 8), (1, 8))
    assert "value is set aside" in policy.checkpoint.notices[0]
    steps = torch.randn(4, 3, 4)
    together = played(policy, steps)
    for lane in range(3):
        h = c = state
        for observations, scores in zip(steps[:, lane : lane + 1], together, strict=True):
            answer = module(observations, h, c)
            h, c = answer["h"], answer["c"]
            torch.testing.assert_close(scores[lane : lane + 1], answer["logits"])


@pytest.mark.parametrize("decomposed", [False, True])
def test_memory_in_a_buffer_is_carried_for_each_lane(path, decomposed):
    torch.manual_seed(3)
    module = Remembering().eval()
    policy = load(saved(module, path, ONE, decomposed=decomposed))
    assert policy.memory_shapes == ((1, 4),)
    assert "whether memory begins at zero" in policy.checkpoint.unknown
    steps = torch.randn(4, 3, 4)
    together = played(policy, steps)
    played(policy, steps)  # which leaves nothing behind
    torch.testing.assert_close(played(policy, steps), together)
    for lane in range(3):
        alone = copy.deepcopy(module)
        for observations, scores in zip(steps[:, lane : lane + 1], together, strict=True):
            torch.testing.assert_close(scores[lane : lane + 1], alone(observations))


def test_it_says_what_it_is_and_plays_where_it_fits(path, network):
    policy = load(saved(network, path, THREE, free=True))
    assert policy.checkpoint.format == "torch.export program"
    assert policy.checkpoint.library == f"torch {torch.__version__}"
    assert policy.checkpoint.architecture == "program of linear, tanh"
    assert policy.checkpoint.parameters == 4 * 8 + 8 + 8 * 2 + 2
    box = spaces.Box(-1.0, 1.0, (4,))
    assert policy.fitted_to(box, spaces.Discrete(2), "it").meaning == "logits"


def test_it_can_be_sent_to_another_process(path, network):
    policy = load(saved(network, path, THREE, free=True))
    again = pickle.loads(pickle.dumps(policy.network))
    torch.testing.assert_close(again(seen(4), ())[0], network(seen(4)))


def test_a_batch_that_is_fixed_is_named(path, network):
    with pytest.raises(UnsupportedCheckpoint, match="exported for batches of 3"):
        load(saved(network, path, THREE))


class Pair(nn.Module):
    """Answers with two tables."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        return self.layer(observations), self.layer(observations).tanh()


def test_answers_that_cannot_be_told_apart_are_listed(path):
    with pytest.raises(UnsupportedCheckpoint, match=r"which output the scores are \(linear"):
        load(saved(Pair(), path, ONE))


def test_a_network_in_training_is_named(path):
    module = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 2)).train()
    with pytest.raises(UnsupportedCheckpoint, match="exported while in training .dropout tells"):
        load(saved(module, path, ONE))


class Open(nn.Module):
    """Takes observations of any length."""

    def forward(self, observations: Tensor) -> Tensor:
        return observations.mean(1, keepdim=True).expand(-1, 2)


def test_an_open_observation_is_named(path):
    dims = ({1: torch.export.Dim("length")},)
    torch.export.save(torch.export.export(Open(), (ONE,), dynamic_shapes=dims), path)
    with pytest.raises(UnsupportedCheckpoint, match="leaves the shape of its observations open"):
        load(path)


def test_a_training_that_diverged_is_called_so(path, network):
    with torch.no_grad():
        network[0].weight[0, 0] = torch.nan
    with pytest.raises(DamagedCheckpoint, match="the training had diverged"):
        load(saved(network, path, ONE))


def test_another_version_of_the_format_is_named(path, network):
    saved(network, path, ONE)
    with pytest.raises(UnsupportedCheckpoint, match="of format 9, and only 8"):
        load(edited(path, lambda program: program["schema_version"].update(major=9)))


def test_several_programs_are_listed(path, network):
    saved(network, path, ONE)
    parts = members(path)
    graph = parts.pop(f"{root(path)}/models/model.json")
    both = {f"{root(path)}/models/{name}.json": graph for name in ("actor", "critic")}
    path.write_bytes(archive(parts | both))
    with pytest.raises(UnsupportedCheckpoint, match=r"holds 2 programs \(actor, critic\)"):
        load(path)
