import glimpsing
import handmade
import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from policyscope.attributions.probe import _areas, features_of, told

RNG = np.random.default_rng(5)
SEEN = RNG.normal(size=(200, 4)).astype(np.float32)
BLOCKS = np.repeat(np.arange(10), 20)


def test_features_are_what_the_last_linear_layer_is_given():
    body = nn.Sequential(handmade.linear(RNG.normal(size=(5, 4))), nn.Tanh(), nn.Linear(5, 3))
    found = features_of(glimpsing.glimpses(body, SEEN))
    np.testing.assert_allclose(found, body[:2](torch.from_numpy(SEEN)).detach(), rtol=1e-6)


def test_without_a_linear_layer_there_is_nothing_to_ask():
    class Square(nn.Module):
        def forward(self, x):
            return x[:, :2] ** 2

    glimpses = glimpsing.glimpses(Square(), SEEN)
    assert features_of(glimpses) is None
    assert told(glimpses, torch.zeros(200, 4, dtype=torch.bool), BLOCKS) is None


def test_a_mask_that_hangs_on_the_features_is_told_and_one_at_random_is_not():
    glimpses = glimpsing.glimpses(glimpsing.network(4, 3), SEEN)
    sign = torch.from_numpy(SEEN[:, 0] > 0)
    mask = torch.stack([sign, ~sign, sign, ~sign], 1)
    assert told(glimpses, mask, BLOCKS).mean() > 0.3
    chance = torch.from_numpy(RNG.permuted(np.tile([True, True, False, False], (200, 1)), axis=1))
    assert abs(told(glimpses, chance, BLOCKS).mean()) < 0.12


def test_a_mask_that_is_always_the_same_tells_nothing():
    glimpses = glimpsing.glimpses(glimpsing.network(4, 3), SEEN)
    mask = torch.tensor([True, False, False, False]).expand(200, 4)
    np.testing.assert_allclose(told(glimpses, mask, BLOCKS), 0, atol=1e-12)


def test_areas_are_scikit_learns():
    wanted = RNG.random((6, 9)) < 0.4
    wanted[:, 0], wanted[:, 1] = True, False
    answers = RNG.integers(0, 4, (6, 9)).astype(float)  # with ties
    expected = [roc_auc_score(w, a) for w, a in zip(wanted, answers, strict=True)]
    np.testing.assert_allclose(_areas(wanted, answers), expected)
