import glimpsing
import handmade
import numpy as np
import pytest
import torch
from torch import nn

from policyscope.attributions import slopes as module
from policyscope.attributions.slopes import slopes, values

RNG = np.random.default_rng(0)
SEEN = RNG.normal(size=(7, 3)).astype(np.float32)
WEIGHT = np.array([[1.0, -4.0, 0.5], [2.0, 3.0, 0.0]], np.float32)
EVERY = torch.arange(7)


def test_slopes_of_a_linear_network_are_its_weights():
    glimpses = glimpsing.glimpses(handmade.linear(WEIGHT), SEEN)
    found, gradients = slopes(glimpses, EVERY, glimpses.seen, glimpsing.each(glimpses))
    np.testing.assert_allclose(found, SEEN @ WEIGHT.T, rtol=1e-5)
    np.testing.assert_allclose(gradients, np.broadcast_to(WEIGHT, (7, 2, 3)), rtol=1e-6)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_slopes_of_sums_are_sums_of_slopes_however_many_there_are(count):
    glimpses = glimpsing.glimpses(glimpsing.network(3, 2), SEEN)
    targets = torch.from_numpy(RNG.normal(size=(7, count, 2)).astype(np.float32))
    single, jacobian = slopes(glimpses, EVERY, glimpses.seen, glimpsing.each(glimpses))
    found, gradients = slopes(glimpses, EVERY, glimpses.seen, targets)
    np.testing.assert_allclose(found, torch.einsum("nts,ns->nt", targets, single), atol=1e-5)
    by_hand = torch.einsum("nts,nsj->ntj", targets, jacobian)
    np.testing.assert_allclose(gradients, by_hand, atol=1e-5)


def test_slopes_are_taken_inside_inference_mode_too():
    glimpses = glimpsing.glimpses(glimpsing.network(3, 2), SEEN)
    with torch.inference_mode():
        targets = glimpsing.each(glimpses).clone()
        _, inside = slopes(glimpses, EVERY, glimpses.seen, targets[:, :1])
    _, outside = slopes(glimpses, EVERY, glimpses.seen, targets[:, :1])
    assert torch.equal(inside, outside)


def test_batches_change_nothing(monkeypatch):
    glimpses = glimpsing.glimpses(glimpsing.network(3, 2), SEEN)
    whole = slopes(glimpses, EVERY, glimpses.seen, glimpsing.each(glimpses))
    monkeypatch.setattr(module, "ROWS", 2)
    parts = slopes(glimpses, EVERY, glimpses.seen, glimpsing.each(glimpses))
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    np.testing.assert_allclose(values(glimpses, EVERY, glimpses.seen), whole[0], atol=1e-6)


def test_a_score_that_depends_on_nothing_has_no_slope():
    class Constant(nn.Module):
        def forward(self, x):
            return torch.ones(len(x), 2)

    glimpses = glimpsing.glimpses(Constant(), SEEN)
    found, gradients = slopes(glimpses, EVERY, glimpses.seen, glimpsing.each(glimpses))
    assert (found == 1).all() and (gradients == 0).all()


def test_slopes_of_a_policy_with_memory_go_back_through_time():
    glimpses = glimpsing.recurrent(3, 2, states=4, back=5)
    which = torch.tensor([2, 0])
    seen, targets = glimpses.seen[which], glimpsing.each(glimpses)[which]
    _, gradients = slopes(glimpses, which, seen, targets)
    for row, time, number in ((0, 0, 1), (0, 4, 2), (1, 2, 0)):
        step = torch.zeros_like(seen)
        step[row, time, number] = 1e-2
        change = glimpses.scores(which, seen + step) - glimpses.scores(which, seen - step)
        np.testing.assert_allclose(
            gradients[row, :, time, number], change[row] / 2e-2, rtol=1e-2, atol=1e-5
        )
