import glimpsing
import handmade
import numpy as np
import pytest
import torch
from gymnasium import spaces

from policyscope.attributions import slopes
from policyscope.attributions.keeping import kept

EVERY = torch.arange(3)
STATES = torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 0.5]])


def test_a_discrete_decision_stays_or_is_another():
    glimpses = glimpsing.glimpses(handmade.linear([[1, 0], [0, 1]]), STATES)
    assert kept(glimpses)(EVERY, STATES).tolist() == [1, 1, 1]
    shown = torch.tensor([[0.1, 0.0], [5.0, 0.0], [0.0, 1.0]])
    assert kept(glimpses)(EVERY, shown).tolist() == [1, 0, 0]


def test_all_groups_of_a_decision_have_to_stay():
    space = spaces.MultiDiscrete([2, 2])
    body = handmade.linear([[1, 0], [-1, 0], [0, 1], [0, -1]])
    glimpses = glimpsing.of(handmade.policy(body, 2, space), torch.ones(3, 2))
    shown = torch.tensor([[2.0, 2.0], [2.0, -2.0], [-1.0, -1.0]])
    assert kept(glimpses)(EVERY, shown).tolist() == [1, 0, 0]


def test_continuous_actions_are_kept_as_far_as_they_are_close_in_half_ranges():
    space = spaces.Box(np.float32([-2, -1]), np.float32([2, 1]))
    policy = handmade.policy(handmade.linear([[1, 0], [0, 1]]), 2, space)
    glimpses = glimpsing.of(policy, torch.zeros(3, 2))
    shown = torch.tensor([[1.0, 0.0], [0.0, 1.0], [9.0, 0.0]])  # the last is clipped to 2
    np.testing.assert_allclose(kept(glimpses)(EVERY, shown), np.exp([-0.5, -1, -1]))


def test_the_states_that_are_asked_about_are_those_that_are_named():
    glimpses = glimpsing.glimpses(handmade.linear([[1, 0], [0, 1]]), STATES)
    which = torch.tensor([1, 1, 0, 2, 1])
    shown = torch.tensor([[0.0, 1.0]]).expand(5, 2)
    assert kept(glimpses)(which, shown).tolist() == [1, 1, 0, 0, 1]


def test_memory_and_time_are_gone_through():
    glimpses = glimpsing.recurrent(3, 40, states=30, back=4)
    shown = torch.randn(30, 4, 3, generator=torch.Generator().manual_seed(3)) * 9
    every, backwards = torch.arange(30), torch.arange(30).flip(0)
    actions = [glimpses.scores(every, seen).argmax(1) for seen in (glimpses.seen, shown)]
    keeping = kept(glimpses)
    assert (keeping(every, glimpses.seen) == 1).all()
    assert torch.equal(keeping(every, shown), (actions[0] == actions[1]).double())
    assert 0 < keeping(every, shown).sum() < 30
    assert torch.equal(keeping(backwards, shown.flip(0)), keeping(every, shown).flip(0))


def test_batches_do_not_matter(monkeypatch):
    glimpses = glimpsing.glimpses(glimpsing.network(4, 3), torch.randn(20, 4))
    which, shown = torch.arange(20).repeat(3), torch.randn(60, 4)
    whole = kept(glimpses)(which, shown)
    monkeypatch.setattr(slopes, "ROWS", 7)
    assert torch.equal(kept(glimpses)(which, shown), whole)


@pytest.mark.parametrize("continuous", [False, True])
def test_a_decision_without_numbers_is_lost(continuous):
    glimpses = glimpsing.glimpses(glimpsing.network(2, 2), torch.ones(1, 2), continuous=continuous)
    shown = torch.tensor([[torch.nan, 0.0]])
    assert kept(glimpses)(torch.arange(1), shown).tolist() == [0]
