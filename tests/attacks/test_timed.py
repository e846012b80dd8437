"""Attacks that time themselves: what they pay for, and the policy as it is under noise."""

import dataclasses

import numpy as np
import pytest
import torch
from gymnasium import spaces
from handmade import linear, policy
from policyscope_attacks.attacks import Attacks
from policyscope_attacks.budget import NORMS, Budget
from policyscope_attacks.buying import HALVINGS, OVERSHOOT
from policyscope_attacks.dynamics import Dynamics
from policyscope_attacks.methods.critical_point import CriticalPoint
from policyscope_attacks.methods.fgsm import Fgsm
from policyscope_attacks.methods.flips import Flips
from policyscope_attacks.methods.rationed import Rationed
from policyscope_attacks.methods.sign_noise import SignNoise
from policyscope_attacks.methods.strategically_timed import StrategicallyTimed, preference
from policyscope_attacks.methods.value_timed import ValueTimed
from policyscope_attacks.objectives import clean_scores
from policyscope_attacks.smoothed import smoothed
from policyscope_attacks.standing_between import StandingBetween, spent
from policyscope_attacks.suite import Task
from policyscope_attacks.timed import flipping, opponents, strategic, valued
from scenes import Counting, fitted, scene, small
from torch import nn

from policyscope.analyzers.subject import Subject
from policyscope.policies.loading import load
from policyscope.policies.policy import Policy
from policyscope.rollouts.actors import Greedy
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.goal import LowerReturn
from policyscope.rollouts.play import play
from policyscope.rollouts.threat import Threat
from policyscope.rollouts.visited import Visited

UNITS = torch.tensor([0.5, 2.0, 1.0, 0.0])
WEIGHT = [[1.0, -2.0, 0.5, 4.0], [0.0, 1.0, 1.0, -1.0], [-1.0, 0.5, 0.3, 2.0]]
SHORT = Environment("CartPole-v1", {"max_episode_steps": 60})


def turning() -> Dynamics:
    """Dynamics of weights drawn at random, for up to three actions."""
    weights = 0.1 * torch.randn(3, 15, 4, generator=torch.Generator().manual_seed(0))
    return Dynamics(torch.zeros(4), torch.ones(4), weights)


WORTH = policy(linear([[1.0, 2.0, 0.0, -1.0]]), 4, spaces.Discrete(1))
TIMED = {
    "flips": Flips(),
    "critical_point": CriticalPoint(turning(), 0.1),
    "rationed": Rationed(Fgsm(), 0.3),
    "strategically_timed": StrategicallyTimed(Rationed(Fgsm(), 0.3), 0.2),
    "value_timed": ValueTimed(Rationed(Fgsm(), 0.3), WORTH, -0.5),
}


@pytest.fixture(scope="module")
def subject(examples):
    return Subject.observed(load(examples / "cartpole_ppo.zip"), SHORT, 4, 0)


def thinker(norm: str, size: float = 10.0, rows: int = 200, weight=WEIGHT):
    """A linear policy among three actions, in scenes of its own, and what it chooses there."""
    victim = policy(linear(weight), 4, spaces.Discrete(3))
    at = scene(victim, Budget(size, UNITS, norm, whole_episode=True), rows=rows)
    clean = clean_scores(at)
    return at, clean, clean.argmax(1)


def cheapest(clean, chosen: int, other: int, norm: str) -> float:
    """Between two of the actions, by hand: the gap over the slope's dual norm."""
    slope = (torch.tensor(WEIGHT[other]) - torch.tensor(WEIGHT[chosen])) * UNITS
    dual = slope.abs().sum() if norm == "linf" else slope.norm()
    return float((clean[chosen] - clean[other]) / dual)


