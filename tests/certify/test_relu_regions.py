import math

import nets
import numpy as np
import pytest
import torch
from policyscope_certify.network import NoBounds
from policyscope_certify.regions import Region
from policyscope_certify.relu_regions import linear_pieces
from torch import nn


@pytest.mark.parametrize("norm", [2, math.inf])
@pytest.mark.parametrize("activation", ["relu", "hardtanh"])
def test_scores_are_linear_exactly_as_far_as_said(norm, activation):
    network = nets.network(nets.mlp(4, [3, 7, 7, 2], activation), 3)
    units = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
    region = Region.around(nets.states(0, 20, 3), norm, units)
    pieces = linear_pieces(network, region)
    assert (pieces.distances > 0).all()
    inside = nets.inside(region.of_radius(1.0), 1, 60)
    moves = (inside - region.states) * pieces.distances[:, None] * 0.999999
    seen = region.states + moves
    scores = network.values(seen.flatten(0, 1))[1].unflatten(0, seen.shape[:2])
    linear = (pieces.slopes @ seen[..., None])[..., 0] + pieces.offsets
    torch.testing.assert_close(scores, linear, rtol=0, atol=1e-10)


def patterns(network, seen):
    before, _ = network.values(seen)
    return torch.cat([numbers.flatten(1) > 0 for numbers in before], 1)


@pytest.mark.parametrize("norm", [2, math.inf])
def test_the_nearest_kink_is_where_it_is_said_to_be(norm):
    body = nets.mlp(5, [3, 6, 6, 2], "relu")
    network = nets.network(body, 3)
    region = Region.around(nets.states(2, 15, 3), norm)
    pieces = linear_pieces(network, region)
    here = patterns(network, region.states)
    crossed = torch.zeros(15, dtype=torch.bool)
    # towards every unit's own kink, a little farther than said: one of them is crossed
    states = region.states.clone().requires_grad_()
    numbers = torch.cat([z.flatten(1) for z in network.values(states)[0]], 1)
    for unit in range(numbers.shape[1]):
        (slope,) = torch.autograd.grad(numbers[:, unit].sum(), states, retain_graph=True)
        step = slope.sign() if norm == math.inf else slope / slope.norm(dim=1, keepdim=True)
        step = -step * numbers[:, [unit]].detach().sign()
        near = region.states + 0.9999 * pieces.distances[:, None] * step
        far = region.states + 1.0001 * pieces.distances[:, None] * step
        assert torch.equal(patterns(network, near), here)
        crossed |= (patterns(network, far) != here).any(1)
    assert crossed.all()


def test_one_neuron_is_as_by_hand():
    body = nn.Sequential(nn.Linear(2, 1), nn.ReLU(), nn.Linear(1, 1)).requires_grad_(False)
    body[0].weight.copy_(torch.tensor([[3.0, 4.0]]))
    body[0].bias.fill_(-5.0)
    body[2].weight.fill_(2.0)
    body[2].bias.fill_(1.0)
    states = torch.tensor([[3.0, 4.0], [0.0, 0.0]], dtype=torch.float64)
    network = nets.network(body, 2)
    for norm, length in ((2, 5.0), (math.inf, 7.0)):
        pieces = linear_pieces(network, Region.around(states, norm))
        np.testing.assert_allclose(pieces.slopes, [[[6, 8]], [[0, 0]]])
        np.testing.assert_allclose(pieces.offsets, [[-9], [1]])
        np.testing.assert_allclose(pieces.distances, [20 / length, 5 / length])


def test_linear_policies_have_one_piece():
    network = nets.network(nn.Linear(3, 2).requires_grad_(False), 3)
    pieces = linear_pieces(network, Region.around(nets.states(0, 4, 3), 2))
    assert torch.isinf(pieces.distances).all()


def test_what_bends_has_no_pieces():
    network = nets.network(nets.mlp(0, [3, 4, 2], "tanh"), 3)
    with pytest.raises(NoBounds, match="activations that bend"):
        linear_pieces(network, Region.around(nets.states(0, 4, 3), 2))
