"""The analyzer: against published numbers, and against adversaries whose worst is known."""

from pathlib import Path

import gymnasium
import handmade
import numpy as np
import pytest
import torch
from policyscope_certify.certify import Certify
from policyscope_certify.noise import SmoothingNoise
from scipy import stats
from torch import nn

from policyscope import analysis
from policyscope.analyzers.subject import Subject
from policyscope.errors import UsageError
from policyscope.policies.loading import load
from policyscope.policies.policy import FeedForward, Memory, Policy, Scores
from policyscope.reports.results import Certificate
from policyscope.rollouts.actors import Greedy
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.lanes import Lanes, SeparateLanes
from policyscope.rollouts.seeds import Generators

PUBLISHED = Path(__file__).parents[3] / "shared" / "checkpoints" / "silver-ppo-CartPole-v1.zip"
SHORT = Environment("CartPole-v1", {"max_episode_steps": 200})
Z = stats.norm.cdf


def answered(subject: Subject, **asked) -> Certificate:
    alone = {"attacked_episodes": 0}  # see test_opposition.py
    result = Certify(**(alone | asked)).run(subject, np.random.default_rng(0))
    assert isinstance(result, Certificate), result
    return result


@pytest.fixture(scope="module")
def subject(examples):
    return Subject.observed(load(examples / "cartpole_smoothed.zip"), SHORT, 5, 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sigma", "expected"),
    [(0.2, [143.0, 85.8, 40.9, 15.2, 0.5]), (0.4, [54.3, 40.1, 29.1, 20.9, 10.4])],
)
def test_a_published_policy_is_certified_what_others_found(sigma, expected):
    if not PUBLISHED.is_file():
        pytest.skip("needs the published checkpoints in ../shared/checkpoints")
    subject = Subject.observed(load(PUBLISHED), SHORT, 2, 0)
    budgets = (0.0, 0.2, 0.4, 0.6, 1.0)
    found = answered(subject, sigma=(sigma,), budgets=budgets, episodes=10_000)
    # both rest on 10,000 episodes of their own: four standard errors of a difference of means
    error = 4 * np.sqrt(2) * found.noisy.std() / 100
    np.testing.assert_allclose(found.bounds[0], expected, atol=error)
    np.testing.assert_allclose(found.bounds[0][-1], expected[-1], atol=0.2)


class Glance(gymnasium.Env):
    """One or two frames of a number; the return is 1 where every action was 1."""

    def __init__(self, looks: int) -> None:
        self.looks = looks
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float32)
        self.action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.left, self.right = self.looks, True
        return np.array([0, -100], np.float32), {}

    def step(self, action):
        self.left -= 1
        self.right = self.right and bool(action)
        over = self.left == 0
        return np.array([0, 100], np.float32), float(over and self.right), over, False, {}


for looks in (1, 2):
    gymnasium.register(f"Glance-v{looks}", lambda looks=looks: Glance(looks))


class Stacked(Environment):
    """The last two frames at once, as policies of games see them."""

    frame_stack = 2

    @property
    def batch(self) -> int:
        return 32

    def lanes(self, count: int) -> Lanes:
        return SeparateLanes(lambda: gymnasium.make(self.id), count)


class FirstFrame(nn.Module):
    """Action 1 where the first frame's number was above −a, as it is seen now in the stack."""

    def __init__(self, a: float) -> None:
        super().__init__()
        self.a = a

    def forward(self, stack: torch.Tensor, memory: Memory) -> tuple[torch.Tensor, Memory]:
        begun = stack[:, -1, 1] < 0  # a flag far beyond any noise
        x = torch.where(begun, stack[:, -1, 0], stack[:, 0, 0])
        return torch.stack([torch.zeros_like(x), x + self.a], 1), memory


def stacked_subject(a: float) -> Subject:
    policy = Policy(
        FirstFrame(a).eval(),
        2,
        handmade.CHECKPOINT,
        observation_shape=(2, 2),
        action_space=gymnasium.spaces.Discrete(2),
        meaning=Scores.LOGITS,
    )
    environment = Stacked("Glance-v2")
    greedy = Greedy(policy)
    from policyscope.rollouts.play import play

    return Subject(
        policy, environment, play(greedy, environment, 2), 0, policy.action_space, (), ()
    )


