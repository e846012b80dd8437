"""Forces on a body: what is spent, what is found, and where there is none to push."""

import dataclasses

import numpy as np
import pytest
import torch
from disturbed import Tracking, playing
from gymnasium import spaces
from handmade import linear, policy
from policyscope_attacks.disturbing.arm import Arm, Measuring
from policyscope_attacks.disturbing.disturbed import OnActions
from policyscope_attacks.disturbing.learned import Learned
from policyscope_attacks.disturbing.noise import Noise
from policyscope_attacks.disturbing.pushed import OnBody
from policyscope_attacks.disturbing.steady import Steady
from policyscope_attacks.disturbing.trial import Trial
from policyscope_attacks.forces import Forces
from policyscope_attacks.mind import fresh
from policyscope_attacks.ppo import _drawn_again

from policyscope.analyzers.subject import Subject
from policyscope.reports.results import NotApplicable
from policyscope.rollouts.environment import Environment

pytestmark = pytest.mark.filterwarnings("ignore:.*is out of date")
pytest.importorskip("mujoco")


@pytest.fixture(scope="module")
def balancing():
    """It keeps the pole of an InvertedPendulum up: x, angle, and their speeds."""
    still = linear([[1.0, 10.0, 1.0, 2.0]])
    victim = policy(still, 4, spaces.Box(-3, 3, (1,), np.float32))
    short = Environment("InvertedPendulum-v4", {"max_episode_steps": 40})
    return Subject.observed(victim, short, 4, 0)


class Cheat:
    """Wishes for more than there is, and for what is no number."""

    draws = (0, 0)

    def wish(self, episodes, observations, draws):
        return torch.tensor([1e30, float("nan"), -float("inf")]).expand(len(episodes), -1)


def test_a_policy_that_nobody_pushes_does_what_it_did(balancing):
    rollouts, changes = Trial(balancing, 0.5, OnBody()).play(Steady(torch.zeros(1, 3)), 4, 0, "")
    np.testing.assert_array_equal(rollouts.observations, balancing.rollouts.observations)
    np.testing.assert_array_equal(rollouts.actions[:, 1:], 0)
    np.testing.assert_array_equal(changes, 0)


@pytest.mark.parametrize("epsilon", [1e-6, 0.1, 1 / 3])
def test_no_force_is_larger_than_the_budget(balancing, epsilon):
    rollouts, changes = Trial(balancing, epsilon, OnBody()).play(Cheat(), 3, 0, "")
    forces = rollouts.actions[:, 1:].astype(float)
    assert (np.abs(forces) <= epsilon).all()
    assert (forces[:, 0] > 0.999 * epsilon).all() and (forces[:, 2] < -0.999 * epsilon).all()
    assert (forces[:, 1] == 0).all()
    np.testing.assert_array_equal(changes, np.abs(forces).max())


@pytest.mark.parametrize("kind", ["noise", "steady", "learned"])
def test_a_body_is_pushed_alike_whatever_the_number_of_lanes(balancing, kind):
    disturbance = {
        "noise": Noise(3),
        "steady": Steady(torch.tensor([[0.0, 0, 1.0], [1.0, 0, 0]])),
        "learned": Learned(_mind(balancing), exploring=True),
    }[kind]
    runs = [
        Trial(dataclasses.replace(balancing, lanes=lanes), 0.2, OnBody()).play(
            disturbance, 5, 0, ""
        )
        for lanes in (1, 3, 5)
    ]
    for rollouts, changes in runs[1:]:
        np.testing.assert_array_equal(rollouts.actions, runs[0][0].actions)
        np.testing.assert_array_equal(rollouts.observations, runs[0][0].observations)
        np.testing.assert_array_equal(changes, runs[0][1])


def _mind(subject):
    seen = torch.from_numpy(subject.rollouts.observations).float()
    return fresh(seen, torch.zeros(3), 1)


def test_what_was_tried_is_drawn_once_more(balancing):
    mind = _mind(balancing)
    trial = Trial(balancing, 0.2, OnBody())
    rollouts, _ = trial.play(Learned(mind, exploring=True), 3, 11, "")
    draws = _drawn_again(
        mind, rollouts, 11, OnBody().disturbed(trial.subject.policy, Noise(3), 0.1, 0).purpose
    )
    again = mind.chosen(torch.from_numpy(rollouts.observations).float(), draws, True).detach()
    np.testing.assert_allclose(rollouts.actions[:, 1:], 0.2 * again.clamp(-1, 1), atol=1e-5)


def test_the_strongest_force_brings_the_pole_down(balancing):
    found = Forces(epsilons=(0.1,), episodes=4).run(balancing, np.random.default_rng(0))
    assert found.disturbances == ("uniform_noise", "sign_noise", "steady")
    assert found.pushed and not found.discrete and found.physics.size == found.gravity.size == 0
    noise, steady = found.returns[1:, 0].mean(1)
    assert steady < noise - 5 and noise <= found.clean.mean() == 40
    assert found.strongest == ("steady",)
    assert 0 < found.changes.max() <= 0.1


def test_where_nothing_can_be_pushed_the_reason_is_told():
    with playing(Tracking) as subject:
        found = Forces().run(subject, np.random.default_rng(0))
    assert isinstance(found, NotApplicable)
    assert (
        "a torso or a pole that MuJoCo simulates, and there is none in Tracking-v0" in found.reason
    )


@pytest.mark.parametrize("arm", [OnActions(), OnBody()])
def test_an_arm_is_one(arm, balancing):
    assert isinstance(arm, Arm)
    assert isinstance(arm.disturbed(balancing.policy, Noise(3), 0.1, 0), Measuring)


@pytest.mark.parametrize(
    "wrong", [{"epsilons": ()}, {"epsilons": (0.0,)}, {"minutes": 0.0}, {"episodes": 1}]
)
def test_parameters_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match="Forces needs"):
        Forces(**wrong)
