import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from disturbed import STEPS, Choosing, Tracking, playing
from gymnasium import spaces
from handmade import linear, policy
from policyscope_attacks import in_time
from policyscope_attacks.disturbances import Disturbances
from policyscope_attacks.disturbing import trial as trial_module
from policyscope_attacks.disturbing.disturbance import Disturbance
from policyscope_attacks.disturbing.disturbed import Disturbed
from policyscope_attacks.disturbing.learned import Learned
from policyscope_attacks.disturbing.noise import Noise
from policyscope_attacks.disturbing.physics_sweep import fallen, swept
from policyscope_attacks.disturbing.steady import Steady
from policyscope_attacks.disturbing.trial import Trial
from policyscope_attacks.mind import Mind
from policyscope_attacks.ppo import _drawn_again

from policyscope.analyzers.subject import Subject
from policyscope.errors import UsageError
from policyscope.policies.loading import load
from policyscope.reports.results import NotApplicable
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.physics import Physics
from policyscope.rollouts.play import play

SHORT = {"max_episode_steps": 60}


@pytest.fixture(scope="module")
def tracking():
    with playing(Tracking) as subject:
        yield subject


@pytest.fixture(scope="module")
def choosing():
    with playing(Choosing) as subject:
        yield subject


@pytest.fixture(scope="module")
def cartpole(examples):
    return Subject.observed(
        load(examples / "cartpole_ppo.zip"), Environment("CartPole-v1", SHORT), 4, 0
    )


@pytest.fixture(scope="module")
def hopper():
    file = Path(__file__).parents[3] / "shared" / "checkpoints" / "trpo-Hopper-v3.zip"
    if not file.is_file():
        pytest.skip("the folder of published checkpoints is not beside the repository")
    pytest.importorskip("mujoco")
    return load(file)


def asked(subject, **settings):
    return Disturbances(**{"episodes": 4, **settings}).run(subject, np.random.default_rng(0))


class Cheat:
    """Wishes for more than there is, for nothing that is a number, and for what it is not given."""

    draws = (0, 0)

    def __init__(self, wish):
        self.asked = torch.tensor(wish)

    def wish(self, episodes, observations, draws):
        observations.fill_(9.0)
        return self.asked.expand(len(episodes), -1)


def test_the_best_disturbance_of_motors_goes_away_from_what_is_wanted(tracking):
    found = asked(tracking, epsilons=(0.25,))
    i = found.disturbances.index("steady")
    # half ranges of 1 and 3: every step loses 0.25 of the first and 0.75 of the second
    np.testing.assert_allclose(found.returns[i, 0], STEPS * (2 - 0.25 - 0.75), rtol=1e-6)
    np.testing.assert_allclose(np.abs(found.steady[0]), 1, atol=0.2)
    assert found.strongest[0] in ("steady", "sign_noise")
    np.testing.assert_allclose(found.clean, STEPS * 2)
    np.testing.assert_allclose(found.changes[i, 0], 0.25, atol=1e-6)
    uniform = found.returns[found.disturbances.index("uniform_noise"), 0]
    assert uniform.mean() > found.returns[i, 0].mean() + 5


def test_the_best_disturbance_of_choices_does_the_worst_one(choosing):
    found = asked(choosing, epsilons=(0.5, 1.0))
    i = found.disturbances.index("steady")
    assert found.strongest == ("steady", "steady")
    assert found.steady[1].argmax() == 2
    np.testing.assert_array_equal(found.returns[i, 1], -STEPS)  # always
    np.testing.assert_array_equal(found.changes[i, 1], 1)
    # each step in which the coin fell costs 2
    np.testing.assert_allclose(found.returns[i, 0], STEPS * (1 - 2 * found.changes[i, 0]))
    assert "sign_noise" not in found.disturbances


def test_coins_fall_with_their_probability_and_alike_for_all(choosing):
    def struck(wish, seed=3):
        trial = Trial(choosing, 0.3)
        return trial.play(Steady(torch.tensor([wish])), 200, seed, "")[0].actions

    second, third = struck([0.0, 1.0, 0.0]), struck([0.0, 0.0, 1.0])
    np.testing.assert_array_equal(second != 0, third != 0)
    # 4,000 coins: five standard deviations either way, so that chance fails one in a million
    assert abs((third == 2).mean() - 0.3) < 5 * (0.3 * 0.7 / 4000) ** 0.5
    assert (struck([0.0, 0.0, 1.0], seed=4) != third).any()