class AllAtOnce:
    """The worst adversary: its whole budget on the first frame, whatever the noise will be."""

    purpose = SmoothingNoise.purpose

    def __init__(self, budget: float, sigma: float) -> None:
        self.budget, self.noise = budget, SmoothingNoise(sigma)

    def perturb(self, observations: np.ndarray, episodes: np.ndarray, generators: Generators):
        first = observations[:, 1] < 0
        moved = observations - np.stack([self.budget * first, 0 * first], 1)
        return self.noise.perturb(moved.astype(np.float32), episodes, generators)


def test_frames_in_a_stack_are_noisy_once_so_the_worst_adversary_stays_above_the_certificate():
    """With fresh noise on the whole stack the same adversary would push below it."""
    a, sigma, budget, n = 0.8, 0.4, 0.8, 4000
    subject = stacked_subject(a)
    asked = {"sigma": (sigma,), "budgets": (budget,), "goal": (1.0,), "episodes": n, "images": n}
    found = answered(subject, **asked)
    error = 4 / np.sqrt(4 * n)
    adversary = AllAtOnce(budget, sigma)
    attacked = subject.returns(Greedy(subject.policy), adversary, n, 1, "attacked").mean()
    assert found.bounds[0, 0] <= attacked + error
    truth = Z((a - budget) / sigma)
    assert attacked == pytest.approx(truth, abs=error)
    assert truth - 0.1 <= found.bounds[0, 0] <= truth
    assert found.noisy.mean() == pytest.approx(Z(a / sigma), abs=error)


@pytest.mark.slow
@pytest.mark.parametrize("budget", [0.0, 0.5])
def test_an_answer_is_wrong_as_rarely_as_it_says(budget):
    """A tenth of two hundred answers may be above what the worst adversary leaves."""
    a, sigma, alpha = 0.3, 0.4, 0.1
    body = handmade.linear([[0.0, 0.0], [1.0, 0.0]], [0.0, a])
    policy = Policy(FeedForward(body).eval(), 2, handmade.CHECKPOINT)
    environment = Environment("Glance-v1")
    alone = {"attacked_episodes": 0}
    asked = Certify((sigma,), (budget,), episodes=40, alpha=alpha, goal=(1.0,), **alone)
    fitted = policy.fitted_to(*environment.spaces(), environment.id)
    bounds = []
    for seed in range(200):
        one = Subject.observed(fitted, environment, 2, seed)
        result = asked.run(one, np.random.default_rng(0))
        assert isinstance(result, Certificate)
        bounds.append(result.bounds[0, 0])
    wrong = np.mean(np.array(bounds) > Z((a - budget) / sigma))
    assert wrong <= alpha + 4 * np.sqrt(alpha * (1 - alpha) / 200)
    assert np.mean(bounds) >= Z((a - budget) / sigma) - 0.25
    assert len(set(bounds)) > 5  # each answer rests on episodes of its own


def test_the_certificate_stands_beside_the_clean_and_the_noisy_return(subject):
    found = answered(subject, sigma=(0.2, 0.8), budgets=(0.0, 0.2), episodes=300)
    assert found.clean.tolist() == [200] * 5
    assert found.noisy.shape == (2, 300)
    measures = {m.key: m.estimate for m in found.measures()}
    chosen, same = (measures[f"return_lower_bound[l2=0.2{s}]"].value for s in ("", ",sigma=0.2"))
    assert chosen == same == found.bounds[0, 1]
    assert 100 < chosen < measures["noisy_return[sigma=0.2]"].value
    assert measures["noisy_return[sigma=0.8]"].value < 100
    assert measures["clean_return"].value == 200
    one = measures["return_lower_bound[l2=0.2]"]
    assert (one.low, one.n, one.confidence) == (one.value, 300, 0.95)
    assert one.high == measures["noisy_return[sigma=0.2]"].high


def test_several_sigmas_share_the_confidence(subject):
    alone = answered(subject, sigma=(0.2,), alpha=0.05, episodes=200)
    among = answered(subject, sigma=(0.2, 0.4, 0.3, 0.8, 0.6), alpha=0.25, episodes=200)
    np.testing.assert_array_equal(among.bounds[0], alone.bounds[0])


