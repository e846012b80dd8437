import handmade
import numpy as np
import pytest
import torch
from gymnasium import spaces

from policyscope.attributions.decision import decision, each_score


def decided(space, scores):
    scores = torch.tensor(scores)
    policy = handmade.policy(handmade.linear(np.zeros((scores.shape[1], 2))), 2, space)
    targets, chosen = decision(policy, scores)
    return torch.einsum("aos,as->ao", targets, scores), chosen


def test_a_discrete_decision_is_the_chosen_score_against_the_mean_of_the_others():
    explained, chosen = decided(spaces.Discrete(3), [[1.0, 5.0, 2.0], [4.0, 0.0, 0.0]])
    assert explained.tolist() == [[3.5], [4.0]]
    assert chosen.tolist() == [[1], [0]]


def test_what_is_added_to_all_scores_decides_nothing():
    plain, _ = decided(spaces.Discrete(3), [[1.0, 5.0, 2.0]])
    raised, _ = decided(spaces.Discrete(3), [[11.0, 15.0, 12.0]])
    assert torch.allclose(plain, raised)


def test_a_single_action_is_its_score():
    explained, _ = decided(spaces.Discrete(1), [[7.0]])
    assert explained.tolist() == [[7.0]]


def test_every_group_decides_for_itself():
    scores = [[1.0, 3.0, 0.0, 6.0, 3.0]]
    explained, chosen = decided(spaces.MultiDiscrete([2, 3]), scores)
    assert explained.tolist() == [[2.0, 4.5]]
    assert chosen.tolist() == [[1, 3]]


def test_continuous_actions_count_in_half_ranges():
    space = spaces.Box(np.array([-2.0, 0.0], np.float32), np.array([2.0, 1.0], np.float32))
    explained, chosen = decided(space, [[1.0, 1.0]])
    assert explained.tolist() == [[0.5, 2.0]]
    assert chosen.tolist() == [[0, 1]]


def test_every_score_is_explained_for_itself():
    scores = torch.rand(2, 3)
    assert torch.equal(torch.einsum("aos,as->ao", each_score(scores), scores), scores)


@pytest.mark.parametrize("space", [spaces.Discrete(2), spaces.MultiDiscrete([2, 2])])
def test_weights_of_alternatives_add_up_to_nothing(space):
    count = 2 if isinstance(space, spaces.Discrete) else 4
    policy = handmade.policy(handmade.linear(np.zeros((count, 2))), 2, space)
    targets, _ = decision(policy, torch.rand(6, count))
    assert torch.allclose(targets.sum(2), torch.zeros(()), atol=1e-6)
