import captum.attr
import glimpsing
import handmade
import numpy as np
import pytest
import torch
from torch import nn

from policyscope.attributions.integrated_gradients import IntegratedGradients

RNG = np.random.default_rng(0)
SEEN = RNG.normal([1.0, -2.0, 0.5], [1.0, 0.1, 3.0], (60, 3)).astype(np.float32)
WEIGHT = np.array([[1.0, -4.0, 0.5], [2.0, 3.0, 0.0]], np.float32)


def integrate(glimpses, **parameters):
    method = IntegratedGradients(**parameters)
    return method.integrate(glimpses, glimpsing.each(glimpses), glimpsing.reference(glimpses))


def test_a_linear_score_is_made_of_weights_times_distances():
    glimpses = glimpsing.glimpses(handmade.linear(WEIGHT), SEEN)
    maps, errors, changes = integrate(glimpses)
    distance = SEEN - SEEN.mean(0)
    np.testing.assert_allclose(maps, WEIGHT * distance[:, None], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(changes, distance @ WEIGHT.T, atol=1e-4)
    assert errors.max() < 1e-5


class Square(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x**2) @ torch.tensor([[1.0], [0.0], [-1.0]])


def test_a_quadratic_score_is_integrated_exactly_by_one_node():
    # ∫ 2(b + α(s − b))(s − b) dα = s² − b²
    glimpses = glimpsing.glimpses(Square(), SEEN)
    maps, _, _ = integrate(glimpses, nodes=1, limit=1)
    by_hand = np.array([1, 0, -1]) * (SEEN**2 - SEEN.mean(0) ** 2)
    np.testing.assert_allclose(maps[:, 0], by_hand, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("activation", "steps"), [(nn.Tanh, 200), (nn.SiLU, 200), (nn.ReLU, 2000)])
def test_it_is_captums(activation, steps):
    glimpses = glimpsing.glimpses(glimpsing.network(3, 4, activation), SEEN)
    maps, errors, changes = integrate(glimpses)
    assert errors.sum() <= 1e-5 * changes.abs().sum()
    theirs = captum.attr.IntegratedGradients(lambda x: glimpses.policy.scores(x)[0])
    for action in range(4):
        by_captum = theirs.attribute(
            glimpses.seen,
            glimpses.seen.mean(0, keepdim=True),
            target=action,
            n_steps=steps,
            method="riemann_middle" if steps > 1000 else "gausslegendre",
        )
        np.testing.assert_allclose(maps[:, action], by_captum, atol=1e-4 if steps > 1000 else 2e-5)


def test_only_states_that_need_it_get_more_nodes():
    torch.manual_seed(0)
    body = nn.Sequential(
        handmade.linear(5 * RNG.normal(size=(16, 3))),
        nn.Tanh(),
        handmade.linear(RNG.normal(size=(2, 16))),
    )
    asked = []

    class Counting(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            asked.append(len(x))
            return body(x)

    seen = SEEN.copy()
    seen[:50] = SEEN.mean(0) + 1e-3 * SEEN[:50]
    glimpses = glimpsing.glimpses(Counting(), seen)
    asked.clear()
    maps, errors, changes = integrate(glimpses, limit=1024)
    assert errors.sum() <= 1e-4 * changes.abs().sum()
    assert 60 * 10 < sum(asked) < 60 * 10 + 10 * 2048
    few, wrong, _ = integrate(glimpses, limit=8)
    assert torch.equal(maps[:50], few[:50])
    assert wrong[50:].max() > 10 * errors[50:].max()


def test_credit_through_time_adds_up():
    glimpses = glimpsing.recurrent(3, 2, states=6, back=4)
    maps, errors, changes = integrate(glimpses)
    assert maps.shape == (6, 2, 4, 3)
    np.testing.assert_allclose(maps.flatten(2).sum(2), changes, atol=1e-5)
    assert errors.max() < 1e-5


@pytest.mark.parametrize("parameters", [{"nodes": 0}, {"limit": 4}, {"tolerance": 0.0}])
def test_parameters_that_make_no_sense_are_refused(parameters):
    with pytest.raises(ValueError, match="need 1 ≤ nodes ≤ limit"):
        IntegratedGradients(**parameters)
