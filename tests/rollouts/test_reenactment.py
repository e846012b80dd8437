"""An episode under attack is played again bit for bit, and what is not the same is noticed."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from evidence import kept
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from players import chaotic, differences, linear, remembering
from policyscope_attacks.budget import Budget

from policyscope.errors import ReportError
from policyscope.reports.results import Counterexample
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.perturbation import GaussianNoise
from policyscope.rollouts.play import play
from policyscope.rollouts.reenactment import (
    bits,
    changes,
    digests,
    lengths,
    moved,
    reenacted,
    unharmed,
)

CARTPOLE = Environment("CartPole-v1")
HOPPER = Environment("Hopper-v4", {"max_episode_steps": 60})
PENDULUM = Environment("Pendulum-v1", {"max_episode_steps": 30})
NOISE = GaussianNoise(0.1)
SEED = 3

pairs = st.sampled_from([np.float32, np.float64, np.uint8, np.int64]).flatmap(
    lambda kind: st.tuples(*[arrays.arrays(kind, (3, 2))] * 2)
)


@given(pairs)
def test_what_was_shown_comes_back_exactly_whatever_the_numbers_are(pair):
    observed, shown = pair
    back = (bits(observed) + changes(observed, shown)).view(observed.dtype)
    assert back.tobytes() == shown.tobytes()
    one, other = digests(observed, observed), digests(observed, shown)
    assert np.array_equal(one == other, (bits(observed) == bits(shown)).all(1))


@given(
    arrays.arrays(np.float64, (4, 3), elements=st.floats(-1e6, 1e6).map(lambda x: round(x, 9))),
    st.sampled_from(["linf", "l2"]),
)
def test_lengths_are_those_that_budgets_charge(delta, norm):
    scale = np.array([0.5, 2.0, 3.0])
    charged = Budget(1.0, torch.from_numpy(scale), norm).length(torch.from_numpy(delta)).numpy()
    np.testing.assert_allclose(lengths(delta, scale, norm), charged, rtol=1e-12)


def test_what_must_not_be_moved_is_infinitely_long_where_it_is():
    found = lengths(np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([0.0, 2.0]), "linf")
    assert found.tolist() == [0.5, np.inf]


@pytest.mark.parametrize("lanes", [1, 7])
@pytest.mark.parametrize(
    ("make", "environment"), [(chaotic, CARTPOLE), (linear, HOPPER), (remembering, PENDULUM)]
)
def test_an_episode_of_many_is_played_again_alone_bit_for_bit(make, environment, lanes):
    actor = make(environment)
    many = play(actor, environment, 7, SEED, perturbation=NOISE, lanes=lanes)
    for number in (0, 5):
        counterexample = kept(many, number)
        acted = reenacted(counterexample, environment)
        asked = reenacted(counterexample, environment, actor)
        assert (acted.difference, asked.difference) == (None, None)
        assert differences(acted.rollouts, asked.rollouts) == []
        np.testing.assert_array_equal(np.abs(moved(asked.rollouts)).max(1) > 0, True)
        assert asked.rollouts.returns.tolist() == [many.returns[number]]


@pytest.fixture(scope="module")
def noisy():
    actor = chaotic(CARTPOLE)
    return actor, play(actor, CARTPOLE, 4, SEED, perturbation=NOISE)


def altered(rollouts, **fields):
    """A counterexample in which the third step of these fields is another."""
    plain = kept(rollouts, 2)
    parts = {name: getattr(plain, name).copy() for name in fields}
    for name, value in fields.items():
        parts[name][3] = value
    return dataclasses.replace(plain, **parts)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"rewards": np.nextafter(1.0, 2)}, "step 3: the reward was 1.0000000000000002 and is 1.0"),
        ({"changes": 12345}, "step 3: what was observed or shown is another"),
        ({"digests": 1}, "step 3: what was observed or shown is another"),
    ],
)
def test_a_planted_bit_is_found_in_its_step(noisy, fields, said):
    assert said in reenacted(altered(noisy[1], **fields), CARTPOLE).difference


def test_another_action_leads_elsewhere_in_the_next_step(noisy):
    other = 1 - kept(noisy[1], 2).actions[3]
    found = reenacted(altered(noisy[1], actions=other), CARTPOLE).difference
    assert found == "The two first differ in step 4: what was observed or shown is another."


@pytest.mark.parametrize("field", ["seed", "episode"])
def test_another_episode_is_another_from_its_first_step(noisy, field):
    plain = kept(noisy[1], 2)
    other = dataclasses.replace(plain, **{field: 1})
    assert "first differ in step 0" in reenacted(other, CARTPOLE).difference


def test_another_end_is_told_from_the_same(noisy):
    plain = kept(noisy[1], 2)
    stepped = ("digests", "changes", "actions", "otherwise", "rewards")
    shorter = {name: getattr(plain, name)[:-1] for name in stepped}
    longer = {name: np.repeat(getattr(plain, name), 2, 0) for name in stepped}
    steps = len(plain.rewards)
    for fields, step, said in (
        (shorter, steps - 1, "it goes on where it ended"),
        ({"truncated": True}, steps, "it does not end as it did"),
        (longer, 1, "what was observed or shown is another"),
    ):
        found = reenacted(dataclasses.replace(plain, **fields), CARTPOLE).difference
        assert found == f"The two first differ in step {step}: {said}."


def test_a_policy_that_acts_otherwise_is_told_by_its_first_action(noisy):
    actor, rollouts = noisy
    plain = kept(rollouts, 2)
    swapped = dataclasses.replace(
        actor, policy=dataclasses.replace(actor.policy, network=Swapped(actor.policy.network))
    )
    found = reenacted(plain, CARTPOLE, swapped).difference
    assert found.startswith("The two first differ in step 0: the action was ")


class Swapped(torch.nn.Module):
    """The same network, whose two outputs were exchanged."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, observations, memory):
        scores, memory = self.inner(observations, memory)
        return scores.flip(1), memory


def test_the_clean_return_is_checked_as_well(noisy):
    actor, rollouts = noisy
    clean = float(play(actor, CARTPOLE, 4, SEED).returns[2])
    assert unharmed(kept(rollouts, 2, clean), CARTPOLE, actor) is None
    wrong = unharmed(kept(rollouts, 2, clean + 1), CARTPOLE, actor)
    assert wrong == f"Without the attack the episode returned {clean + 1} and returns {clean}."


def test_an_environment_that_cannot_be_the_one_is_a_sentence(noisy):
    plain = kept(noisy[1], 2)
    with pytest.raises(ReportError, match=r"shape \(4,\) and 4 bytes.*\(11,\) of float64"):
        reenacted(plain, HOPPER)
    for wrong in (plain.actions + 7, plain.actions.astype(np.float64)):
        with pytest.raises(ReportError, match="actions that are none of CartPole-v1's"):
            reenacted(dataclasses.replace(plain, actions=wrong, otherwise=wrong), CARTPOLE)


@pytest.mark.parametrize(
    "fields",
    [
        {"rewards": np.zeros(1)},
        {"digests": np.zeros(0, np.uint64)},
        {"scale": np.ones(3)},
        {"changes": np.zeros((2, 4))},
        {"episode": -1},
        {"seed": -1},
        {"episode": 2**31},
        {"otherwise": np.zeros(1, np.int64)},
    ],
)
def test_parts_that_contradict_each_other_are_refused(noisy, fields):
    # as a report's reader meets them: while tests run, annotations are in the way
    parts = SimpleNamespace(**(vars(kept(noisy[1], 2)) | fields))
    with pytest.raises(ValueError, match="counterexample"):
        Counterexample.__post_init__(parts)
