from dataclasses import replace

import glimpsing
import handmade
import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import nn

from policyscope.analyzers.averaging import Averaging
from policyscope.analyzers.single_changes import single_changes
from policyscope.rollouts.visited import Visited

RNG = np.random.default_rng(4)
SEEN = RNG.normal(size=(20, 3)).astype(np.float32)
UNITS = torch.tensor([1.0, 2.0, 0.5])


def changed(glimpses, units=UNITS, reach=3.0):
    lengths = np.array([60, 60])
    averaging = Averaging(
        Visited(lengths, np.zeros((120, 3))), np.random.default_rng(0), confidence=0.95
    )
    return single_changes(glimpses, np.arange(len(glimpses)), units, reach, averaging)


def test_of_a_linear_policy_the_change_is_margin_over_slope_to_one_side():
    weight = np.array([[1.0, -2.0, 0.0]])
    glimpses = glimpsing.glimpses(handmade.linear(np.vstack([weight, -weight])), SEEN)
    found = changed(glimpses, reach=5.0)
    margin = 2 * SEEN @ weight[0]
    for case in range(20):
        for feature, slope in enumerate(2 * weight[0]):
            # the first action is taken where the margin is positive
            needed = -margin[case] / slope if slope else np.inf
            side = int(needed > 0)
            size = abs(needed)
            reached = size <= 5.0 * UNITS[feature]
            got = found.changes[case, feature]
            assert got[1 - side] == np.inf
            if reached:
                assert got[side] == pytest.approx(size, rel=1e-3, abs=0.006)
                assert found.becomes[case, feature, side] == int(margin[case] > 0)
            else:
                assert got[side] == np.inf and found.becomes[case, feature, side] == -1
    finite = np.isfinite(found.changes).any(2)
    np.testing.assert_allclose([e.value for e in found.turns], finite.mean(0))


def test_a_feature_that_never_changes_is_not_searched():
    glimpses = glimpsing.glimpses(handmade.linear([[1.0, 0, 0], [0, 1.0, 0]]), SEEN)
    found = changed(glimpses, torch.tensor([1.0, 0.0, 1.0]))
    assert np.isinf(found.changes[:, 1]).all() and np.isinf(found.changes[:, 2]).all()
    assert np.isfinite(found.changes[:, 0]).any()


def test_actions_of_several_groups_are_counted_through():
    weight = np.zeros((5, 3))
    weight[0, 0], weight[4, 0] = -1.0, 1.0  # of both groups the first feature decides
    policy = handmade.policy(handmade.linear(weight), 3, spaces.MultiDiscrete([2, 3]))
    seen = torch.tensor([[-0.5, 0.0, 0.0]])
    found = changed(replace(glimpsing.of(policy, seen), steps=np.array([3])))
    assert found.becomes[0, 0, 1] == 1 * 3 + 2  # the second of the first, the third of the other


class Balanced(nn.Module):
    """Scores less what they usually are, so that decisions are close."""

    def __init__(self, network, usual):
        super().__init__()
        self.network, self.usual = network, usual

    def forward(self, observations, memory):
        scores, memory = self.network(observations, memory)
        return scores - self.usual, memory


def test_of_policies_with_memory_the_newest_observation_is_changed():
    glimpses = replace(glimpsing.recurrent(3, 2, states=6, back=4), steps=np.arange(6))
    with torch.no_grad():
        usual = glimpses.scores(torch.arange(6), glimpses.seen).median(0).values
    glimpses = glimpses.through(Balanced(glimpses.policy.network, usual))
    found = changed(glimpses, torch.ones(4, 3), reach=8.0)
    assert np.isfinite(found.changes).any()
    with torch.no_grad():
        before = glimpses.scores(torch.arange(6), glimpses.seen).argmax(1)
    case, feature, side = np.argwhere(np.isfinite(found.changes))[0]
    for share, same in ((0.98, True), (1.0, False)):
        seen = glimpses.seen.clone()
        step = (-1, 1)[side] * share * found.changes[case, feature, side]
        seen[case, -1, feature] += float(step)
        with torch.no_grad():
            after = glimpses.scores(torch.arange(6), seen).argmax(1)
        assert (after[case] == before[case]) == same


def test_continuous_actions_and_images_have_no_such_change():
    continuous = glimpsing.glimpses(handmade.linear(np.ones((2, 3))), SEEN, continuous=True)
    assert changed(continuous) is None
    policy = handmade.policy(glimpsing.network(4, 2), 4, spaces.Discrete(2))
    images = glimpsing.of(replace(policy, observation_shape=(2, 2)), torch.zeros(3, 2, 2))
    assert changed(images, torch.ones(2, 2)) is None
