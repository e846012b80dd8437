import dataclasses

import glimpsing
import handmade
import numpy as np
import pytest
import torch
from gymnasium import spaces
from scipy.special import rel_entr, softmax

from policyscope.attributions.sarfa import Sarfa

SEEN = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
WEIGHT = np.random.default_rng(1).normal(size=(4, 3)).astype(np.float32)


def by_hand(scores, without, action, group):
    """The formula, for one state and one part."""
    if len(group) == 1:
        return 0.0
    before, after = (softmax(s[group])[group.index(action)] for s in (scores, without))
    others = [a for a in group if a != action]
    divergence = rel_entr(softmax(without[others]), softmax(scores[others])).sum()
    specific, relevant = before - after, 1 / (1 + divergence)
    return 2 * relevant * specific / (relevant + specific) if specific > 0 else 0.0


def explained(glimpses, targets=None):
    targets = glimpsing.each(glimpses) if targets is None else targets
    return Sarfa().attribute(glimpses, targets, glimpsing.reference(glimpses))


@pytest.mark.parametrize("groups", [[[0, 1, 2, 3]], [[0], [1, 2, 3]], [[0, 1], [2, 3]]])
def test_it_is_the_harmonic_mean_of_specific_and_relevant(groups):
    glimpses = glimpsing.glimpses(handmade.linear(WEIGHT), SEEN)
    space = spaces.MultiDiscrete([len(group) for group in groups])
    policy = dataclasses.replace(glimpses.policy, action_space=space)
    maps = explained(dataclasses.replace(glimpses, policy=policy))
    some = 0
    for state in range(6):
        for feature in range(3):
            other = SEEN[state].copy()
            other[feature] = SEEN.mean(0)[feature]
            for group in groups:
                for action in group:
                    expected = by_hand(WEIGHT @ SEEN[state], WEIGHT @ other, action, group)
                    assert maps[state, action, feature] == pytest.approx(expected, abs=1e-5)
                    some += expected > 0.01
    assert some > 5


def test_the_action_of_the_largest_weight_is_explained():
    glimpses = glimpsing.glimpses(handmade.linear(WEIGHT), SEEN)
    target = torch.tensor([[-1 / 3, -1 / 3, 1.0, -1 / 3]]).expand(6, 1, 4)
    assert torch.equal(explained(glimpses, target)[:, 0], explained(glimpses)[:, 2])


def test_a_change_that_leaves_the_action_and_moves_the_others_is_not_relevant():
    # both features raise action 0 as much; the second also turns the other actions round
    weight = [[1.0, 1.0], [0.0, 3.0], [0.0, -3.0]]
    glimpses = glimpsing.glimpses(handmade.linear(weight), [[1.0, 0.2], [-1.0, -0.2]])
    maps = explained(glimpses)
    assert maps[0, 0, 0] > maps[0, 0, 1] >= 0


def test_continuous_actions_are_refused_even_when_nobody_asked_whether_they_would_be():
    glimpses = glimpsing.glimpses(handmade.linear(WEIGHT), SEEN, continuous=True)
    assert "discrete actions" in (Sarfa().obstacle(glimpses) or "")
    with pytest.raises(ValueError, match="here are none"):
        explained(glimpses)
