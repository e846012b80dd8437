import glimpsing
import handmade
import numpy as np
import pytest
import torch
from torch import nn

from policyscope.attributions.method import Reference
from policyscope.attributions.smooth_grad import SmoothGrad

SEEN = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)


class Cube(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x**3).sum(1, keepdim=True)


def test_the_mean_slope_of_a_cube_knows_the_variance_of_the_noise():
    # E[3 (x + ε)²] = 3 x² + 3 Var ε, within 4.5 standard errors of the mean
    glimpses = glimpsing.glimpses(Cube(), SEEN)
    unit = torch.tensor([1.0, 2.0, 0.0])
    method = SmoothGrad(samples=4000, deviation=0.5)
    maps = method.attribute(glimpses, glimpsing.each(glimpses), Reference(torch.zeros(3), unit))
    deviation = 0.5 * unit.numpy()
    expected = 3 * SEEN**2 + 3 * deviation**2
    spread = np.sqrt((6 * SEEN * deviation) ** 2 + 18 * deviation**4)
    error = np.abs(maps[:, 0].numpy() - expected * unit.numpy())
    assert (error <= 4.5 * spread * unit.numpy() / np.sqrt(4000) + 1e-4).all()
    assert (maps[..., 2] == 0).all()


def test_of_a_linear_network_it_is_the_gradient():
    glimpses = glimpsing.glimpses(handmade.linear([[1.0, -4.0, 0.5]]), SEEN)
    maps = SmoothGrad().attribute(glimpses, glimpsing.each(glimpses), glimpsing.reference(glimpses))
    np.testing.assert_allclose(maps[:, 0], np.tile([1.0, -4.0, 0.5], (6, 1)), rtol=1e-5)


def test_another_seed_draws_other_noise():
    glimpses = glimpsing.glimpses(Cube(), SEEN)
    arguments = glimpses, glimpsing.each(glimpses), glimpsing.reference(glimpses)
    one, other = (SmoothGrad(seed=seed).attribute(*arguments) for seed in (0, 1))
    assert not torch.equal(one, other)


@pytest.mark.parametrize("parameters", [{"samples": 0}, {"deviation": -0.1}])
def test_parameters_that_make_no_sense_are_refused(parameters):
    with pytest.raises(ValueError, match="needs samples ≥ 1"):
        SmoothGrad(**parameters)
