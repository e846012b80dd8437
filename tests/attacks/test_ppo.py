import dataclasses

import numpy as np
import pytest
import torch
from policyscope_attacks import ppo, sight, suite
from policyscope_attacks.budget import NORMS, Budget
from policyscope_attacks.methods.optimal_adversary import OptimalAdversary
from policyscope_attacks.methods.policy_director import PolicyDirector
from policyscope_attacks.methods.steady_push import SteadyPush
from policyscope_attacks.methods.steady_shift import SteadyShift
from policyscope_attacks.mind import Mind
from policyscope_attacks.standing_between import StandingBetween
from policyscope_attacks.suite import Task
from scenes import Remembering, fitted, scene, small

from policyscope.analyzers.subject import Subject
from policyscope.policies.loading import load
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.goal import LowerReturn, expressed

UNITS = torch.tensor([0.5, 2.0, 1.0, 0.0])
KINDS = {"director": (PolicyDirector, 2), "optimal": (OptimalAdversary, 4)}


@pytest.fixture(scope="module")
def task(examples):
    policy = load(examples / "cartpole_ppo.zip")
    environment = Environment("CartPole-v1", {"max_episode_steps": 60})
    subject = Subject.observed(policy, environment, 4, 0)
    return Task(subject, Budget(0.1, torch.ones(4)), expressed("-reward", subject.features))


def mind(task, outputs):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return Mind(torch.from_numpy(task.subject.rollouts.observations), torch.zeros(outputs))


def practice(task, kind, iterations=1):
    return ppo.Practice(
        play=lambda mind, seed: task.play(kind(mind, True), 8, seed, "practice"),
        sees=lambda rollouts: sight.glimpses(task.subject.policy, rollouts),
        gains=task.goal.rewards,
        iterations=iterations,
        seed=3,
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("space", ["discrete", "multi_discrete", "continuous"])
def test_a_learned_attack_stays_within_its_budget(kind, norm, space):
    make, _ = KINDS[kind]
    victim = small(space)
    outputs = 4 if make is OptimalAdversary else victim.outputs
    attack = make(Mind(torch.randn(50, 4, generator=torch.Generator()), torch.zeros(outputs)), True)
    at = scene(victim, Budget(0.3, UNITS, norm), draws=attack.draws)
    delta = attack.delta(at)
    assert (at.budget.length(delta) <= 0.3 * (1 + 1e-6)).all()
    assert (delta[:, 3] == 0).all()
    assert delta.abs().amax() > 0


@pytest.mark.parametrize("norm", NORMS)
def test_a_director_of_images_stays_within_its_budget(norm):
    victim = dataclasses.replace(small("discrete", 3 * 4 * 5), observation_shape=(3, 4, 5))
    seen = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    attack = PolicyDirector(Mind(seen, torch.zeros(3)), True)
    at = scene(victim, Budget(0.3, torch.ones(3, 4, 5), norm), rows=50, draws=attack.draws)
    delta = attack.delta(at)
    assert (at.budget.length(delta) <= 0.3 * (1 + 1e-6)).all()
    # it goes where its mind would, that sees the scores
    aim = attack.mind.chosen(at.scores(0 * delta), at.draws.flatten(2), True)
    moved = at.scores(delta) - at.scores(0 * delta)
    assert (((moved * aim).sum(1)) > 0).float().mean() > 0.9


@dataclasses.dataclass(frozen=True)
class Noting:
    """Moves every pixel by a little, and notes what a learned adversary sees."""

    noted: list

    white_box = True
    draws = 0

    def delta(self, scene):
        self.noted.append((scene.episodes.clone(), sight.glimpse(scene)))
        return torch.full_like(scene.observations, 3.0)


def test_what_was_seen_of_images_is_seen_once_more(examples):
    """Of the policy's scores: what it still sees is what it was shown, and the newest is true."""
    short = Environment("PongNoFrameskip-v4", {"max_num_frames_per_episode": 48})
    subject = Subject.observed(load(examples / "pong_ppo.cleanrl_model"), short, 2, 0)
    attack = Noting([])
    task = Task(subject, Budget(0.02, torch.full((84, 84), 255.0)), LowerReturn())
    rollouts = task.play(attack, 2, 0, "")
    assert (rollouts.shown != rollouts.observations).any()
    found = sight.glimpses(subject.policy, rollouts)
    assert found.shape == (len(rollouts.rewards), 6)
    for number, first in enumerate(rollouts.first_steps.tolist()):
        each = [seen[episodes == number][0] for episodes, seen in attack.noted]
        torch.testing.assert_close(found[first], each[0], atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(found[first + 9], each[9], atol=1e-4, rtol=1e-4)


def test_a_director_of_images_practises(examples, monkeypatch):
    monkeypatch.setattr(suite, "PRACTICE", 2)
    monkeypatch.setattr(suite, "SHORT", 2)
    short = Environment("PongNoFrameskip-v4", {"max_num_frames_per_episode": 48})
    subject = Subject.observed(load(examples / "pong_ppo.cleanrl_model"), short, 2, 0)
    task = Task(subject, Budget(0.02, torch.full((84, 84), 255.0)), expressed("a[0] == 2", ()))
    start = torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0, 0.0])
    made = suite.Learned(PolicyDirector, lambda task: start)(task)
    assert made.mind.outputs == 6 and len(made.mind.mean) == 6
    rollouts = task.play(made, 2, 5, "")
    assert (rollouts.shown != rollouts.observations).any()
    assert suite.SUITE["optimal_adversary"].make(task) is None


