import dataclasses
import itertools

import numpy as np
import pytest
from policyscope_attacks import critic, in_time
from policyscope_attacks.attacks import Attacks
from policyscope_attacks.suite import SUITE, Candidate

from policyscope.analyzers.subject import Subject
from policyscope.errors import UsageError
from policyscope.policies.loading import load
from policyscope.reports.figures import draw
from policyscope.reports.findings.attack_outcome import from_attacks
from policyscope.reports.results import NotApplicable
from policyscope.rollouts.environment import Environment

SHORT = {"max_episode_steps": 60}
QUICK = ("sign_noise", "fgsm")


@pytest.fixture(scope="module")
def subject(examples):
    policy = load(examples / "cartpole_ppo.zip")
    return Subject.observed(policy, Environment("CartPole-v1", SHORT), 4, 0)


def asked(subject, **settings):
    defaults = {"only": QUICK, "episodes": 4, "epsilons": (0.3, 20.0)}
    return Attacks(**{**defaults, **settings}).run(subject, np.random.default_rng(0))


@pytest.fixture(scope="module")
def outcome(subject):
    return asked(subject)


def value(result, key):
    return next(m.estimate.value for m in result.measures() if m.key == key)


def test_more_budget_helps_the_attack_and_a_gradient_helps_more_than_noise(outcome):
    small, large = outcome.returns[1].mean(1)
    assert large < small - 10
    assert outcome.returns[1, 1].mean() < outcome.returns[0, 1].mean() - 10


NOISE = ("uniform_noise", "sign_noise")
CLIMBING = ("fgsm", "pgd", "mad", "deepfool", "nesterov", "random_search", "steady_push")


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_more_budget_never_helps_the_victim(subject, norm):
    sizes = (0.5, 2.0, 8.0)
    found = asked(subject, only=(*NOISE, *CLIMBING), epsilons=sizes, norm=norm, minutes=10.0)
    assert found.attacks == (*NOISE, *CLIMBING)
    for attack, returns in zip(found.attacks, found.returns, strict=True):
        for less, more in itertools.pairwise(returns):
            gained = more - less
            # three standard errors of the paired difference, and a step more or less
            limit = 3 * gained.std(ddof=1) / len(gained) ** 0.5 + 1
            assert gained.mean() <= limit, attack
    # what climbs lowers more than what knows nothing
    worst = found.returns.mean(2)[len(NOISE) :, -1].min()
    assert worst < found.returns.mean(2)[: len(NOISE), -1].min() - 10


def test_returns_are_those_of_the_same_episodes(subject, outcome):
    np.testing.assert_array_equal(outcome.clean, subject.rollouts.returns)
    loss = (outcome.clean - outcome.returns[1, 1]).mean()
    assert value(outcome, "loss[attack=fgsm,epsilon=20]") == pytest.approx(loss)
    assert value(outcome, "return[attack=fgsm,epsilon=20]") == outcome.returns[1, 1].mean()


def test_the_strongest_is_judged_on_other_episodes(outcome):
    assert outcome.strongest[1] == "fgsm"
    assert not np.array_equal(outcome.held_out[1], outcome.returns[1, 1])
    assert value(outcome, "worst.return[epsilon=20]") == outcome.held_out[1].mean()
    assert value(outcome, "worst.loss[epsilon=20]") == pytest.approx(
        (outcome.held_out_clean - outcome.held_out[1]).mean()
    )


def test_no_more_is_spent_than_there_is(subject, outcome):
    assert (outcome.spent <= np.array(outcome.epsilons) * (1 + 1e-12)).all()
    whole = asked(subject, whole_episode=True, norm="l2", epsilons=(0.5,))
    # a twentieth of what is left, sixty times
    assert whole.spent == pytest.approx(0.5 * (1 - 0.95**60) ** 0.5, rel=1e-6)


