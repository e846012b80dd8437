from dataclasses import replace

import handmade
import nets
import numpy as np
import pytest
import torch
from gymnasium import spaces
from policyscope_certify.action_certificates import AroundStates, action_certificates
from torch import nn

from policyscope.reports.figures.action_certificates import draw_action_certificates

AROUND = AroundStates(
    sigma=0.3,
    unit=np.ones(()),
    counted="units",
    states=15,
    draws=2000,
    alpha=0.05,
    tolerance=0.1,
)


def subject(policy, inputs):
    return handmade.subject(policy, nets.states(0, 40, inputs).float().numpy(), [25, 15])


def by_way(found, table):
    return dict(zip(zip(found.methods, found.norms, strict=True), table, strict=True))


def test_every_way_certifies_discrete_actions_and_the_tighter_ones_further():
    policy = nets.policy(nets.mlp(2, [3, 12, 12, 3], "relu"), 3, 3)
    found = action_certificates(subject(policy, 3), AROUND)
    radii = by_way(found, found.radii)
    assert found.missing is None and not found.epsilons
    assert len(radii) == 5 and found.radii.shape == (5, 15)
    for norm in ("l2", "linf"):
        assert (radii["lines", norm] >= radii["intervals", norm] * 0.996).all()
    assert (radii["lines", "l2"] >= radii["lines", "linf"] * 0.99).all()
    assert (found.radii <= found.reach).all() and (radii["smoothing", "l2"] > 0).any()
    keys = [measure.key for measure in found.measures()]
    assert keys[:2] == ["action_radius", "action_radius[method=smoothing,norm=l2]"]


def test_linear_policies_stand_as_far_either_way():
    policy = handmade.policy(handmade.linear([[1.0, 0.5], [0.0, 0.0]]), 2, spaces.Discrete(2))
    found = action_certificates(subject(policy, 2), replace(AROUND, draws=100_000, states=8))
    radii = by_way(found, found.radii)
    near = radii["lines", "l2"] < 0.6  # farther than smoothing can see with so many draws
    assert near.any()
    np.testing.assert_allclose(
        radii["smoothing", "l2"][near], radii["lines", "l2"][near], atol=0.03
    )


def test_continuous_actions_are_bounded_in_half_ranges():
    body = nn.Sequential(handmade.linear([[1.0, 0.0], [0.0, 4.0]]))
    policy = handmade.policy(body, 2, spaces.Box(-20, 20, (2,)))
    found = action_certificates(subject(policy, 2), AROUND)
    changes = by_way(found, found.changes)
    assert found.tolerance == 0.1
    np.testing.assert_allclose(found.epsilons, (0.075, 0.15, 0.3))
    for norm in ("l2", "linf"):
        exact = 4 * np.array(found.epsilons)[:, None] / 20
        np.testing.assert_allclose(changes["lines", norm], exact + np.zeros((3, 15)), rtol=1e-5)
    assert (changes["smoothing", "l2"] >= exact - 0.01).all()
    np.testing.assert_allclose(changes["smoothing", "l2"], exact + np.zeros((3, 15)), atol=0.03)
    keys = [measure.key for measure in found.measures()]
    assert "action_change_bound[method=smoothing,norm=l2,epsilon=0.075]" in keys


def test_continuous_actions_stay_as_far_as_can_be_computed():
    body = nn.Sequential(handmade.linear([[1.0, 0.0], [0.0, 4.0]]))
    policy = handmade.policy(body, 2, spaces.Box(-20, 20, (2,)))
    around = replace(AROUND, tolerance=0.02, draws=100_000)
    found = action_certificates(subject(policy, 2), around)
    radii, true = by_way(found, found.radii), 0.02 * 20 / 4
    for way in (("lines", "l2"), ("lines", "linf"), ("intervals", "l2")):
        assert (radii[way] < true).all()
        np.testing.assert_allclose(radii[way], true, rtol=0.005)
    # of noise with a tenth of a tolerance as its error: the centre is the median of 100 draws
    assert (radii["smoothing", "l2"] < true + 0.1 * 0.3).all()
    np.testing.assert_allclose(radii["smoothing", "l2"], true, atol=0.11)
    assert keys_of(found)[:2] == ["action_radius", "action_radius[method=smoothing,norm=l2]"]


