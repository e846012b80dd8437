import glimpsing
import handmade
import numpy as np
import torch
from torch import nn

from policyscope.attributions import kinks
from policyscope.attributions.integrated_gradients import IntegratedGradients, quadrature
from policyscope.attributions.kinks import integrals
from policyscope.attributions.ways import ways_to

RNG = np.random.default_rng(0)


def found(glimpses, limit=256):
    ways = ways_to(glimpses, glimpsing.each(glimpses), glimpsing.reference(glimpses))
    small = torch.full_like(ways.changes, 1e-5)
    means, complete = integrals(ways, small, small / 10, limit)
    return means, complete, ways


def test_a_single_kink_is_found_where_it_is():
    # relu(2x + y - 1) from (0, 0): to (2, -1) active for α > 1/3, to (-2, 1) never
    body = nn.Sequential(handmade.linear([[2.0, 1.0]], [-1.0]), nn.ReLU())
    means, complete, ways = found(glimpsing.glimpses(body, [[2.0, -1.0], [-2.0, 1.0]]))
    assert complete.all()
    np.testing.assert_allclose(means[:, 0], [[2 * 2 / 3, 2 / 3], [0, 0]], atol=1e-5)
    np.testing.assert_allclose((means * ways.distances[:, None]).sum(2)[:, 0], [2, 0], atol=1e-5)


def test_kinks_of_two_layers_are_found():
    # the example of the paper on integrated gradients: relu(relu(x1) - 1 - relu(x2)),
    # from (0, 0) to (3, 1): active where 3α - 1 - α > 0, so from α = 1/2 on
    body = nn.Sequential(
        handmade.linear([[1.0, 0.0], [0.0, 1.0]]),
        nn.ReLU(),
        handmade.linear([[1.0, -1.0]], [-1.0]),
        nn.ReLU(),
    )
    glimpses = glimpsing.glimpses(body, [[3.0, 1.0], [-3.0, -1.0]])
    method = IntegratedGradients()
    maps, errors, changes = method.integrate(
        glimpses, glimpsing.each(glimpses), glimpsing.reference(glimpses)
    )
    np.testing.assert_allclose(maps[0, 0], [1.5, -0.5], atol=1e-5)
    np.testing.assert_allclose(changes[0], [1.0], atol=1e-6)
    assert errors.max() < 1e-5


def test_many_kinks_agree_with_very_many_nodes():
    glimpses = glimpsing.glimpses(glimpsing.network(5, 3, nn.ReLU, 32), RNG.normal(size=(20, 5)))
    means, complete, ways = found(glimpses)
    assert complete.all()
    dense, _ = quadrature(ways, 500)
    np.testing.assert_allclose(means * ways.distances[:, None], dense, atol=3e-4)
    few, _ = quadrature(ways, 16)
    assert (few - dense).abs().max() > 2e-3
    missed = ways.missed(means * ways.distances[:, None])
    assert missed.max() < 1e-5 < 5e-5 < ways.missed(dense).max()


def test_gaps_that_are_too_many_are_not_passed_off_as_followed():
    glimpses = glimpsing.glimpses(glimpsing.network(5, 3, nn.ReLU, 32), RNG.normal(size=(20, 5)))
    _, complete, _ = found(glimpses, limit=20)
    assert not complete.all()
    _, followed, _ = found(glimpsing.glimpses(glimpsing.network(5, 3), RNG.normal(size=(9, 5))), 64)
    assert not followed.any()


def test_a_policy_with_kinks_is_integrated_to_the_same_tolerance():
    glimpses = glimpsing.glimpses(glimpsing.network(5, 3, nn.ReLU, 32), RNG.normal(size=(40, 5)))
    method = IntegratedGradients()
    _, errors, changes = method.integrate(
        glimpses, glimpsing.each(glimpses), glimpsing.reference(glimpses)
    )
    assert errors.sum() <= 1e-5 * changes.abs().sum()


def test_memory_stays_small_without_changing_the_answer(monkeypatch):
    glimpses = glimpsing.glimpses(glimpsing.network(5, 3, nn.ReLU, 32), RNG.normal(size=(20, 5)))
    whole, _, _ = found(glimpses)
    monkeypatch.setattr(kinks, "ROOM", 256 * 15 * 3)
    parts, _, _ = found(glimpses)
    np.testing.assert_allclose(parts, whole, atol=1e-4)


def test_kinks_under_a_bent_output_leave_an_error_that_is_told():
    body = nn.Sequential(glimpsing.network(5, 3, nn.ReLU, 32), nn.Tanh())
    glimpses = glimpsing.glimpses(body, 3 * RNG.normal(size=(20, 5)))
    maps, errors, changes = IntegratedGradients().integrate(
        glimpses, glimpsing.each(glimpses), glimpsing.reference(glimpses)
    )
    np.testing.assert_allclose((maps.sum(2) - changes).abs(), errors, atol=1e-6)
    assert 1e-5 < errors.sum() / changes.abs().sum() < 1e-2