@pytest.mark.parametrize(
    "wish", [[7.0, -1e30], [np.inf, -np.inf], [np.nan, np.nan], [1e-3, 0.999999]]
)
@pytest.mark.parametrize("epsilon", [1e-6, 0.1, 1 / 3, 5.0])
def test_no_more_is_done_than_the_budget_allows(tracking, wish, epsilon):
    actor = Disturbed(tracking.policy, Cheat(wish), epsilon, 0)
    assert isinstance(Cheat(wish), Disturbance)
    rollouts = play(actor, tracking.environment, 3, 0)
    chosen = np.array([0.5, -0.5], np.float32).astype(float)
    moved = np.abs(rollouts.actions.astype(float) - chosen) / np.array([1.0, 3.0])
    assert (moved <= epsilon).all()
    space = tracking.action_space
    assert (rollouts.actions >= space.low).all() and (rollouts.actions <= space.high).all()
    np.testing.assert_allclose(actor.changes(rollouts.lengths), moved.max(), rtol=1e-12)


def test_what_was_changed_is_measured_on_what_was_done(choosing):
    # what is wished for is what the policy does: nothing is changed, however often coins fall
    trial = Trial(choosing, 1.0)
    _, changes = trial.play(Steady(torch.tensor([[1.0, 0.0, 0.0]])), 3, 0, "")
    np.testing.assert_array_equal(changes, 0)


def test_groups_of_multi_discrete_actions_are_done_together(tracking):
    groups = spaces.MultiDiscrete([2, 3])
    victim = policy(linear([[1.0, 0.0]] * 5), 2, groups)
    actor = Disturbed(victim, Steady(torch.tensor([[0.0, 1.0, 0.0, 0.0, 1.0]])), 1.0, 0)
    chosen = np.array([[0, 0], [1, 2], [0, 2]])
    wishes = actor._disturbance.wish(torch.arange(3), torch.zeros(3, 2), torch.zeros(3, 0, 0))
    done = actor._done(chosen, wishes, np.arange(3))
    np.testing.assert_array_equal(done, [[1, 2]] * 3)
    np.testing.assert_array_equal(actor._change(chosen, done), [1, 0, 1])


def test_noise_is_centred_and_its_signs_are_as_large_as_may_be():
    drawn = torch.from_numpy(np.random.default_rng(0).random((4000, 1, 3), np.float32))
    nothing = torch.zeros(4000, dtype=torch.int64), torch.zeros(4000, 2)
    uniform = Noise(3).wish(*nothing, drawn)
    signs = Noise(3, signs=True).wish(*nothing, drawn)
    assert uniform.abs().amax() <= 1 and (signs.abs() == 1).all()
    assert uniform.mean(0).abs().amax() < 0.05 and signs.mean(0).abs().amax() < 0.08


@pytest.mark.parametrize("kind", ["noise", "steady", "learned"])
def test_an_episode_is_disturbed_alike_whatever_the_number_of_lanes(cartpole, kind):
    outputs = cartpole.policy.outputs or 0
    disturbance = {
        "noise": Noise(outputs),
        "steady": Steady(torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.2, 0.1]])),
        "learned": Learned(_mind(cartpole), exploring=True),
    }[kind]

    def played(lanes):
        actor = Disturbed(cartpole.policy, disturbance, 0.4, 0)
        rollouts = play(actor, cartpole.environment, 7, 0, lanes=lanes)
        return rollouts.actions, rollouts.observations, actor.changes(rollouts.lengths)

    first = played(1)
    for lanes in (3, 7):
        for one, other in zip(first, played(lanes), strict=True):
            np.testing.assert_array_equal(one, other)


def _mind(subject, start=(0.0, 0.0)):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return Mind(torch.from_numpy(subject.rollouts.observations).float(), torch.tensor(start))


def test_what_was_tried_is_drawn_once_more(tracking):
    mind = Mind(torch.rand(9, 2), torch.zeros(2))
    rollouts, _ = Trial(tracking, 0.25).play(Learned(mind, exploring=True), 3, 11, "")
    draws = _drawn_again(mind, rollouts, 11, Disturbed.purpose)
    again = mind.chosen(torch.from_numpy(rollouts.observations), draws, True).detach().numpy()
    moved = (rollouts.actions - np.array([0.5, -0.5])) / np.array([1.0, 3.0])
    np.testing.assert_allclose(moved, 0.25 * np.clip(again, -1, 1), atol=1e-5)


def test_practice_finds_what_is_known_to_be_worst(choosing):
    # it does not begin at the steady one, but knows nothing
    trial = Trial(choosing, 1.0)
    trial.__dict__["steady"] = Steady(torch.tensor([[1.0, 0.9, 0.8]]))
    learned = trial.learned()
    rollouts, _ = trial.play(learned, 4, 5, "")
    np.testing.assert_array_equal(rollouts.returns, -STEPS)


