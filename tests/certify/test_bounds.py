import math

import nets
import numpy as np
import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from policyscope_certify.bounds import interval_bounds, linear_bounds, score_bounds
from policyscope_certify.regions import Region
from policyscope_certify.tracing import network_of
from torch import nn

from policyscope.policies.loading import load

NORMS = st.sampled_from([2, math.inf])
TINY = 1e-9
UNSHRUNK = (Phase.explicit, Phase.generate)


def encloses(network, region, seed=0, count=200):
    found = score_bounds(network, region)
    seen = nets.inside(region, seed, count)
    scores = network.values(seen.flatten(0, 1))[1].unflatten(0, seen.shape[:2])
    room = TINY * (1 + scores.abs().max())
    assert (scores >= found.low - room).all() and (scores <= found.high + room).all()
    least, most = nets.worst(network, region)
    assert (least >= found.low - room).all() and (most <= found.high + room).all()
    return found


@settings(deadline=None, phases=UNSHRUNK, max_examples=20)
@given(
    seed=st.integers(0, 10_000),
    activation=st.sampled_from(sorted(nets.ACTIVATIONS)),
    sizes=st.lists(st.integers(1, 9), min_size=2, max_size=5),
    norm=NORMS,
    radius=st.floats(1e-4, 3),
    bounded=st.booleans(),
)
def test_bounds_enclose_all_that_is_found_and_are_never_looser_than_intervals(
    seed, activation, sizes, norm, radius, bounded
):
    network = nets.network(nets.mlp(seed, sizes, activation), sizes[0])
    rng = torch.Generator().manual_seed(seed)
    units = torch.rand(sizes[0], dtype=torch.float64, generator=rng) + 0.1
    limit = torch.rand(sizes[0], dtype=torch.float64, generator=rng) + 0.5
    region = Region.around(
        nets.states(seed, 4, sizes[0]),
        norm,
        units,
        -limit if bounded else None,
        limit if bounded else None,
    ).of_radius(radius)
    found = encloses(network, region, seed, 60)
    plain = interval_bounds(network, region)
    assert (found.low >= plain.low - TINY).all() and (found.high <= plain.high + TINY).all()


@settings(deadline=None, phases=UNSHRUNK, max_examples=20)
@given(seed=st.integers(0, 10_000), activation=st.sampled_from(sorted(nets.ACTIVATIONS)))
def test_intervals_grow_with_the_radius_and_bounds_close_on_the_scores(seed, activation):
    network = nets.network(nets.mlp(seed, [3, 8, 8, 2], activation), 3)
    for norm in (2, math.inf):
        region = Region.around(nets.states(seed, 5, 3), norm)
        scores = network.values(region.states)[1]
        smaller = interval_bounds(network, region)
        for radius in (1e-3, 1e-2, 0.1, 1.0):
            larger = interval_bounds(network, region.of_radius(radius))
            assert (larger.low <= smaller.low + TINY).all()
            assert (larger.high >= smaller.high - TINY).all()
            smaller = larger
        closed = score_bounds(network, region.of_radius(1e-9))
        torch.testing.assert_close(closed.low, scores, rtol=0, atol=1e-6)
        torch.testing.assert_close(closed.high, scores, rtol=0, atol=1e-6)


@settings(deadline=None, phases=UNSHRUNK, max_examples=20)
@given(seed=st.integers(0, 10_000), radius=st.floats(0.01, 5))
def test_linear_networks_are_bounded_exactly(seed, radius):
    rng = np.random.default_rng(seed)
    body = nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 3)).requires_grad_(False)
    network = nets.network(body, 4)
    first, second = (layer.weight.double().numpy() for layer in body)
    weight = second @ first
    states = rng.standard_normal((7, 4))
    units = rng.uniform(0.1, 2, 4)
    scores = network.values(torch.from_numpy(states))[1].numpy()
    for norm, dual in ((2, 2), (math.inf, 1)):
        region = Region.around(torch.from_numpy(states), norm, torch.from_numpy(units))
        found = score_bounds(network, region.of_radius(radius))
        half = radius * np.linalg.norm(weight * units, dual, axis=1)
        np.testing.assert_allclose(found.low, scores - half, atol=1e-9)
        np.testing.assert_allclose(found.high, scores + half, atol=1e-9)