@pytest.mark.parametrize("norm", NORMS)
def test_a_flip_of_a_linear_policy_costs_hardly_more_than_it_has_to(norm):
    at, clean, chosen = thinker(norm)
    two = dataclasses.replace(
        at, policy=policy(linear(WEIGHT[:2]), 4, spaces.Discrete(2)), sizes=at.sizes
    )
    scores = clean_scores(two)
    delta = Flips().delta(two)
    assert (two.scores(delta).argmax(1) != scores.argmax(1)).all()
    least = [
        cheapest(row, int(row.argmax()), 1 - int(row.argmax()), norm) for row in scores.double()
    ]
    ratio = at.budget.length(delta).numpy() / np.array(least)
    assert ratio.min() >= 0.999
    assert ratio.max() <= OVERSHOOT + 2**-HALVINGS


@pytest.mark.parametrize("norm", NORMS)
def test_the_worst_action_that_can_be_paid_is_bought(norm):
    at, clean, _ = thinker(norm, weight=np.eye(3, 4).tolist())
    taken = at.scores(Flips().delta(at)).argmax(1)
    assert torch.equal(taken, clean.argmin(1))


@pytest.mark.parametrize("norm", NORMS)
def test_nothing_is_spent_where_no_flip_can_be_paid(norm):
    at, clean, chosen = thinker(norm, size=0.2)
    delta = Flips().delta(at)
    assert (at.budget.length(delta) <= 0.2).all()
    flipped = at.scores(delta).argmax(1) != chosen
    assert torch.equal(flipped, (delta != 0).any(1))
    dear = torch.tensor(
        [
            min(cheapest(row, int(c), other, norm) for other in range(3) if other != c) > 0.2
            for row, c in zip(clean, chosen, strict=True)
        ]
    )
    assert dear.any() and not flipped[dear].any()
    assert flipped[~dear].float().mean() > 0.8


def test_a_flip_that_is_not_worth_it_is_waited_for():
    at, clean, _ = thinker("l2", weight=np.eye(3, 4).tolist())
    lead = clean.topk(3, 1).values
    threshold = float((lead[:, 0] - lead[:, 2]).median())
    delta = Flips(threshold).delta(at)
    worth = lead[:, 0] - lead[:, 2] > threshold
    assert not (delta[~worth] != 0).any()
    assert (delta[worth] != 0).any(1).all()


@pytest.mark.parametrize("name", TIMED)
def test_rows_know_nothing_of_each_other(name):
    at = scene(small("discrete"), Budget(0.5, UNITS, "l2", whole_episode=True), rows=6)
    other = dataclasses.replace(
        at,
        observations=at.observations.clone().index_fill(0, torch.tensor([1, 4]), 0.0),
        sizes=at.sizes.clone().index_fill(0, torch.tensor([4]), 0.0),
    )
    same = torch.tensor([0, 2, 3, 5])
    found, again = (TIMED[name].delta(one)[same] for one in (at, other))
    assert torch.equal(found, again)


@pytest.mark.parametrize("name", TIMED)
@pytest.mark.parametrize("norm", NORMS)
def test_no_more_is_spent_in_an_episode_than_there_is(subject, name, norm):
    budget = Budget(0.7, torch.ones(4), norm, whole_episode=True)
    between = StandingBetween(TIMED[name], subject.policy, budget)
    rollouts = subject.play(Greedy(subject.policy), between)
    total = np.add.reduceat(budget.charge(spent(rollouts, budget)), rollouts.first_steps)
    assert (total <= (0.7 if norm == "linf" else 0.49)).all()
    assert total.max() > 0.01


@pytest.mark.parametrize(("norm", "whole"), [("linf", 0.5), ("l2", 0.25)])
def test_a_ration_is_a_part_of_what_is_left(subject, norm, whole):
    budget = Budget(0.5, torch.ones(4), norm, whole_episode=True)
    between = StandingBetween(Rationed(SignNoise(), 0.2), subject.policy, budget)
    rollouts = subject.play(Greedy(subject.policy), between, 1)
    costs = budget.charge(spent(rollouts, budget))
    expected = whole * 0.2 * 0.8 ** np.arange(len(costs))
    np.testing.assert_allclose(costs[:20], expected[:20], rtol=1e-3)