def test_the_same_seed_learns_the_same_and_the_victim_stays(cartpole, monkeypatch):
    monkeypatch.setattr(trial_module, "ITERATIONS", 2)
    before = [p.clone() for p in cartpole.policy.network.parameters()]
    state = torch.get_rng_state()
    minds = [Trial(cartpole, 0.3).learned().mind for _ in range(2)]
    for one, two in zip(minds[0].parameters(), minds[1].parameters(), strict=True):
        assert torch.equal(one, two)
    for ours, theirs in zip(before, cartpole.policy.network.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    assert torch.equal(torch.get_rng_state(), state)


def test_the_strongest_is_judged_on_other_episodes(cartpole):
    found = asked(cartpole, epsilons=(0.5,))
    i = found.disturbances.index(found.strongest[0])
    assert found.returns.mean(2).argmin(0)[0] == i
    assert not np.array_equal(found.held_out[0], found.returns[i, 0])
    np.testing.assert_array_equal(found.clean, cartpole.rollouts.returns)
    values = {m.key: m.estimate.value for m in found.measures()}
    assert values["worst.return[epsilon=0.5]"] == found.held_out[0].mean()
    loss = (found.clean - found.returns[0, 0]).mean()
    assert values["loss[disturbance=uniform_noise,epsilon=0.5]"] == pytest.approx(loss)


def test_time_leaves_out_disturbances_and_changes_no_number(cartpole, monkeypatch):
    whole = asked(cartpole)
    clock = iter(np.arange(0.0, 1e6, 100.0))
    monkeypatch.setattr(in_time, "process_time", lambda: next(clock))
    hurried = asked(cartpole)
    assert (hurried.disturbances, whole.left_out) == (("uniform_noise",), ("learned",))
    assert hurried.left_out == ("sign_noise", "steady", "learned")
    assert not len(hurried.steady)
    np.testing.assert_array_equal(hurried.returns[0], whole.returns[0])


def test_where_mujoco_does_not_simulate_the_reason_is_told(cartpole):
    found = asked(cartpole)
    assert found.physics.shape == (0, 0, 4)
    assert "not in CartPole-v1" in found.unchanged and found.masses == ()
    # its gravity can be
    assert "gravity" not in found.unchanged and found.gravities == (0.5, 1.0, 1.5)
    np.testing.assert_array_equal(found.gravity[1], cartpole.rollouts.returns)


def test_where_nothing_falls_nothing_is_changed(choosing):
    found = asked(choosing)
    assert found.unchanged.startswith("masses, friction and gravity can be changed where MuJoCo")
    assert found.gravity.shape == (0, 4)


def test_every_gravity_plays_the_same_episodes(cartpole):
    found = fallen(cartpole, (0.5, 1.0, 20.0), 3)
    for row, gravity in zip(found, (0.5, 1.0, 20.0), strict=True):
        there = dataclasses.replace(cartpole.environment, physics=Physics(gravity=gravity))
        alone = Subject.observed(cartpole.policy, there, 3, 0)
        np.testing.assert_array_equal(row, alone.rollouts.returns)
    assert found[2].mean() < found[1].mean()


@pytest.mark.filterwarnings("ignore:.*is out of date")
def test_every_physics_plays_the_same_episodes(hopper):
    short = Environment("Hopper-v4", {"max_episode_steps": 30})
    subject = Subject.observed(hopper, short, 3, 0)
    masses, frictions = (1.0, 2.0), (0.1, 1.0)
    found = swept(subject, masses, frictions, 2)
    np.testing.assert_array_equal(found[0, 1], subject.rollouts.returns[:2])
    for i, mass in enumerate(masses):
        for j, grip in enumerate(frictions):
            there = dataclasses.replace(short, physics=Physics(mass, grip))
            alone = Subject.observed(hopper, there, 2, 0)
            np.testing.assert_array_equal(found[i, j], alone.rollouts.returns)
    assert len(np.unique(found)) == found.size


def test_a_policy_with_one_action_cannot_be_made_to_do_another(cartpole):
    single = dataclasses.replace(cartpole, policy=dataclasses.replace(cartpole.policy, outputs=1))
    assert isinstance(asked(single), NotApplicable)


def test_a_probability_is_at_most_one(cartpole):
    with pytest.raises(UsageError, match="at most 1, and 1.5 was given"):
        asked(cartpole, epsilons=(0.1, 1.5))


@pytest.mark.parametrize(
    "wrong",
    [
        {"epsilons": ()},
        {"epsilons": (0.0,)},
        {"minutes": 0.0},
        {"episodes": 1},
        {"masses": (1.0, 0.0)},
        {"frictions": (-0.1,)},
        {"gravities": (-0.1,)},
    ],
)
def test_parameters_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match="Disturbances needs"):
        Disturbances(**wrong)