def keys_of(found):
    return [measure.key for measure in found.measures()]


class Multiplying(nn.Module):
    def forward(self, x):
        return torch.stack([x[:, 0] * x[:, 1], x[:, 0]], 1)


def test_smoothing_is_left_where_nothing_else_can_be_bounded():
    found = action_certificates(subject(nets.policy(Multiplying(), 3, 2), 3), AROUND)
    assert found.methods == ("smoothing",)
    assert found.missing is not None and "computes mul" in found.missing


def test_wide_networks_are_left_to_smoothing(monkeypatch):
    monkeypatch.setattr("policyscope_certify.action_certificates.WIDEST", 10)
    policy = nets.policy(nets.mlp(2, [3, 12, 3], "relu"), 3, 3)
    found = action_certificates(subject(policy, 3), AROUND)
    assert found.missing is not None and "12 numbers" in found.missing


def test_equal_seeds_give_equal_certificates():
    seen = subject(nets.policy(nets.mlp(2, [3, 12, 3], "relu"), 3, 3), 3)
    first, again = (action_certificates(seen, AROUND) for _ in range(2))
    np.testing.assert_array_equal(first.radii, again.radii)
    other = action_certificates(replace(seen, seed=1), AROUND)
    assert not np.array_equal(first.radii, other.radii)


@pytest.mark.parametrize("discrete", [True, False])
def test_they_are_drawn(discrete):
    actions = spaces.Discrete(3) if discrete else spaces.Box(-1, 1, (3,))
    policy = handmade.policy(nets.mlp(2, [3, 12, 3], "tanh"), 3, actions)
    found = action_certificates(subject(policy, 3), AROUND)
    stays, *moves = draw_action_certificates("certify", found)
    assert len(stays.figure.data) == 5
    assert all(line.y[0] == 1 and line.y[-1] == 0 for line in stays.figure.data)
    assert len(moves) == (0 if discrete else 1)
    for drawn in moves:
        assert all(len(line.x) == 3 for line in drawn.figure.data)


def test_relu_policies_are_linear_up_to_the_next_kink():
    """One neuron: the next kink of max(3x + 4y + 1, 0) is where 3x + 4y + 1 is 0."""
    first, last = handmade.linear([[3.0, 4.0]], [1.0]), handmade.linear([[2.0], [1.0]])
    policy = handmade.policy(nn.Sequential(first, nn.ReLU(), last), 2, spaces.Discrete(2))
    asked = subject(policy, 2)
    around = replace(AROUND, unit=np.full(2, 0.5), states=40, draws=10)
    found = action_certificates(asked, around)
    exact = np.abs(asked.visited.observations @ [3.0, 4.0] + 1) / (0.5 * 5)
    assert found.reach == 3 < exact.max()
    np.testing.assert_allclose(np.sort(found.kinks), np.sort(exact.clip(max=3)), rtol=1e-5)
    assert found.bent is None
    measures = {measure.key: measure.estimate for measure in found.measures()}
    assert measures["relu_distance"].value == pytest.approx(np.median(found.kinks))
    least = measures["relu_distance[quantile=0.1]"]
    assert least.value == pytest.approx(np.quantile(found.kinks, 0.1))
    assert least.low <= least.value <= least.high <= measures["relu_distance"].value


def test_why_there_are_no_linear_pieces_is_told(monkeypatch):
    tanh = action_certificates(
        subject(nets.policy(nets.mlp(2, [3, 6, 3], "tanh"), 3, 3), 3), AROUND
    )
    assert not len(tanh.kinks) and tanh.bent is not None and "that bend" in tanh.bent
    assert tanh.bent in draw_action_certificates("certify", tanh)[0].caption
    assert not any(measure.name == "relu_distance" for measure in tanh.measures())
    monkeypatch.setattr("policyscope_certify.action_certificates.GRADIENTS", 6 * 15 * 3 - 1)
    relu = nets.policy(nets.mlp(2, [3, 6, 3], "relu"), 3, 3)
    wide = action_certificates(subject(relu, 3), AROUND)
    assert not len(wide.kinks) and wide.bent is not None and "small networks" in wide.bent