def test_a_strategic_attack_waits_where_the_policy_hardly_minds():
    at = scene(small("discrete"), Budget(0.5, UNITS), rows=200)
    sure = preference(at.policy, clean_scores(at))
    by_hand = clean_scores(at).double().softmax(1)
    torch.testing.assert_close(sure.double(), by_hand.amax(1) - by_hand.amin(1))
    wait = float(sure.median())
    moved = (StrategicallyTimed(Fgsm(), wait).delta(at) != 0).any(1)
    assert torch.equal(moved, sure > wait)


def test_an_attack_timed_by_value_waits_where_little_is_expected():
    at = scene(small("discrete"), Budget(0.5, UNITS), rows=200)
    values = at.observations @ torch.tensor([1.0, 2.0, 0.0, -1.0])
    moved = (ValueTimed(Fgsm(), WORTH, 0.3).delta(at) != 0).any(1)
    assert torch.equal(moved, values > 0.3)


def test_what_it_waits_for_is_what_the_policys_critic_says(subject):
    half, most = valued(subject.policy, subject.visited)
    values = subject.policy.values(torch.from_numpy(subject.visited.observations))
    assert float((values < half.threshold).float().mean()) == pytest.approx(0.5, abs=0.05)
    assert float((values < most.threshold).float().mean()) == pytest.approx(0.9, abs=0.05)
    assert valued(small("discrete"), subject.visited) == ()


def test_the_surest_group_of_a_multi_discrete_action_counts():
    scores = torch.tensor([[0.0, 0.0, 5.0, 0.0, 0.0]])
    found = preference(small("multi_discrete"), scores)
    assert float(found) == pytest.approx((np.exp(5) - 1) / (np.exp(5) + 2))


class Squares(nn.Module):
    """One score: the sum of squares of what it sees, of the newest frame ten times."""

    def forward(self, observations, memory):
        flat = observations.float().flatten(2) if observations.ndim > 2 else observations[:, None]
        weights = torch.ones(flat.shape[1])
        weights[-1] = 10.0
        return (flat.square().sum(2) * weights).sum(1, keepdim=True), memory


def test_under_noise_scores_are_what_they_are_on_average():
    """E (s + σξ)² = s² + σ²; with pairs ±ξ nothing is left of the middle term."""
    victim = dataclasses.replace(small("discrete"), network=Squares(), observation_shape=(4,))
    under_noise = smoothed(victim, np.full(4, 0.5), 2000)
    seen = torch.tensor([[1.0, -2.0, 0.5, 3.0], [0.0, 0.0, 0.0, 0.0]])
    expected = 10 * (seen.square().sum(1) + 4 * 0.25)
    found = under_noise.scores(seen)[0][:, 0]
    torch.testing.assert_close(found, expected, rtol=0, atol=0.6)
    assert float(found[0] - found[1]) == pytest.approx(142.5, abs=1e-3)


def test_of_frames_only_the_newest_is_noisy_once_more():
    victim = dataclasses.replace(small("discrete"), network=Squares(), observation_shape=(3, 2))
    under_noise = smoothed(victim, np.full(2, 0.5), 4000)
    found = under_noise.scores(torch.zeros(1, 3, 2))[0]
    assert float(found) == pytest.approx(10 * 2 * 0.25, abs=0.3)


def test_what_is_remembered_is_told_to_every_draw():
    pendulum = Environment("Pendulum-v1")
    victim = fitted(Counting(), pendulum, (1,))
    memory = (torch.tensor([[3.0], [5.0]]),)
    _, after = smoothed(victim, np.ones(3), 8).scores(torch.zeros(2, 3), memory)
    assert torch.equal(after[0], memory[0])