@pytest.mark.parametrize("name", ["policy_director", "optimal_adversary"])
def test_a_policy_that_remembers_has_learned_adversaries_too(name, monkeypatch):
    for what, less in (("PRACTICE", 4), ("SHORT", 1)):
        monkeypatch.setattr(suite, what, less)
    short = Environment("CartPole-v1", {"max_episode_steps": 12})
    subject = Subject.observed(fitted(Remembering(short), short, (16,)), short, 2, 0)
    task = Task(subject, Budget(0.1, torch.ones(4)), LowerReturn())
    steady = {"push": SteadyPush(torch.ones(1, 2)), "shift": SteadyShift(torch.ones(1, 4))}
    task.__dict__.update(steady)
    make = suite.SUITE[name].make
    made = dataclasses.replace(make, longer=1)(task)
    rollouts = task.play(made, 3, 5, "")
    moved = np.abs(rollouts.shown - rollouts.observations)
    assert 0.05 < moved.max() <= 0.1 * (1 + 1e-6)


def test_what_was_tried_is_drawn_once_more(task):
    attack = OptimalAdversary(mind(task, 4), exploring=True)
    rollouts = task.play(attack, 5, 11, "practice")
    worth = ppo._Worth.of(rollouts.rewards, rollouts)
    draws = ppo._drawn_again(attack.mind, rollouts, 11, StandingBetween.purpose)
    tried = ppo._Tried(rollouts, sight.glimpses(task.subject.policy, rollouts), draws)
    again = ppo._batch(attack.mind, tried, rollouts.rewards, worth).chosen
    moved = torch.from_numpy(rollouts.shown - rollouts.observations)
    torch.testing.assert_close(moved, 0.1 * torch.tanh(again), atol=1e-5, rtol=1e-4)


def test_the_director_takes_scores_where_its_mind_points():
    victim = small("continuous")
    attack = PolicyDirector(Mind(torch.randn(50, 4, generator=torch.Generator()), torch.zeros(2)))
    at = scene(victim, Budget(0.01, UNITS), rows=50)
    aim = attack.mind(at.observations)
    before, after = (at.scores(d) for d in (0 * at.observations, attack.delta(at)))
    assert (((after - before) * aim).sum(1) > 0).all()


def test_advantages_are_those_of_the_definition(task):
    rollouts = task.play(OptimalAdversary(mind(task, 4), True), 3, 0, "practice")
    rng = np.random.default_rng(0)
    gains, values = rng.standard_normal((2, len(rollouts.rewards)))
    found = ppo._advantages(gains, values, rollouts)
    for first, length, cut in zip(
        rollouts.first_steps, rollouts.lengths, rollouts.truncated, strict=True
    ):
        v = np.append(values[first : first + length], values[first + length - 1] * cut)
        errors = gains[first : first + length] + 0.99 * v[1:] - v[:-1]
        for t in range(length):
            expected = sum((0.99 * 0.95) ** k * error for k, error in enumerate(errors[t:]))
            assert found[first + t] == pytest.approx(expected)


