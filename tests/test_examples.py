"""What the examples register is what they say, and their checkpoints earn what is claimed."""

import re
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from policyscope_certify.noise import SmoothingNoise

from policyscope import Environment, Greedy, load, play
from policyscope.analyzers.subject import Subject
from policyscope.rollouts.features import features_of

HIDDEN = "hidden_velocities:CartPoleHiddenVelocity-v1"
DISTRACTED = "distractors:CartPoleDistracted-v1"
PONG = "baby_a3c_pong:BabyA3CPong-v4"
PUBLISHED = Path(__file__).parents[2] / "shared" / "checkpoints"


@pytest.fixture(autouse=True)
def on_the_path(monkeypatch, examples):
    monkeypatch.syspath_prepend(examples)


def actor(path, environment: Environment, **hints) -> Greedy:
    return Greedy(load(path, **hints).fitted_to(*environment.spaces(), environment.id))


def test_hidden_velocities_are_the_only_difference_to_cartpole():
    hidden, whole = gymnasium.make(HIDDEN), gymnasium.make("CartPole-v1")
    (seen, _), (state, _) = hidden.reset(seed=3), whole.reset(seed=3)
    steps, ended = 0, False
    while not ended:
        assert_allclose(seen, state[[0, 2]] / [2.4, 12 * np.pi / 180], rtol=1e-6)
        assert seen in hidden.observation_space
        action = int(state[2] + state[3] > 0)
        seen, *rest = hidden.step(action)
        state, *same = whole.step(action)
        assert rest == same
        steps, ended = steps + 1, any(rest[1:3])
    assert steps > 50
    assert hidden.spec.max_episode_steps == whole.spec.max_episode_steps


def test_a_policy_that_remembers_balances_without_seeing_velocities(examples):
    path, environment = examples / "cartpole_recurrent.zip", Environment(HIDDEN)
    assert path.stat().st_size <= 300_000
    greedy = actor(path, environment)
    assert greedy.policy.memory_shapes != ()
    returns = play(greedy, environment, 50).returns
    assert returns.mean() >= 400


def test_whole_episodes_are_those_of_the_library(examples):
    from sb3_contrib import RecurrentPPO

    path, environment = examples / "cartpole_recurrent.zip", Environment(HIDDEN)
    library = RecurrentPPO.load(path, device="cpu")
    greedy = actor(path, environment)
    rollouts = play(greedy, environment, 4, lanes=3)
    ends = rollouts.lengths.cumsum()[:-1]
    episodes = zip(
        np.split(rollouts.observations, ends), np.split(rollouts.actions, ends), strict=True
    )
    for observations, actions in episodes:
        state, memory = None, greedy.policy.initial_memory(1)
        for step, (observation, action) in enumerate(zip(observations, actions, strict=True)):
            begun = np.array([step == 0])
            scores, memory = greedy.policy.scores(torch.from_numpy(observation[None]), memory)
            if state is not None:
                expected = distribution(library, observation, state)
                assert_allclose(scores.log_softmax(1), expected, atol=1e-5)
            chosen, state = library.predict(observation[None], state, begun, deterministic=True)
            assert chosen == action


def distribution(library, observation: np.ndarray, state) -> torch.Tensor:
    """The logarithms of the probabilities with which the library would sample."""
    before = tuple(torch.from_numpy(part) for part in state)
    found, _ = library.policy.get_distribution(
        torch.from_numpy(observation[None]), before, torch.zeros(1)
    )
    return found.distribution.logits.detach()


def test_distractors_are_the_only_difference_to_cartpole():
    distracted, whole = gymnasium.make(DISTRACTED), gymnasium.make("CartPole-v1")
    (seen, _), (state, _) = distracted.reset(seed=3), whole.reset(seed=3)
    steps, ended = 0, False
    while not ended:
        assert_allclose([seen[name][0] for name in list(seen)[:4]], state)
        assert seen in distracted.observation_space
        action = int(state[2] + state[3] > 0)
        seen, *rest = distracted.step(action)
        state, *same = whole.step(action)
        assert rest == same
        steps, ended = steps + 1, any(rest[1:3])
    assert steps > 50
    assert distracted.spec.max_episode_steps == whole.spec.max_episode_steps


def test_distractors_are_noise_and_drifts_of_their_seed():
    import distractors

    env = distractors.make()
    names = [feature.name for feature in features_of(DISTRACTED, env.observation_space)]
    assert tuple(names) == distractors.STATE + distractors.DISTRACTORS

    def drawn(seed, steps=10_000):
        env.reset(seed=seed)
        seen = (env.step(0)[0] for _ in range(steps))
        return np.array([[s[name][0] for name in distractors.DISTRACTORS] for s in seen])

    with pytest.warns(UserWarning, match="even though this environment has already returned"):
        numbers, again, other = drawn(7), drawn(7, 50), drawn(8, 50)
    assert (again == numbers[:50]).all() and (other != again).all()
    after = [np.corrcoef(column[1:], column[:-1])[0, 1] for column in numbers.T]
    # standard errors are 0.01; those of drifts' own means and variances 0.14
    assert_allclose(after, [0, 0, 0.99, 0.99], atol=0.03)
    assert_allclose(numbers.mean(0), 0, atol=0.6)
    assert_allclose(numbers.std(0), 1, atol=0.5)


class Without(torch.nn.Module):
    """A network to which some features are always zero."""

    def __init__(self, network, features) -> None:
        super().__init__()
        self.network, self.features = network, features

    def forward(self, observations, memory):
        return self.network(observations.index_fill(1, torch.tensor(self.features), 0), memory)