def neuron(norm, radius, state=0.0):
    """relu(x) at −r…r, plus x: by hand."""
    body = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1)).requires_grad_(False)
    for layer, weight, bias in ((body[0], 1.0, 0.5), (body[2], 2.0, -1.0)):
        layer.weight.fill_(weight)
        layer.bias.fill_(bias)
    region = Region.around(torch.tensor([[state]], dtype=torch.float64), norm)
    found = score_bounds(nets.network(body, 1), region.of_radius(radius))
    return found.low.item(), found.high.item()


@pytest.mark.parametrize("norm", [2, math.inf])
def test_one_neuron_is_as_by_hand(norm):
    # z = x + ½ in [−½, 1½]: 2 relu(z) − 1 in [−1, 2]; the chord ends at (1½, 1½)
    assert neuron(norm, 1.0) == pytest.approx((-1, 2), abs=1e-12)
    # z in [−1½, ½]
    assert neuron(norm, 1.0, -1.0) == pytest.approx((-1, 0), abs=1e-12)
    # never active, always active
    assert neuron(norm, 0.25, -1.0) == pytest.approx((-1, -1), abs=1e-12)
    assert neuron(norm, 0.25, 1.0) == pytest.approx((1.5, 2.5), abs=1e-12)


def test_lines_are_followed_back_as_by_hand():
    # y = relu(x1 + x2) − relu(x1 − x2)
    body = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)).requires_grad_(False)
    body[0].weight.copy_(torch.tensor([[1.0, 1.0], [1.0, -1.0]]))
    body[2].weight.copy_(torch.tensor([[1.0, -1.0]]))
    body[0].bias.fill_(0)
    body[2].bias.fill_(0)
    network = nets.network(body, 2)
    region = Region.around(torch.tensor([[1.0, 0.0]], dtype=torch.float64), math.inf)
    row = torch.ones(1, 1, 1, dtype=torch.float64)
    # at (1, 0) and radius ½: z1, z2 in [0, 2] are active, so y = 2 x2 in [−1, 1], exactly
    assert linear_bounds(network, region.of_radius(0.5), row).item() == pytest.approx(-1)
    # at (0, 0) and radius 1 both z are in [−2, 2], the line above is z/2 + 1 and the one below 0 or
    # z, so −(x1 − x2)/2 − 1 ≥ −2 at best; intervals know −2 as well
    middle = Region.around(torch.zeros(1, 2, dtype=torch.float64), math.inf).of_radius(1.0)
    assert linear_bounds(network, middle, row).item() == pytest.approx(-2)


class Around(nn.Module):
    """tanh(x) − 2x."""

    def forward(self, x):
        return x.tanh() - 2 * x


def test_a_positive_weight_takes_the_line_below_and_its_slope():
    # on [−1, 3] the least is at 3, where the line below meets the curve; intervals know −7 or so
    network = nets.network(Around(), 1)
    region = Region.around(torch.ones(1, 1), math.inf).of_radius(2.0)
    found = score_bounds(network, region)
    assert found.low.item() == pytest.approx(math.tanh(3) - 6, abs=1e-9)
    assert math.tanh(-1) + 2 <= found.high.item() < 2


class Difference(nn.Module):
    """relu(x1) − relu(x2): each is in [0, r]."""

    def forward(self, x):
        return x[:, :1].relu() - x[:, 1:].relu()


def test_half_widths_add_up_where_numbers_are_subtracted():
    network = nets.network(Difference(), 2)
    region = Region.around(torch.zeros(1, 2), math.inf).of_radius(1.0)
    for found in (interval_bounds(network, region), score_bounds(network, region)):
        assert (found.low.item(), found.high.item()) == (-1, 1)


