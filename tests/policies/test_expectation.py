"""A network that is driven where its activation is flat probably lacks its normaliser."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from exports import saved
from torch import Tensor, nn

from policyscope.policies.callables import from_callable
from policyscope.policies.expectation import SUSPICIOUS, overdriven
from policyscope.policies.loading import load
from policyscope.policies.policy import FeedForward, Policy
from policyscope.policies.readable import policy_of
from policyscope.provenance import Checkpoint
from policyscope.readable.equations import Equations
from policyscope.readable.readable import Readable

CHECKPOINT = Checkpoint("mine.zip", "0" * 64, "by hand", None, None, "", 0, "", "", "")


def policy(*modules: nn.Module) -> Policy:
    return Policy(FeedForward(nn.Sequential(*modules)).eval(), 2, CHECKPOINT)


def test_the_share_of_sums_beyond_three_is_counted_before_the_activation():
    layer = nn.Linear(1, 2, bias=False)
    layer.weight = nn.Parameter(torch.tensor([[1.0], [-2.0]]))
    observations = torch.tensor([[1.0], [1.6], [3.5], [-4.0]])
    # sums: 1 -2, 1.6 -3.2, 3.5 -7, -4 8: five of eight beyond
    assert overdriven(policy(layer, nn.Tanh(), nn.Linear(2, 2)), observations) == 5 / 8


def test_the_second_layer_does_not_count():
    first, second = nn.Linear(1, 1), nn.Linear(1, 1)
    nn.init.constant_(first.weight, 0.0)
    nn.init.constant_(second.bias, 99.0)
    share = overdriven(policy(first, nn.Tanh(), second), torch.ones(3, 1))
    assert share == 0 < SUSPICIOUS


def test_nothing_is_said_where_no_layer_is_visible():
    assert overdriven(policy(nn.Identity()), torch.ones(3, 1)) is None


def test_nothing_is_said_where_nothing_bends():
    assert overdriven(policy(nn.Linear(1, 2)), torch.full((3, 1), 99.0)) is None
    form = Equations(np.array([[0], [2]]), np.array([[50.0, 1.0], [-3.0, 90.0]]))
    readable = Readable(form, ("x",), ("a", "b"), (2,), (0,))
    assert overdriven(policy_of(readable, "equations"), torch.full((3, 1), 9.0)) is None


def test_an_activation_in_place_changes_no_sum():
    layer = nn.Linear(1, 1, bias=False)
    layer.weight = nn.Parameter(torch.tensor([[1.0]]))
    observations = torch.tensor([[-5.0], [1.0]])
    assert overdriven(policy(layer, nn.ReLU(inplace=True)), observations) == 1 / 2


def test_a_convolution_comes_first():
    network = policy(nn.Unflatten(1, (1, 3)), nn.Conv1d(1, 1, 2), nn.Flatten(), nn.Linear(2, 2))
    assert overdriven(network, 99 * torch.ones(3, 3)) is None


def scripted(network: nn.Module, path: Path) -> Path:
    from programs import exported

    return exported(network, path)


def onnx(network: nn.Module, path: Path) -> Path:
    pytest.importorskip("onnx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # this exporter is deprecated
        torch.onnx.export(network, (torch.zeros(1, 4),), path, dynamo=False)
    return path


def with_torch_export(network: nn.Module, path: Path) -> Path:
    return saved(network, path, torch.zeros(1, 4))


class Remembering(nn.Module):
    """Computes rows one by one, because it has a memory."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("steps", torch.zeros(1, 1))

    def forward(self, observations: Tensor) -> Tensor:
        self.steps.copy_(self.steps + 1)
        return self.network(observations)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.parametrize("remembers", [False, True])
@pytest.mark.parametrize("written", [scripted, onnx, with_torch_export])
def test_the_first_layer_is_seen_in_every_format(network, tmp_path, written, remembers):
    observations = 5 * torch.randn(40, 4, generator=torch.Generator().manual_seed(0))
    expected = (network[0](observations).abs() > 3).float().mean().item()
    assert 0.1 < expected < 0.9
    if remembers and written is onnx:
        pytest.skip("ONNX knows no buffers that change")
    module = Remembering(network) if remembers else network
    read = load(written(module.eval(), tmp_path / "policy"))
    assert bool(read.memory_shapes) == remembers
    assert overdriven(read, observations) == pytest.approx(expected)


def test_nothing_is_said_of_a_black_box():
    def act(observations: np.ndarray) -> np.ndarray:
        return observations @ np.full((4, 2), 99.0)

    assert overdriven(from_callable(act), torch.ones(3, 4)) is None
