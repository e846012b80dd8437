"""Perceptrons from the names and shapes of their tensors."""

import pytest
import torch
from torch import nn

from policyscope.errors import DamagedCheckpoint, UnsupportedCheckpoint, UsageError
from policyscope.policies import mlp

ROWS = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", mlp.ACTIVATIONS)
def test_every_activation_is_the_one_it_is_called(name):
    kind = mlp.activation_named(name)
    assert kind is getattr(nn, kind.__name__)
    original = nn.Sequential(nn.Linear(3, 5), kind(), nn.Linear(5, 2))
    layers = mlp.stack({f"x.{n}": t for n, t in original.state_dict().items()}, "x")
    torch.testing.assert_close(mlp.build(layers, kind)(ROWS), original(ROWS))


@pytest.mark.parametrize("spelt", ["ReLU", "relu", "RELU"])
def test_activations_are_found_however_they_are_spelt(spelt):
    assert mlp.activation_named(spelt) is nn.ReLU
    assert mlp.activation_named("leaky_relu") is nn.LeakyReLU


@pytest.mark.parametrize(("spelt", "meant"), [("rellu", "relu"), ("sigmoyd", "sigmoid")])
def test_an_unknown_activation_has_a_near_miss(spelt, meant):
    with pytest.raises(UsageError, match=f"no activation '{spelt}'.*Did you mean.*{meant}"):
        mlp.activation_named(spelt)


def test_layers_are_ordered_by_number_and_not_by_spelling():
    sizes = [3, *range(20, 31), 2]
    parts = [nn.Linear(a, b) for a, b in zip(sizes, sizes[1:], strict=False)]
    original = nn.Sequential(*(m for part in parts for m in (part, nn.Tanh())))[:-1]
    weights = {f"net.{name}": t for name, t in sorted(original.state_dict().items())}
    assert list(weights).index("net.10.bias") < list(weights).index("net.2.bias")
    layers = mlp.stack(weights, "net")
    assert mlp.sizes(layers) == sizes
    assert mlp.architecture(layers[-2:], nn.Tanh) == "29 → 30 → 2, Tanh"
    assert mlp.parameters(layers) == sum(p.numel() for p in original.parameters())
    torch.testing.assert_close(mlp.build(layers, nn.Tanh)(ROWS), original(ROWS))


def test_only_what_is_below_the_prefix_is_taken():
    weights = {
        "a.weight": torch.ones(2, 3),
        "ab.weight": torch.ones(9, 9),
        "weight": torch.ones(1, 1),
    }
    assert [tuple(w.shape) for w, _ in mlp.stack(weights, "a")] == [(2, 3)]
    assert mlp.stack(weights, "b") == []


@pytest.mark.parametrize(
    "strange",
    [{"a.1.weight": torch.ones(2)}, {"a.0.scale": torch.ones(1)}, {"a.2.bias": torch.ones(2)}],
)
def test_anything_else_below_the_prefix_is_named(strange):
    with pytest.raises(UnsupportedCheckpoint, match=f"and {next(iter(strange))} of shape"):
        mlp.stack({"a.0.weight": torch.ones(2, 3), **strange}, "a")


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ([], "no linear layers"),
        (
            [(torch.ones(2, 3), None), (torch.ones(2, 4), None)],
            "Layer 1 takes 4 numbers but layer 0",
        ),
        ([(torch.ones(2, 3), torch.ones(3))], r"Layer 0 has 2 outputs and \(3,\) biases"),
        ([(torch.ones(2, 3), torch.full((2,), torch.nan))], "Layer 0 holds weights that are NaN"),
        ([(torch.full((2, 3), 1e200, dtype=torch.float64), None)], "NaN or infinite"),
        ([(torch.ones(0, 3), None)], r"Layer 0 of shape \(0, 3\) is empty"),
    ],
)
def test_layers_that_cannot_be_are_damage(layers, words):
    with pytest.raises(DamagedCheckpoint, match=words):
        mlp.build(layers, nn.Tanh)


def test_nothing_is_drawn_and_nothing_can_be_trained():
    before = torch.get_rng_state()
    body = mlp.build([(torch.ones(2, 3, requires_grad=True), torch.ones(2))], nn.Tanh)
    assert torch.equal(torch.get_rng_state(), before)
    assert not body.training
    assert not any(parameter.requires_grad for parameter in body.parameters())
