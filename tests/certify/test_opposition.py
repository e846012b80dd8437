"""Both sides of the truth: certified ≤ true ≤ attacked, and a broken certificate is found out."""

import gymnasium
import handmade
import numpy as np
import pytest
from policyscope_certify import smoothing
from policyscope_certify.before_noise import BeforeNoise
from policyscope_certify.certify import Certify
from policyscope_certify.noise import SmoothingNoise
from policyscope_certify.opposition import spread
from scipy import stats
from typer.testing import CliRunner

from policyscope import registry
from policyscope.analyzers.subject import Subject
from policyscope.cli import app
from policyscope.errors import UsageError
from policyscope.policies.loading import load
from policyscope.policies.policy import FeedForward, Policy
from policyscope.reports.figures import draw
from policyscope.reports.findings.certificate import from_certificate
from policyscope.reports.report import read
from policyscope.reports.results import Certificate
from policyscope.rollouts.actors import Greedy
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.play import play
from policyscope.rollouts.seeds import generator
from policyscope.rollouts.threat import Opponents, Threat

SHORT = Environment("CartPole-v1", {"max_episode_steps": 60})
A, SIGMA, B = 0.8, 0.4, 0.8


class OneLook(gymnasium.Env):
    """One number; the return is 1 where the action was 1. Under attack it is known, see `TRUTH`."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(1, np.float32), {}

    def step(self, action):
        return np.zeros(1, np.float32), float(action), True, False, {}


gymnasium.register("OneLook-v0", OneLook)
TRUTH = float(stats.norm.cdf((A - B) / SIGMA))
"""The policy takes action 1 where it sees more than −A, and the adversary moves it down by B."""


class Pushing:
    """Moves everything by so much at every step; the worst adversary of one look."""

    purpose = "pushing"

    def __init__(self, move: float) -> None:
        self.move = move

    def attack(self, observations, sight, generators):
        for episode in sight.episodes.tolist():
            generators.of(episode).random()  # of its own: no noise to come is known or used up
        return observations + np.float32(self.move)


class Cheating:
    """Moves by far too much, to what is no number, and what it was only lent."""

    purpose = "cheating"

    def attack(self, observations, sight, generators):
        observations[:] = 7
        sight.episodes[:] = 0
        for part in sight.memory:
            part[:] = 7
        wild = np.array([1e6, np.nan, -np.inf, 1e38])
        return np.broadcast_to(wild, observations.shape)


def planted(monkeypatch, **adversaries) -> None:
    """Only these are installed."""
    makers = {
        name: lambda threat, make=make: {"one": make(threat)} for name, make in adversaries.items()
    }
    monkeypatch.setattr(registry, "everything", lambda group: (makers, ()))


@pytest.fixture(scope="module")
def looking() -> Subject:
    body = handmade.linear([[0.0], [1.0]], [0.0, A])
    policy = Policy(FeedForward(body).eval(), 2, handmade.CHECKPOINT)
    return Subject.observed(policy, Environment("OneLook-v0"), 2, 0)


@pytest.fixture(scope="module")
def balancing(examples) -> Subject:
    return Subject.observed(load(examples / "cartpole_ppo.zip"), SHORT, 4, 0)


def answered(subject: Subject, **asked) -> Certificate:
    result = Certify(**({"action_states": 0} | asked)).run(subject, np.random.default_rng(0))
    assert isinstance(result, Certificate), result
    return result


def looked(subject: Subject, **asked) -> Certificate:
    known = {"sigma": (SIGMA,), "budgets": (0.0, B), "goal": (1.0,), "attacked_episodes": 200}
    return answered(subject, **(known | asked))


def measured(result: Certificate) -> dict:
    return {measure.key: measure.estimate for measure in result.measures()}


def test_the_worst_adversary_is_what_the_theorem_says_and_contradicts_nothing(looking, monkeypatch):
    planted(monkeypatch, idle=lambda t: Pushing(0), worst=lambda t: Pushing(-t.budget))
    found = looked(looking)
    measures = measured(found)
    attacked = measures[f"attacked_success[l2={B},sigma={SIGMA}]"]
    assert attacked.value == pytest.approx(TRUTH, abs=4 * 0.5 / np.sqrt(200))
    assert found.bounds[0, 1] <= TRUTH <= found.attacked.limits[0, 0]
    assert found.attacked.strongest == (("worst.one",),)
    assert measures["consistent"].value == 1 and measures["consistent"].confidence == 0.999
    assert measures[f"success_lower_bound[l2={B}]"].high == attacked.high < 0.65
    lost = measures[f"attacked_loss[l2={B},sigma={SIGMA}]"]
    assert lost.value == pytest.approx(stats.norm.cdf(A / SIGMA) - TRUTH, abs=0.15)
    assert "G4" not in {finding.code for finding in from_certificate("certify", found)}


def test_a_certificate_of_half_the_budget_is_contradicted(looking, monkeypatch):
    planted(monkeypatch, worst=lambda t: Pushing(-t.budget))
    right = smoothing.under_attack
    monkeypatch.setattr(smoothing, "under_attack", lambda p, b, s: right(p, b / 2, s))
    found = looked(looking)
    assert measured(found)["consistent"].value == 0
    assert found.contradictions == ((0, 1),)
    told = next(from_certificate("certify", found))
    assert (told.code, told.severity) == ("G4", "critical")
    assert "worst.one left" in told.sentence and "99.9% confidence" in told.sentence
    (drawn,) = draw("certify", found)
    assert "wrong order" in drawn.caption


def test_chance_contradicts_a_right_certificate_as_rarely_as_it_says(looking, monkeypatch):
    """With a certificate that is exactly the truth: never in forty, where 0.04 are allowed."""
    planted(monkeypatch, worst=lambda t: Pushing(-t.budget))
    policy, environment = looking.policy, looking.environment
    monkeypatch.setattr(smoothing, "under_attack", lambda p, b, s: np.full((len(b), len(p)), TRUTH))
    for seed in range(40):
        one = Subject.observed(policy, environment, 2, seed)
        assert not looked(one, attacked_episodes=20, episodes=2).contradictions


def test_a_cheat_is_cut_to_its_budget(balancing):
    sigma, budget, seed = 0.05, 0.3, 3
    unit = np.array([1.0, 0.5, 2.0, 1.0])
    threat = Threat(balancing.policy, balancing.visited, unit, budget, sigma)
    between = BeforeNoise(Cheating(), threat, seed)
    rollouts = play(Greedy(balancing.policy), SHORT, 5, seed, perturbation=between, lanes=3)
    untouched = play(Greedy(balancing.policy), SHORT, 5, seed)
    np.testing.assert_array_equal(
        rollouts.observations[rollouts.first_steps], untouched.observations[untouched.first_steps]
    )
    for episode, first in enumerate(rollouts.first_steps.tolist()):
        steps = slice(first, first + rollouts.lengths[episode])
        own = generator(seed, SmoothingNoise.purpose, episode)
        noise = own.standard_normal((rollouts.lengths[episode], 4)) * sigma * unit
        moved = (rollouts.shown[steps] - rollouts.observations[steps] - noise) / unit
        assert np.sqrt(np.square(moved).sum()) == pytest.approx(budget, rel=1e-4)


def test_who_does_nothing_leaves_the_noisy_episodes_as_they_are(balancing, monkeypatch):
    planted(monkeypatch, idle=lambda t: Pushing(0))
    found = answered(balancing, budgets=(0.0, 0.2, 0.4), attacked_episodes=8, episodes=20)
    for left in found.attacked.returns[0]:
        np.testing.assert_array_equal(left, found.attacked.untouched[0])
    assert measured(found)["attacked_loss[l2=0.2,sigma=0.2]"].value == 0


def test_what_is_left_of_a_budget_is_an_upper_bound_for_all_larger_ones(balancing, monkeypatch):
    planted(monkeypatch, push=lambda t: Pushing(t.budget))
    asked = {"budgets": (0.0, 0.1, 0.2, 0.3, 0.4), "attacked_budgets": 1, "attacked_episodes": 4}
    found = answered(balancing, episodes=20, **asked)
    assert found.attacked.budgets == (0.3,)
    measures = measured(found)
    assert "attacked_return[l2=0.2,sigma=0.2]" not in measures
    same = [measures[f"attacked_return[l2={b},sigma=0.2]"].value for b in (0.3, 0.4)]
    assert same == [found.attacked.returns[0, 0].mean()] * 2


def test_without_adversaries_the_certificate_is_the_same_and_says_so(balancing, monkeypatch):
    beside = answered(balancing, episodes=30, attacked_episodes=4)
    for makers, broken, reason in (
        ({}, (), "none installed"),
        ({"timed": lambda threat: {}}, (), "timed installed"),
        ({}, ("The plug-in 'x' cannot be imported.",), "'x' cannot be imported"),
    ):
        monkeypatch.setattr(registry, "everything", lambda group, m=makers, b=broken: (m, b))
        alone = answered(balancing, episodes=30)
        np.testing.assert_array_equal(alone.bounds, beside.bounds)
        assert alone.attacked is None and reason in alone.alone
        assert not any("attacked" in key or key == "consistent" for key in measured(alone))
        (drawn,) = draw("certify", alone)
        assert f"No adversary stands beside the certificate: {alone.alone}." in drawn.caption
        assert "G5" in {finding.code for finding in from_certificate("certify", alone)}
    assert answered(balancing, episodes=30, attacked_episodes=0).alone == "none was asked for"


def test_those_of_attacks_are_found_and_take_something(balancing):
    makers, broken = registry.everything(registry.ADVERSARIES)
    assert not broken and isinstance(makers["timed"], Opponents)
    found = answered(balancing, budgets=(1.0,), episodes=200, attacked_episodes=16)
    assert found.attacked.strongest[0][0].startswith("timed.")
    assert found.attacked_loss(0, 0).value > 1
    assert measured(found)["consistent"].value == 1
    again = answered(balancing, budgets=(1.0,), episodes=200, attacked_episodes=16)
    np.testing.assert_array_equal(found.attacked.returns, again.attacked.returns)


def test_an_adversary_that_gets_below_the_floor_shows_that_there_is_none(balancing, monkeypatch):
    planted(monkeypatch, worst=lambda t: Pushing(-1))
    with pytest.raises(UsageError, match="below the floor of 30"):
        answered(
            balancing, sigma=(0.01,), budgets=(9.0,), floor=(30.0,), episodes=5, attacked_episodes=4
        )


@pytest.mark.parametrize(
    ("budgets", "most", "expected"),
    [
        ((0.0, 0.2, 0.1), 5, (0.1, 0.2)),
        (tuple(np.arange(11) / 10), 2, (0.3, 0.8)),
        (tuple(np.arange(11) / 10), 1, (0.6,)),
        ((0.0,), 3, ()),
        ((0.5,), 0, ()),
    ],
)
def test_budgets_are_spread(budgets, most, expected):
    assert spread(budgets, most) == pytest.approx(expected)


def test_a_contradiction_is_the_first_thing_said_and_fails_the_command(
    examples, tmp_path, monkeypatch
):
    usual = registry.everything
    makers = {"planted": lambda threat: {"push": Pushing(-1)}}
    monkeypatch.setattr(
        registry,
        "everything",
        lambda group: (makers, ()) if group == registry.ADVERSARIES else usual(group),
    )
    right = smoothing.under_attack
    monkeypatch.setattr(smoothing, "under_attack", lambda p, b, s: right(p, 0 * b, s))
    monkeypatch.chdir(tmp_path)
    words = ["analyze", str(examples / "cartpole_ppo.zip"), "--env", "CartPole-v1"]
    short = ["--env-arg", "max_episode_steps=60", "--episodes", "2", "--only", "certify"]
    few = {"sigma": 0.01, "budgets": 9, "episodes": 500, "action_states": 0}
    settings = [word for key, value in few.items() for word in ("--set", f"certify.{key}={value}")]
    result = CliRunner().invoke(app, words + short + settings)
    assert result.exit_code == 1, result.output
    report = read(tmp_path / "cartpole_ppo-report")
    assert report.findings[0].code == "G4"
    assert report.measure("certify.consistent").estimate.value == 0
    assert "✗ critical" in result.stdout
    page = (tmp_path / "cartpole_ppo-report" / "report.html").read_text()
    assert "got below the certificate" in page