def test_a_linear_policy_is_under_noise_what_it_is_without():
    victim = policy(linear(WEIGHT), 4, spaces.Discrete(3))
    seen = torch.randn(20, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(smoothed(victim, np.ones(4)).scores(seen)[0], victim.scores(seen)[0])


def test_thresholds_are_those_that_parts_of_the_visited_states_are_below(subject):
    none, half, most = (attack.threshold for attack in flipping(subject.policy, subject.visited))
    scores = subject.policy.scores(torch.from_numpy(subject.visited.observations))[0]
    gaps = (scores[:, 0] - scores[:, 1]).abs()
    assert none <= float(gaps.min()) + 1e-6
    assert float((gaps < half).float().mean()) == pytest.approx(0.5, abs=0.05)
    assert float((gaps < most).float().mean()) == pytest.approx(0.9, abs=0.05)
    assert [attack.threshold < 1 for attack in strategic(subject.policy, subject.visited)] == [
        True,
        True,
    ]


def test_computed_actions_are_never_flipped():
    visited = Visited(np.array([2]), np.zeros((2, 4), np.float32))
    assert flipping(small("continuous"), visited) == strategic(small("continuous"), visited) == ()


@pytest.mark.parametrize(
    "name", ["rationed", "flips", "strategically_timed", "value_timed", "critical_point"]
)
def test_the_suite_times_budgets_of_whole_episodes_and_no_others(subject, name):
    asked = {"only": ("uniform_noise", name), "episodes": 2, "minutes": 9.0, "epsilons": (1.0,)}
    each = Attacks(**asked).run(subject, np.random.default_rng(0))
    whole, again = (
        Attacks(**asked, whole_episode=True, norm="l2").run(subject, np.random.default_rng(0))
        for _ in range(2)
    )
    np.testing.assert_array_equal(whole.returns, again.returns)
    assert each.attacks == ("uniform_noise",)
    assert whole.attacks == ("uniform_noise", name)
    assert (whole.spent <= 1).all()


@pytest.mark.parametrize("attack", TIMED.values(), ids=TIMED)
def test_what_times_itself_is_not_rationed_once_more(subject, attack):
    budget = Budget(0.7, torch.ones(4), "l2", whole_episode=True)
    task = Task(subject, budget, LowerReturn())
    by_itself = subject.play(
        Greedy(subject.policy), StandingBetween(attack, subject.policy, budget), 2, 3
    )
    np.testing.assert_array_equal(task.play(attack, 2, 3, "").shown, by_itself.shown)


def opposed(victim: Policy, visited: Visited, unit, **other) -> dict:
    return dict(opponents(Threat(victim, visited, unit, **{"budget": 0.5, "sigma": 0.2} | other)))


def test_opponents_are_there_for_what_can_be_asked_in_time(subject):
    ones = np.ones(4)
    every = {"flips", "rationed", "strategically_timed"}
    assert set(opposed(subject.policy, subject.visited, ones)) == every
    assert opposed(subject.policy, subject.visited, ones, budget=0.0) == {}
    assert opposed(subject.policy, subject.visited, np.ones((3, 8, 8))) == {}
    blind = dataclasses.replace(subject.policy, differentiable=False)
    assert opposed(blind, subject.visited, ones) == {}
    assert set(opposed(small("continuous"), subject.visited, ones)) == {"rationed"}


def test_opponents_ask_the_policy_as_it_is_under_noise(subject):
    """Much noise makes other gradients, and so another attack."""
    shown = []
    for sigma in (0.01, 2.0):
        adversary = opposed(subject.policy, subject.visited, np.ones(4), sigma=sigma)["rationed"]
        rollouts = play(Greedy(subject.policy), SHORT, 2, 0, perturbation=adversary)
        shown.append(rollouts.shown[0] - rollouts.observations[0])
    lengths = [float(np.linalg.norm(moved)) for moved in shown]
    assert lengths == pytest.approx([0.5 * 0.05**0.5] * 2, rel=1e-3)
    assert np.abs(shown[0] - shown[1]).max() > 0.01
