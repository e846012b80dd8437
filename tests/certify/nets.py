"""Networks with random weights, and what they do at the corners of regions and in between."""

import math
from dataclasses import replace

import handmade
import torch
from gymnasium import spaces
from policyscope_certify.network import Network
from policyscope_certify.regions import Region
from policyscope_certify.tracing import network_of
from torch import nn

ACTIVATIONS = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "hardtanh": nn.Hardtanh,
    "leaky": nn.LeakyReLU,
    "elu": nn.ELU,
    "softplus": nn.Softplus,
}


def mlp(seed: int, sizes: list[int], activation: str, gain: float = 1.5) -> nn.Module:
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for inputs, outputs in zip(sizes, sizes[1:], strict=False):
        layer = nn.Linear(inputs, outputs)
        with torch.no_grad():
            layer.weight.mul_(gain * math.sqrt(3))
            layer.bias.normal_(std=0.7)
        layers += [layer.requires_grad_(False), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


def policy(body: nn.Module, inputs: int, outputs: int):
    return handmade.policy(body, inputs, spaces.Discrete(outputs))


def network(body: nn.Module, inputs: int) -> Network:
    outputs = body(torch.zeros(1, inputs)).shape[1]
    return network_of(policy(body, inputs, outputs))


def states(seed: int, count: int, inputs: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, inputs, dtype=torch.float64, generator=generator)


def inside(region: Region, seed: int, count: int) -> torch.Tensor:
    """Observations of each region: its corners or its surface, and random ones between."""
    generator = torch.Generator().manual_seed(seed)
    shape = (count, *region.states.shape)
    moves = torch.randn(shape, dtype=torch.float64, generator=generator)
    if region.norm == 2:
        moves = moves / moves.flatten(2).norm(dim=2).view(count, -1, *(1,) * region.units.ndim)
    else:
        moves = moves.sign()
    moves[::3] *= torch.rand(moves[::3].shape, dtype=torch.float64, generator=generator)
    radii = region.radii.view(-1, *(1,) * region.units.ndim)
    low, high = region.box
    return (region.states + moves * radii * region.units).clamp(low, high)


def worst(network: Network, region: Region, steps: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    """The least and the most of each score that projected gradients find in each region."""
    scores = network.shapes[network.scores].numel()
    signs = torch.cat([torch.eye(scores), -torch.eye(scores)]).double()
    column = (-1, *(1,) * region.units.ndim)
    wanted = signs.repeat_interleave(len(region.states), 0)
    states = region.states.repeat(2 * scores, *column[1:])
    region = replace(region, states=states, radii=region.radii.repeat(2 * scores))
    (low, high), limit, found = region.box, region.radii.view(column), region.states
    least = torch.full((len(found),), math.inf, dtype=torch.float64)

    def summed(seen):
        values = (network.values(seen)[1] * wanted).sum(1)
        return values.sum(), values

    for step in range(steps):
        gradient, (_, values) = torch.func.grad_and_value(summed, has_aux=True)(found)
        least = least.minimum(values)
        scaled = gradient * region.units
        length = scaled.flatten(1).norm(dim=1).clamp(min=1e-30).view(column)
        moves = scaled / length if region.norm == 2 else scaled.sign()
        away = (found - region.states) / region.units - 2 / (step + 1) * limit * moves
        if region.norm == 2:
            length = away.flatten(1).norm(dim=1).clamp(min=1e-30).view(column)
            away = away * (limit / length).clamp(max=1)
        else:
            away = away.maximum(-limit).minimum(limit)
        found = (region.states + away * region.units).maximum(low).minimum(high)
    table = least.unflatten(0, (2 * scores, -1)).T
    return table[:, :scores], -table[:, scores:]