def test_a_fresh_critic_begins_with_what_states_are_worth(task):
    rollouts = task.play(OptimalAdversary(mind(task, 4), True), 3, 0, "practice")
    worth = ppo._Worth.of(rollouts.rewards, rollouts)
    # a reward of one each step: (1 - 0.99^k) / (1 - 0.99), k steps before the end
    each = np.concatenate([(1 - 0.99 ** np.arange(n, 0, -1)) / 0.01 for n in rollouts.lengths])
    assert (worth.mean, worth.deviation) == pytest.approx((each.mean(), each.std()), rel=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_practice_is_the_same_again_and_touches_nothing_else(task, kind):
    make, outputs = KINDS[kind]
    fresh = mind(task, outputs)
    before = {name: value.clone() for name, value in fresh.state_dict().items()}
    weights = [p.clone() for p in task.subject.policy.network.parameters()]
    state = torch.get_rng_state()
    minds = [ppo.trained(fresh, practice(task, make, 2)).mind for _ in range(2)]
    for one, two in zip(minds[0].parameters(), minds[1].parameters(), strict=True):
        assert torch.equal(one, two)
    for name, value in fresh.state_dict().items():
        assert torch.equal(value, before[name])
    for ours, theirs in zip(weights, task.subject.policy.network.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(("kind", "size"), [("director", 0.1), ("optimal", 0.4)])
def test_practice_raises_what_the_adversary_is_after(task, kind, size):
    make, outputs = KINDS[kind]
    task = dataclasses.replace(task, budget=Budget(size, torch.ones(4)))
    fresh = mind(task, outputs)
    found = ppo.trained(fresh, practice(task, make, 6)).mind

    def returned(which):
        return task.play(make(which), 8, 99, "after").returns.mean()

    assert returned(found) < returned(fresh) - 2


def test_who_has_practised_can_go_on(task):
    once = ppo.trained(mind(task, 4), practice(task, OptimalAdversary, 1)).mind
    assert not any(p.requires_grad for p in once.parameters())
    better = iter(range(9))
    improving = dataclasses.replace(
        practice(task, OptimalAdversary, 3),
        gains=lambda rollouts: next(better) + np.arange(len(rollouts.rewards)) % 7.0,
    )
    twice = ppo.trained(once, improving).mind
    for one, two in zip(once.actor.parameters(), twice.actor.parameters(), strict=True):
        assert not torch.equal(one, two)


def test_an_optimal_adversary_begins_nearly_at_the_steady_shift(task):
    task = dataclasses.replace(task)
    task.__dict__["shift"] = SteadyShift(torch.tensor([[0.02, -0.05, 0.0, 0.01]]))
    begun = suite._shift(task)
    still = torch.zeros_like(mind(task, 4).actor[-1].weight)
    thinking = mind(task, 4)
    thinking.actor[-1].weight.data.copy_(still)
    thinking.actor[-1].bias.data.copy_(begun)
    at = scene(small("discrete"), task.budget)
    steady = task.shift.delta(at)
    torch.testing.assert_close(OptimalAdversary(thinking).delta(at), suite.BEGUN * steady)


def test_the_best_of_several_goes_on(task, monkeypatch):
    calls = []

    def practised(mind, practice):
        calls.append((practice.iterations, practice.seed, mind.actor[-1].bias.detach().tolist()))
        return ppo.Trained(mind, level=(3.0, 7.0, 5.0, 0.0)[len(calls) - 1])

    monkeypatch.setattr(suite, "trained", practised)
    start = torch.tensor([1.0, -1.0])
    made = suite.Learned(PolicyDirector, lambda task: start, longer=9)(task)
    assert [iterations for iterations, _, _ in calls] == [suite.SHORT] * 3 + [9]
    assert len({seed for _, seed, _ in calls}) == 4
    assert [bias for _, _, bias in calls] == [[1.0, -1.0]] * 4
    assert isinstance(made, PolicyDirector) and not made.exploring
    del calls[:]
    suite.Learned(PolicyDirector, lambda task: start)(task)
    assert len(calls) == 1


def test_practice_ends_when_nothing_gets_better(task):
    levels = iter([5.0, 9.0, *[8.0] * 100])
    played = []

    def gains(rollouts):
        played.append(rollouts)
        return np.full(len(rollouts.rewards), next(levels) * 8 / len(rollouts.rewards))

    endless = dataclasses.replace(
        practice(task, OptimalAdversary, 200),
        play=lambda mind, seed: task.play(OptimalAdversary(mind, True), 1, seed, "practice"),
        gains=gains,
    )
    found = ppo.trained(mind(task, 4), endless)
    assert len(played) == 2 + ppo.PATIENCE
    assert found.level == pytest.approx(72)


def test_a_mind_tries_standard_normal_numbers():
    mind = Mind(torch.zeros(3, 4), torch.zeros(6))
    assert mind.draws == 2
    draws = torch.rand(20000, 2, 4, generator=torch.Generator().manual_seed(0))
    tries = mind.tries(draws)
    assert tries.shape == (20000, 6)
    # of 20,000 numbers, beyond 5 standard errors with probability below 1e-5
    assert tries.mean(0).abs().max() < 5 / 20000**0.5
    assert (tries.std(0) - 1).abs().max() < 5 / (2 * 20000) ** 0.5


def test_likelihood_is_that_of_a_normal_distribution():
    mind = Mind(torch.randn(9, 4, generator=torch.Generator()), torch.zeros(3))
    seen, chosen = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(0))
    normal = torch.distributions.Normal(mind(seen), mind.spread.exp())
    expected = normal.log_prob(chosen[:, :3]).sum(1) + 1.5 * np.log(2 * np.pi)
    torch.testing.assert_close(mind.likelihood(seen, chosen[:, :3]), expected)


def test_a_mind_is_frozen_into_its_attack():
    attack = PolicyDirector(Mind(torch.zeros(3, 4), torch.zeros(2)))
    with pytest.raises(dataclasses.FrozenInstanceError):
        attack.exploring = True  # pyright: ignore
