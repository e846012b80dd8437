"""What is left of an attack still does the harm, and is the least where the least is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from evidence import FATAL, STEPS, Pushing, brittle, kept
from hypothesis import given
from hypothesis import strategies as st
from players import chaotic
from torch import nn

from policyscope.errors import UsageError
from policyscope.policies.policy import FeedForward, Policy
from policyscope.provenance import Checkpoint
from policyscope.rollouts.actors import Greedy
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.goal import AdversarialReward
from policyscope.rollouts.play import play
from policyscope.rollouts.shrinking import HALVINGS, Case, fewest, shrunken, smallest


@pytest.fixture
def case():
    """Sixteen steps that are all attacked, of which only the fatal ones matter."""

    def make(all_of_them):
        layer = nn.Linear(1, 2, bias=False).requires_grad_(False)
        layer.weight.copy_(torch.tensor([[1.0], [0.0]]))
        checkpoint = Checkpoint("sign", "0" * 64, "by hand", None, None, "1 → 2", 2, "", "", "")
        environment = Environment(id, {"all_of_them": all_of_them})
        policy = Policy(FeedForward(layer).eval(), 2, checkpoint, (1,))
        actor = Greedy(policy.fitted_to(*environment.spaces(), id))
        whole = play(actor, environment, 1, perturbation=Pushing())
        return Case(kept(whole, 0, float(STEPS)), whole, actor, environment)

    with brittle() as id:
        yield make


def test_the_only_steps_that_do_it_are_found_and_the_least_factor(case):
    found = shrunken(case(all_of_them=True))
    assert found.steps.tolist() == list(FATAL)
    assert 0.25 < found.factor <= 0.25 + 0.5**HALVINGS
    assert found.finished
    assert found.rollouts.returns.tolist() == [STEPS - 10]
    moved = np.flatnonzero(found.rollouts.shown != found.rollouts.observations)
    assert moved.tolist() == list(FATAL)


@pytest.mark.parametrize(("share", "steps"), [(1.0, 3), (0.6, 2), (0.3, 1)])
def test_a_part_of_the_harm_takes_a_part_of_the_steps(case, share, steps):
    found = shrunken(case(all_of_them=False), share)
    assert len(found.steps) == steps
    assert set(found.steps.tolist()) <= set(FATAL)
    assert STEPS - found.rollouts.returns[0] >= share * 30


def test_what_is_kept_is_what_the_adversary_was_after(case):
    """That 1 is done, in whatever step: the return has nothing to do with it."""
    pushed = AdversarialReward(lambda observations, actions, rewards: 1.0 * actions)
    plain = case(all_of_them=True)
    gaining = replace(plain.kept, harm=float(STEPS))
    found = shrunken(replace(plain, kept=gaining, goal=pushed), 0.5)
    assert len(found.steps) == STEPS / 2 == found.harm
    assert found.rollouts.actions.sum() == STEPS / 2


def test_without_time_everything_is_left_and_it_says_so(case):
    found = shrunken(case(all_of_them=True), seconds=-1.0)
    assert (found.tries, found.finished, found.factor) == (0, False, 1.0)
    assert found.steps.tolist() == list(range(STEPS))


def test_all_steps_give_the_episode_that_was_kept_bit_for_bit():
    environment = Environment("Hopper-v4", {"max_episode_steps": 60})
    actor = chaotic(environment)
    whole = play(actor, environment, 1, 2, perturbation=Fading(), first=5)
    sums = whole.observations + (whole.shown - whole.observations)
    assert (sums != whole.shown).any()  # they round
    case = Case(kept(whole, 0, episode=5), whole, actor, environment)
    again = case.played(np.arange(len(whole.rewards)), 1.0)
    assert again.shown.tobytes() == whole.shown.tobytes()
    assert again.rewards.tobytes() == whole.rewards.tobytes()
    none = case.played(np.arange(0), 1.0)
    assert none.shown.tobytes() == none.observations.tobytes()


class Fading:
    """Shows next to nothing."""

    purpose = "fading"

    def perturb(self, observations, episodes, generators):
        return observations * 1e-3


def test_steps_that_can_only_be_left_out_after_others_are():
    def harmful(steps):
        left = set(steps.tolist())
        return 0 in left and not (1 in left and 2 not in left)

    assert fewest(np.arange(3), harmful).tolist() == [0]


@given(st.integers(1, 40).flatmap(lambda n: st.sets(st.integers(0, n - 1), min_size=1)))
def test_the_steps_that_are_needed_are_all_that_is_left(needed):
    tries = []

    def harmful(steps):
        tries.append(steps)
        return needed <= set(steps.tolist())

    assert fewest(np.arange(41), harmful).tolist() == sorted(needed)
    assert all(len(steps) for steps in tries)


@given(st.integers(1, 20), st.integers(1, 20))
def test_no_single_step_can_be_left_out_of_what_is_left(steps, enough):
    left = fewest(np.arange(steps), lambda some: len(some) >= min(enough, steps))
    assert len(left) == min(enough, steps)


@given(st.floats(0.001, 1))
def test_the_factor_is_one_that_does_harm_and_near_to_one_that_does_none(least):
    found = smallest(lambda factor: factor >= least)
    assert least <= found < least + 0.5**HALVINGS


def test_what_makes_no_sense_is_a_sentence(case):
    whole = case(all_of_them=True)
    for share in (0.0, 1.1, float("nan")):
        with pytest.raises(UsageError, match="above 0 and at most 1"):
            shrunken(whole, share)
    harmless = Case(kept(whole.whole, 0, -100.0), whole.whole, whole.actor, whole.environment)
    with pytest.raises(UsageError, match="Nothing can be shrunk"):
        shrunken(harmless)