def test_deviations_scale_noise_and_budget_alike(subject):
    found = answered(subject, units="deviations", episodes=50)
    spread = subject.rollouts.observations.astype(float).std(0)
    np.testing.assert_allclose(found.scale, spread, rtol=1e-6)
    assert found.unit == "standard deviations" and "standard deviations" in found.threat
    raw = answered(subject, episodes=50)
    assert raw.unit == "environment units" and len(raw.scale) == 0
    assert not np.array_equal(found.noisy, raw.noisy)


def test_returns_below_zero_are_certified_from_their_floor(examples):
    environment = Environment("Pendulum-v1")
    subject = Subject.observed(load(examples / "pendulum_sac.zip"), environment, 3, 0)
    found = answered(subject, sigma=(0.2,), budgets=(0.0, 0.2, 9.0), episodes=100)
    assert found.floor == pytest.approx(-3254.7, abs=0.1)
    assert "Clopper–Pearson at 1000 values" in found.method
    low, noisy = found.bounds[0], found.noisy.mean()
    assert found.floor <= low[2] < low[1] < low[0] < noisy < 0
    unbounded = answered(subject, sigma=(0.2,), floor=(-4000.0,), episodes=100)
    assert unbounded.floor == -4000 and "1000 values" in unbounded.method


def test_memory_is_no_obstacle(examples, monkeypatch):
    monkeypatch.syspath_prepend(examples)
    environment = Environment("hidden_velocities:CartPoleHiddenVelocity-v1")
    subject = Subject.observed(load(examples / "cartpole_recurrent.zip"), environment, 3, 0)
    found = answered(subject, sigma=(0.01,), budgets=(0.0, 0.005), floor=(0.0,), episodes=60)
    assert "Dvoretzky" in found.method
    assert 0 < found.bounds[0, 1] < found.bounds[0, 0] < found.noisy.mean()


@pytest.mark.slow
def test_images_are_certified_in_whole_pixel_ranges(examples):
    environment = Environment("PongNoFrameskip-v4")
    subject = Subject.observed(load(examples / "pong_ppo.cleanrl_model"), environment, 2, 0)
    found = answered(subject, sigma=(0.02,), budgets=(0.0, 0.02), units="deviations", images=8)
    assert found.unit == "pixel ranges" and set(found.scale) == {255.0}
    assert -21 == found.floor < found.bounds[0, 1] < found.bounds[0, 0] < found.noisy.mean()


def test_a_floor_that_an_episode_falls_below_is_refused(subject):
    with pytest.raises(UsageError, match=r"returned .* below the floor of 150"):
        answered(subject, sigma=(0.8,), floor=(150.0,), episodes=20)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"sigma": (0.0,)}, "each sigma above 0"),
        ({"sigma": (-0.2, 0.1)}, "each sigma above 0"),
        ({"sigma": ()}, "each sigma above 0"),
        ({"sigma": (0.2, 0.2)}, "each sigma"),
        ({"sigma": (float("nan"),)}, "each sigma above 0"),
        ({"sigma": (float("inf"),)}, "each sigma above 0"),
        ({"budgets": (-0.1,)}, "Budgets are 0 or more"),
        ({"budgets": ()}, "Budgets are 0 or more"),
        ({"alpha": 0.0}, "alpha is above 0"),
        ({"alpha": 1.0}, "alpha is above 0 and at most 0.5, not 1.0"),
        ({"alpha": 0.7}, "at most 0.5"),
        ({"quantile": 1.0}, "quantile"),
        ({"episodes": 1}, "at least 2 episodes"),
        ({"units": "metres"}, "deviations or environment, not 'metres'"),
        ({"action_tolerance": 0.0}, "action_tolerance is above 0 and at most 2, not 0.0"),
        ({"floor": (0.0, 1.0)}, "one floor"),
        ({"goal": (float("inf"),)}, "finite"),
    ],
)
def test_parameters_without_a_meaning_are_refused(asked, sentence):
    with pytest.raises(ValueError, match=sentence):
        Certify(**asked)


def test_one_number_or_several_may_be_set_from_the_command_line():
    (one,) = analysis.configured(["certify"], {"certify.sigma": "0.3"}).values()
    (two,) = analysis.configured(["certify"], {"certify.sigma": "0.3,1"}).values()
    assert (one.sigma, two.sigma) == ((0.3,), (0.3, 1))
    for wrong in ("-0.3", "all"):
        with pytest.raises(UsageError, match=r"sigma"):
            analysis.configured(["certify"], {"certify.sigma": wrong})