def test_a_unit_is_the_deviation_of_each_feature_or_the_environments_own(subject):
    by_hand = subject.visited.observations.astype(np.float64).std(0)
    for units, expected in (("deviations", by_hand), ("environment", np.ones(4))):
        (budget,) = Attacks(units=units, epsilons=(0.1,))._budgets(subject)
        np.testing.assert_allclose(budget.scale.numpy(), expected, rtol=1e-6)


def test_time_leaves_out_attacks_and_changes_no_number(subject, outcome, monkeypatch):
    clock = iter(np.arange(0.0, 1e6, 100.0))
    monkeypatch.setattr(in_time, "process_time", lambda: next(clock))
    hurried = asked(subject, minutes=1.0)
    assert (hurried.attacks, hurried.left_out) == (("sign_noise",), ("fgsm",))
    np.testing.assert_array_equal(hurried.returns[0], outcome.returns[0])


def test_attacks_that_need_more_time_are_named(subject, monkeypatch):
    slow = Candidate(SUITE["fgsm"].make, minutes=3.0)
    monkeypatch.setitem(SUITE, "fgsm", slow)
    assert asked(subject, minutes=2.9).left_out == ("fgsm",)
    assert asked(subject, minutes=3.0).left_out == ()


def test_without_gradients_black_boxes_are_left(subject):
    blind = dataclasses.replace(
        subject, policy=dataclasses.replace(subject.policy, differentiable=False)
    )
    found = asked(blind, only=("sign_noise", "fgsm", "random_search"), epsilons=(1.0,), minutes=1.0)
    assert (found.attacks, found.white_box) == (("sign_noise", "random_search"), (False, False))


def test_an_adversarial_reward_is_told_beside_the_return(subject):
    found = asked(subject, goal="a[0]", epsilons=(20.0,))
    right = found.gains[1, 0] / found.returns[1, 0]  # a reward of one each step
    assert ((0 <= right) & (right <= 1)).all()
    assert value(found, "gain[attack=fgsm,epsilon=20]") == found.gains[1, 0].mean()
    assert value(found, "clean.gain") == found.clean_gains.mean()
    with pytest.raises(UsageError, match="no 'height'"):
        asked(subject, goal="height")


def test_a_policy_with_one_action_cannot_be_led(subject):
    single = dataclasses.replace(subject, policy=dataclasses.replace(subject.policy, outputs=1))
    assert isinstance(asked(single), NotApplicable)


def test_an_adversary_may_have_any_goal(subject):
    found = asked(subject, goal="-abs(cart_position + 1)", only=("steady_push",), epsilons=(5.0,))
    (finding,) = from_attacks("attacks", found)
    assert finding.code == "A4"
    assert f"{found.worst_gain(0)}, by steady push" in finding.sentence
    unmoved = dataclasses.replace(found, held_out_gains=found.held_out_clean_gains[None])
    assert [finding.code for finding in from_attacks("attacks", unmoved)] == ["A5"]


def test_the_adversarial_reward_is_what_is_shown(subject):
    found = asked(subject, goal="a[0] > 0.5", epsilons=(20.0,))
    curves, board = draw("attacks", found)
    assert curves.figure.layout.yaxis.title.text == "a[0] &gt; 0.5"
    assert curves.figure.data[1].y[0] == found.gains[1, 0].mean()
    assert sorted(board.figure.data[0].x) == sorted(found.gains[:, 0].mean(1))
    assert found.clean_sought() == found.clean_gain()
    plain = dataclasses.replace(found, goal="")
    assert plain.sought_of(1, 0) == found.mean_return(1, 0)
    assert (plain.worst_sought(0), plain.sought) == (found.worst_return(0), "return")


def test_an_action_is_forced(subject):
    found = asked(subject, force=(1.0,), only=("fgsm",), epsilons=(50.0,))
    assert found.goal == "share of the action push_right"
    # every action is forced, for as long as the pole is up
    np.testing.assert_array_equal(found.gains[0, 0], found.returns[0, 0])
    with pytest.raises(UsageError, match="has 1 numbers, not 2"):
        asked(subject, force=(1.0, 0.0), only=("fgsm",))


