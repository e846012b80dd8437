import captum.attr
import glimpsing
import handmade
import numpy as np
import torch
from torch import nn

from policyscope.attributions.gradient import Gradient
from policyscope.attributions.method import Reference

SEEN = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
WEIGHT = np.array([[1.0, -4.0, 0.5], [2.0, 3.0, 0.0]], np.float32)


def test_slopes_are_told_per_usual_change_of_each_number():
    glimpses = glimpsing.glimpses(handmade.linear(WEIGHT), SEEN)
    unit = torch.tensor([1.0, 10.0, 0.0])
    reference = Reference(torch.zeros(3), unit)
    maps = Gradient().attribute(glimpses, glimpsing.each(glimpses), reference)
    np.testing.assert_allclose(maps, np.broadcast_to(WEIGHT * unit.numpy(), (6, 2, 3)), rtol=1e-6)


def test_it_is_captums():
    glimpses = glimpsing.glimpses(glimpsing.network(3, 2, nn.ReLU), SEEN)
    maps = Gradient().attribute(glimpses, glimpsing.each(glimpses), glimpsing.reference(glimpses))
    theirs = captum.attr.Saliency(lambda x: glimpses.policy.scores(x)[0])
    for action in range(2):
        seen = glimpses.seen.clone().requires_grad_()
        by_captum = theirs.attribute(seen, action, abs=False)
        np.testing.assert_allclose(maps[:, action], by_captum, atol=1e-6)