class TwoStreams(nn.Module):
    """A dueling head: v + a − mean a."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 8), nn.ReLU())
        self.value = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1))
        self.advantage = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 4))

    def forward(self, x):
        features = self.body(x)
        advantage = self.advantage(features)
        return self.value(features) + advantage - advantage.mean(1, keepdim=True)


def test_branches_that_join_are_bounded():
    torch.manual_seed(1)
    network = nets.network(TwoStreams().requires_grad_(False), 3)
    assert len(network.layers) == 3
    for norm in (2, math.inf):
        region = Region.around(nets.states(2, 6, 3), norm).of_radius(0.4)
        found = encloses(network, region)
        plain = interval_bounds(network, region)
        assert (found.high - found.low).mean() < 0.7 * (plain.high - plain.low).mean()


def test_images_are_bounded_through_convolutions():
    torch.manual_seed(0)
    body = nn.Sequential(
        nn.Unflatten(1, (2, 8, 8)),
        nn.Conv2d(2, 4, 3, 2, padding=1),
        nn.ReLU(),
        nn.Conv2d(4, 6, 2, groups=2),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(54, 16),
        nn.ReLU(),
        nn.Linear(16, 3),
    ).requires_grad_(False)
    network = nets.network(body, 128)
    states = nets.states(0, 3, 128).abs()
    for norm, radius in ((2, 0.3), (math.inf, 0.02)):
        region = Region.around(states, norm, least=torch.zeros(128), most=torch.ones(128) * 3)
        found = encloses(network, region.of_radius(radius))
        plain = interval_bounds(network, region.of_radius(radius))
        assert (found.high - found.low).mean() < 0.5 * (plain.high - plain.low).mean()


def test_wide_layers_are_left_to_intervals_and_stay_enclosed(monkeypatch):
    monkeypatch.setattr("policyscope_certify.bounds.WIDEST", 5)
    monkeypatch.setattr("policyscope_certify.bounds.AT_ONCE", 1)
    network = nets.network(nets.mlp(3, [4, 6, 5, 3], "tanh"), 4)
    encloses(network, Region.around(nets.states(1, 5, 4), 2).of_radius(0.5))


def test_states_are_bounded_alike_alone_and_together():
    network = nets.network(nets.mlp(3, [4, 16, 16, 3], "tanh"), 4)
    region = Region.around(nets.states(1, 7, 4), 2).of_radius(0.3)
    together = score_bounds(network, region)
    for state in range(7):
        alone = score_bounds(network, region.rows(slice(state, state + 1)))
        torch.testing.assert_close(alone.low[0], together.low[state])
        torch.testing.assert_close(alone.high[0], together.high[state])


@pytest.mark.parametrize(
    ("file", "normalised", "radius"),
    [
        ("ppo-CartPole-v1.zip", False, 0.1),
        ("dqn-CartPole-v1.zip", False, 0.1),
        ("qrdqn-CartPole-v1.zip", False, 0.1),
        ("ppo-LunarLander-v2.zip", False, 0.05),
        ("sac-Pendulum-v1.zip", False, 0.1),
        ("trpo-Hopper-v3.zip", True, 0.05),
        ("ppo-HalfCheetah-v3.zip", True, 0.05),
    ],
)
def test_published_policies_are_enclosed(published, file, normalised, radius):
    statistics = published / file.replace(".zip", ".vecnormalize.pkl")
    policy = load(published / file, normalisation=statistics if normalised else None)
    network = network_of(policy)
    assert network.rounding < 1e-5
    assert policy.observation_shape is not None
    states = nets.states(0, 4, policy.observation_shape[0]) * 0.5
    for norm in (2, math.inf):
        region = Region.around(states, norm).of_radius(radius)
        found = encloses(network, region, count=100)
        plain = interval_bounds(network, region)
        assert (found.high - found.low).mean() < 0.75 * (plain.high - plain.low).mean()
        with torch.no_grad():
            own, _ = policy.scores(states.float())
        assert (own >= found.low - 1e-3).all() and (own <= found.high + 1e-3).all()
