import warnings

import captum.attr
import glimpsing
import handmade
import numpy as np
import pytest
import torch
from torch import nn

from policyscope.attributions.gradient import Gradient
from policyscope.attributions.guided_backpropagation import GuidedBackpropagation

SEEN = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)


def explained(glimpses, method):
    return method.attribute(
        glimpses, glimpsing.each(glimpses), glimpsing.reference(glimpses, unit=2.0)
    )


def test_what_speaks_against_the_score_is_not_handed_back():
    # relu(x) - relu(y), both active: the gradient is (1, -1), guided (1, 0), here per 2 units
    body = nn.Sequential(handmade.linear(np.eye(2)), nn.ReLU(), handmade.linear([[1.0, -1.0]]))
    glimpses = glimpsing.glimpses(body, [[1.0, 1.0], [-1.0, 1.0]])
    guided = explained(glimpses, GuidedBackpropagation())
    np.testing.assert_array_equal(guided[:, 0], [[2, 0], [0, 0]])
    np.testing.assert_array_equal(explained(glimpses, Gradient())[0, 0], [2, -2])


def test_it_is_captums():
    body = glimpsing.network(4, 3, nn.ReLU)
    glimpses = glimpsing.glimpses(body, SEEN)
    guided = explained(glimpses, GuidedBackpropagation())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        by_captum = captum.attr.GuidedBackprop(body).attribute(glimpses.seen.clone(), 2)
    np.testing.assert_allclose(guided[:, 2], 2 * by_captum, atol=1e-6)


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = glimpsing.network(4, 3, nn.ReLU)

    def forward(self, x):
        return torch.relu(self.layers(x))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (glimpsing.network(4, 3, nn.Tanh), "this network has none"),
        (Functional(), "applies some as functions"),
    ],
)
def test_networks_whose_relus_cannot_all_be_guided_are_refused(body, reason):
    assert reason in (GuidedBackpropagation().obstacle(glimpsing.glimpses(body, SEEN)) or "")
