import warnings

import captum.attr
import glimpsing
import handmade
import numpy as np
import pytest
import torch
from torch import nn

from policyscope.attributions.deep_lift import DeepLift

SEEN = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)


def explained(glimpses):
    return DeepLift().attribute(glimpses, glimpsing.each(glimpses), glimpsing.reference(glimpses))


def test_one_relu_is_credited_by_the_slope_from_the_baseline():
    # relu(2x + y): 0 at the baseline (-1, 1), 5 at (3, -1): slope 5 / (5 - -1) of its argument
    body = nn.Sequential(handmade.linear([[2.0, 1.0]]), nn.ReLU())
    glimpses = glimpsing.glimpses(body, [[3.0, -1.0], [-5.0, 3.0]])
    maps = explained(glimpses)
    np.testing.assert_allclose(maps[0, 0], [2 * 4 * 5 / 6, -2 * 5 / 6], rtol=1e-5)


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh, nn.ELU, nn.Sigmoid])
def test_it_is_captums_and_adds_up(activation):
    body = glimpsing.network(4, 3, activation)
    glimpses = glimpsing.glimpses(body, SEEN)
    maps = explained(glimpses)
    baseline = glimpses.seen.mean(0, keepdim=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        by_captum = captum.attr.DeepLift(body).attribute(
            glimpses.seen, baseline.expand_as(glimpses.seen), 1
        )
    np.testing.assert_allclose(maps[:, 1], by_captum.detach(), atol=1e-6)
    changes = body(glimpses.seen) - body(baseline)
    np.testing.assert_allclose(maps.sum(2), changes, atol=1e-5)
    assert DeepLift().obstacle(glimpses) is None


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = glimpsing.network(4, 3, nn.Identity)

    def forward(self, x):
        return self.layers(torch.tanh(3 * x))


class Again(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = handmade.linear(np.eye(4)), handmade.linear(np.ones((3, 4)))
        self.bend = nn.ReLU()

    def forward(self, x):
        return self.bend(self.second(self.bend(self.first(x))))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (Functional(), "contributions do not add up"),
        (glimpsing.network(4, 3, nn.SiLU), "contributions do not add up"),
        (Again(), "uses one again"),
    ],
    ids=["a function", "a layer that captum does not know", "a layer used twice"],
)
def test_networks_whose_bends_captum_does_not_see_are_refused(body, reason):
    assert reason in (DeepLift().obstacle(glimpsing.glimpses(body, SEEN)) or "")


def test_images_add_up_as_well():
    glimpses = glimpsing.images()
    changes = (
        glimpses.policy.scores(glimpses.seen)[0]
        - (glimpses.policy.scores(glimpses.seen.mean(0, keepdim=True))[0])
    )
    np.testing.assert_allclose(explained(glimpses).flatten(2).sum(2), changes, atol=1e-5)