def test_a_goal_may_be_a_function_of_ones_own(subject, tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(
        "def right(observations, actions, rewards):\n    return 10.0 * (actions == 1)\n"
        "def broken(observations, actions, rewards):\n    return observations[:, 9]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    found = asked(subject, goal="mine:right", epsilons=(20.0,))
    expressed = asked(subject, goal="10 * (a[0] == 1)", epsilons=(20.0,))
    np.testing.assert_array_equal(found.gains, expressed.gains)
    with pytest.raises(UsageError, match=r"adversarial reward fails \(IndexError"):
        asked(subject, goal="mine:broken")
    with pytest.raises(UsageError, match="no 'left'"):
        asked(subject, goal="mine:left")


def test_only_the_named_features_are_changed(subject):
    (budget,) = Attacks(features=("pole_angle",), epsilons=(0.1,))._budgets(subject)
    assert (budget.scale > 0).tolist() == [False, False, True, False]
    with pytest.raises(UsageError, match="no feature 'angle'; there are cart_position"):
        asked(subject, features=("angle",))


def test_the_valid_range_is_that_of_the_space_or_of_what_was_visited(subject):
    (budget,) = Attacks(valid="space", epsilons=(0.1,))._budgets(subject)
    space = subject.environment.spaces()[0]
    np.testing.assert_array_equal(budget.low, space.low)
    np.testing.assert_array_equal(budget.high, space.high)
    (budget,) = Attacks(valid="visited", epsilons=(0.1,))._budgets(subject)
    seen = subject.rollouts.observations
    np.testing.assert_array_equal(budget.low, seen.min(0).astype(np.float64))
    np.testing.assert_array_equal(budget.high, seen.max(0).astype(np.float64))
    (free,) = Attacks(epsilons=(0.1,))._budgets(subject)
    assert free.low is None and free.high is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"epsilons": ()},
        {"valid": "box"},
        {"epsilons": (0.0,)},
        {"minutes": 0.0},
        {"episodes": 1},
        {"norm": "l1"},
        {"units": "inches"},
        {"only": ("gradient",)},
    ],
)
def test_parameters_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match="Attacks needs|is one of|is 'dev|is 'type|There is no"):
        Attacks(**wrong)


@pytest.mark.parametrize("name", ["mad", "random_search", "critic_guided", "deepfool", "nesterov"])
def test_every_attack_of_the_suite_runs_and_is_the_same_again(subject, name, monkeypatch):
    monkeypatch.setattr(critic, "STEPS", 20)
    runs = [
        asked(subject, only=(name,), epsilons=(1.0,), minutes=5.0, episodes=2) for _ in range(2)
    ]
    np.testing.assert_array_equal(runs[0].returns, runs[1].returns)
    assert runs[0].attacks == (name,)


def test_it_is_drawn_with_its_boxes_and_what_was_left_out(subject):
    found = asked(subject, only=("sign_noise", "fgsm", "mad"), epsilons=(0.3, 20.0))
    curves, board = draw("attacks", found)
    assert len(curves.figure.data) == 3  # two attacks and the strongest
    assert "mad" in board.caption
    labels = board.figure.layout.yaxis.ticktext
    assert [("white" in label) for label in labels] == [False, True]


def test_what_is_found_is_said_of_held_out_episodes(outcome):
    found = list(from_attacks("attacks", dataclasses.replace(outcome, left_out=("mad", "pgd"))))
    assert [finding.code for finding in found] == ["A1", "A3"]
    assert f"{outcome.worst_return(1)}, by fgsm" in found[0].sentence
    assert "mad and pgd were not run" in found[1].sentence
    unharmed = dataclasses.replace(
        outcome,
        held_out=np.stack([outcome.held_out_clean] * 2),
        held_out_gains=np.stack([outcome.held_out_clean_gains] * 2),
    )
    assert [finding.code for finding in from_attacks("attacks", unharmed)] == ["A2"]