def test_a_policy_among_distractors_does_not_need_them(examples):
    path, environment = examples / "cartpole_distracted.zip", Environment(DISTRACTED)
    policy = actor(path, environment).policy
    rollouts = play(Greedy(policy), environment, 8)
    assert rollouts.returns.mean() >= 475

    def left_without(*features):
        blind = policy.behind(lambda network: Without(network, features))
        return play(Greedy(blind), environment, 8).returns.mean()

    assert left_without(4, 5, 6, 7) >= 475
    assert all(left_without(feature) < 475 for feature in range(4))
    seen = torch.from_numpy(rollouts.observations[::9]).requires_grad_()
    preference = policy.scores(seen)[0] @ torch.tensor([-1.0, 1.0])
    (slopes,) = torch.autograd.grad(preference.sum(), seen)
    weight = slopes.abs().mean(0) * seen.std(0)
    assert weight[4:].max() < weight[:4].min() / 4


def test_pong_is_seen_as_baby_a3c_saw_it():
    images = pytest.importorskip("PIL.Image", reason="pillow resized frames for baby-a3c")
    import baby_a3c_pong

    game = gymnasium.make(PONG)
    assert game.reset(seed=0)[0] in game.observation_space
    for _ in range(60):
        seen, *_ = game.step(2)
        grey = game.unwrapped.ale.getScreenRGB()[35:195].mean(2)
        low, high = grey.min(), grey.max()
        stretched = ((grey - low) * (255 / (high - low)) + 0.5).astype(np.uint8)
        expected = images.fromarray(stretched).resize((80, 80), images.Resampling.BILINEAR)
        # torch and pillow round the same numbers, at most by one differently
        assert abs(seen[0].astype(int) - np.asarray(expected)).max() <= 1
    assert (baby_a3c_pong.seen(np.full((210, 160, 3), 90, np.uint8)) == 0).all()


@pytest.mark.slow
def test_a_published_policy_that_remembers_wins_at_pong():
    if not PUBLISHED.is_dir():
        pytest.skip("the folder of published checkpoints is not beside the repository")
    environment = Environment(PONG)
    greedy = actor(PUBLISHED / "a3c-gru-PongDeterministic-v4.tar", environment, activation="elu")
    # without sticky actions nothing is random, so one game tells all
    assert play(greedy, environment, 1).returns.tolist() == [21]


@pytest.mark.slow
def test_the_shipped_atari_policy_wins_at_pong(examples):
    path, environment = examples / "pong_ppo.cleanrl_model", Environment("PongNoFrameskip-v4")
    assert path.stat().st_size <= 2_000_000
    assert play(actor(path, environment), environment, 4).returns.mean() > 0


SHIPPED = {
    "cartpole_dqn.zip": "CartPole-v1",
    "cartpole_distracted.zip": DISTRACTED,
    "cartpole_ppo.zip": "CartPole-v1",
    "cartpole_smoothed.zip": "CartPole-v1",
    "cartpole_c51.cleanrl_model": "CartPole-v1",
    "pendulum_sac.zip": "Pendulum-v1",
    "pendulum_td3.cleanrl_model": "Pendulum-v1",
}
HUNDRED = np.arange(100)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_checkpoint_scores_what_its_script_says(name, examples):
    script = (examples / f"train_{name.partition('.')[0]}.py").read_text()
    said = re.search(r"scores\s+(-?[\d.]+) \+- ([\d.]+)\s+\(.* seeds 1000 to 1099", script)
    assert said is not None
    environment = Environment(SHIPPED[name])
    policy = actor(examples / name, environment).policy
    lanes, returns, playing = environment.lanes(100), np.zeros(100), HUNDRED
    seen = lanes.reset(HUNDRED, range(1000, 1100))
    while len(playing):
        with torch.inference_mode():
            chosen = policy.actions(policy.scores(torch.from_numpy(seen))[0])
        seen, rewards, terminated, truncated = lanes.step(playing, chosen)
        returns[playing] += rewards
        going = ~(terminated | truncated)
        seen, playing = seen[going], playing[going]
    lanes.close()
    assert [returns.mean(), returns.std()] == pytest.approx([float(s) for s in said.groups()], 1e-3)


@pytest.mark.parametrize("name", [name for name in SHIPPED if name.endswith(".zip")])
def test_a_shipped_zip_is_of_the_algorithm_that_its_script_trains(name, examples):
    script = (examples / f"train_{name.partition('.')[0]}.py").read_text()
    trained = re.search(r"from stable_baselines3 import (\w+)", script)
    assert trained is not None
    assert load(examples / name).checkpoint.algorithm == trained[1]


def test_a_policy_that_remembers_bears_noise_that_its_teacher_does_not(examples):
    """Returns of both under sigma = 0.2 have a deviation below 130: 3 standard errors are 40."""
    environment, path = Environment("Pendulum-v1"), examples / "pendulum_smoothed.zip"
    assert path.stat().st_size <= 60_000
    said = re.search(
        r"returns (-?[\d.]+), its\s+teacher\s+(-?[\d.]+)",
        (examples / "train_pendulum_smoothed.py").read_text(),
    )
    assert said is not None
    for name, mean in zip((path.name, "pendulum_sac.zip"), map(float, said.groups()), strict=True):
        subject = Subject.observed(load(examples / name), environment, 2, 0)
        greedy = Greedy(subject.policy)
        noisy = subject.returns(greedy, SmoothingNoise(0.2), 100, 1, "noise")
        assert noisy.mean() == pytest.approx(mean, abs=40)


def test_shipped_checkpoints_are_small(examples):
    assert all((examples / name).stat().st_size <= 150_000 for name in SHIPPED)
